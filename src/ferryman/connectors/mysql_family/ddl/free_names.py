"""Names that change hands within one ALTER TABLE: the server means all old names as they were before the statement.

A column (or index) whose name another one takes in the same statement is given a name that nobody has, before the actions
are played one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ferryman.connectors.mysql_family.ddl.draft import Draft
from ferryman.connectors.mysql_family.ddl.nodes import (
    Action,
    AddColumn,
    AddIndex,
    ChangeColumn,
    DropColumn,
    DropIndex,
    RenameColumn,
    RenameIndex,
    SetColumnVisible,
    SetDefault,
    Unsupported,
)

_Renaming = ChangeColumn | RenameColumn | RenameIndex


def free_names(taken: Iterable[str], count: int) -> list[str]:
    """Return names that nobody has."""
    folded = {name.casefold() for name in taken}
    candidates = (f"_ferryman_{number}" for number in range(1, len(folded) + count + 1))
    return [name for name in candidates if name not in folded][:count]


def with_free_names(draft: Draft, actions: Sequence[Action]) -> tuple[dict[str, str], Sequence[Action]]:
    """Free the names that change hands.

    Returns:
        The names that columns bear now → their own ones, and the actions with the names to play them with.
    """
    before = {column.name.casefold() for column in draft.columns}
    actions = [a for a in actions if not (isinstance(a, AddColumn) and a.if_not_exists and _folded(a) in before)]
    renaming = [action for action in actions if isinstance(action, ChangeColumn | RenameColumn)]
    if any(_is_done(draft, action) for action in renaming):
        return {}, _done(actions, {_new(action) for action in renaming})
    added = {_folded(a) for a in actions if isinstance(a, AddColumn)}
    taken = {_new(a) for a in renaming} | added
    given = [a for a in renaming if a.old.casefold() in taken and _new(a) != a.old.casefold()]
    if any(isinstance(a, SetDefault | SetColumnVisible) and a.column.casefold() in taken & before for a in actions):
        reason = "a column's default is set while its name changes hands"
        actions = [*actions, Unsupported(reason)] if given else actions
    left = {a.name.casefold() for a in actions if isinstance(a, DropColumn)} | {a.old.casefold() for a in renaming}
    if caught := _caught(draft, actions, added & before & left):
        actions = [*actions, Unsupported(f"index {caught} may go over to the new column of its old one's name")]
    names = dict(zip(map(id, given), free_names(before | taken, len(given)), strict=True))
    renamed = {}
    for action in given:
        at = draft.place_of(action.old)
        if at is not None:
            renamed[names[id(action)]] = draft.columns[at].name
            draft.rename_column(action.old, names[id(action)])
    return renamed, _indexes_freed(draft, [_renamed(action, names) for action in actions])


def _caught(draft: Draft, actions: Sequence[Action], added: set[str]) -> str:
    """Name an index that stays and has a column by whose name a new one comes: servers look for it by name, in order."""
    dropped = {action.name.casefold() for action in actions if isinstance(action, DropIndex)}
    indexes = (index for index in draft.indexes if index.name.casefold() not in dropped)
    return next((i.name for i in indexes if added & {column.casefold() for column in i.columns}), "")


def _indexes_freed(draft: Draft, actions: Sequence[Action]) -> Sequence[Action]:
    renaming = [action for action in actions if isinstance(action, RenameIndex)]
    made = [a.index.name for a in actions if isinstance(a, AddIndex) and a.index.name]
    taken = {_new(action) for action in renaming} | {name.casefold() for name in made}
    given = [action for action in renaming if action.old.casefold() in taken]
    names = dict(zip(map(id, given), free_names([*taken, *(i.name for i in draft.indexes)], len(given)), strict=True))
    for action in given:
        draft.rename_index(action.old, names[id(action)])
    return [_renamed(action, names) for action in actions]


def _is_done(draft: Draft, action: ChangeColumn | RenameColumn) -> bool:
    """Whether the schema shows the statement's effect: an old name is gone, and its new one is there."""
    if isinstance(action, ChangeColumn) and action.if_exists:
        return False
    return draft.place_of(action.old) is None and draft.place_of(_new(action)) is not None


def _done(actions: Sequence[Action], new: set[str]) -> list[Action]:
    """Return the actions for a table on which they have been carried out: by the new names, dropping none of these."""
    kept = [a for a in actions if not (isinstance(a, DropColumn) and a.name.casefold() in new)]
    return [
        replace(action, old=action.column.name) if isinstance(action, ChangeColumn) else action
        for action in kept
        if not isinstance(action, RenameColumn)
    ]


def _renamed(action: Action, names: dict[int, str]) -> Action:
    return replace(action, old=names[id(action)]) if isinstance(action, _Renaming) and id(action) in names else action


def _new(action: _Renaming) -> str:
    return (action.column.name if isinstance(action, ChangeColumn) else action.new).casefold()


def _folded(action: AddColumn) -> str:
    return action.column.name.casefold()

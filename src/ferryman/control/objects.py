"""What a project moves, with objects added or removed: pure functions from one `Selection` to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ferryman.foundation.errors import UsageError, cited
from ferryman.model.names import TableName
from ferryman.model.schema import ReferenceAction, Schema
from ferryman.model.selection import Selection, exact_pattern, matches, split_name, unquoted

T = TypeVar("T")

ACTING = frozenset({ReferenceAction.CASCADE, ReferenceAction.SET_NULL, ReferenceAction.SET_DEFAULT})
"""What foreign keys do to other rows without a word in the source's log."""


def with_added(
    selection: Selection, patterns: Sequence[str], rename: Mapping[str, str], known: Iterable[TableName] = ()
) -> tuple[Selection, Selection]:
    """Return what the project moves with the new objects, and the new objects alone.

    No table, now or later, may be in both what moved before and what is new: else its changes would be applied twice.
    So new objects are single tables, or whole databases of which nothing moves yet.

    Args:
        selection: What moves now.
        patterns: What is added: ``database.table`` or ``database.*``, without other wildcards.
        rename: New names of what is added.
        known: Source tables that move now; the new ones must not meet them at the target.

    Raises:
        UsageError: ``project.invalid``.
    """
    if not patterns:
        raise _refused("no object is named")
    exclude = selection.exclude
    for pattern in dict.fromkeys(patterns):
        exclude = _still_excluded(selection, exclude, pattern)
    objects = (*selection.objects, *dict.fromkeys(patterns)) if selection.objects else ()
    merged = replace(selection, objects=objects, exclude=exclude, rename=selection.rename | dict(rename))
    added = Selection(objects=tuple(dict.fromkeys(patterns)), exclude=exclude, rename=merged.rename)
    added = replace(added, where=_chosen(selection.where, added), columns=_chosen(selection.columns, added))
    _check_rename(selection, added, rename)
    _check_targets(selection, added, known)
    return merged, added


def _chosen(rules: Mapping[str, T], added: Selection) -> dict[str, T]:
    """Return the rules of the tables that are added: one that was removed before comes back under its rules."""
    return {name: rule for name, rule in rules.items() if added.includes(TableName(*name.partition(".")[::2]))}


def with_removed(selection: Selection, patterns: Sequence[str], known: Sequence[TableName] = ()) -> Selection:
    """Return what the project moves without these objects; ``project.invalid`` when they are none, or all."""
    if not patterns:
        raise _refused("no object is named")
    gone = tuple(dict.fromkeys(patterns))
    left = tuple(pattern for pattern in selection.objects if pattern not in gone)
    if selection.objects and not left:
        raise _refused("nothing would be left to move", hint="release the project instead")
    smaller = replace(selection, objects=left, exclude=(*selection.exclude, *gone))
    if known:
        _check_removal(selection, smaller, gone, known)
    return smaller


def check_cascades(schema: Schema, smaller: Selection) -> None:
    """Refuse to let a table go whose foreign keys act on tables that stay: what they do there is in no log."""
    for table in schema.tables:
        for key in table.foreign_keys:
            acts = {key.on_delete, key.on_update} & ACTING
            stays = smaller.includes(table.name) and not smaller.includes(key.parent)
            if acts and stays and schema.table(key.parent) is not None:
                raise _refused(
                    f"{key.parent} must stay as long as {table.name} does: its foreign key {key.name} acts on it",
                    hint="remove both, or take the action out of the foreign key first",
                )


def is_single(pattern: str) -> bool:
    """Whether a pattern names one table."""
    database, table = split_name(pattern)
    return bool(table) and not _is_wild(database) and not _is_wild(table)


def _is_wild(part: str) -> bool:
    quoted = len(part) > 1 and part[0] == part[-1] == "`"
    return not quoted and any(char in part for char in "*?")


def _still_excluded(selection: Selection, exclude: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    """Check one new pattern; returns what stays excluded with it."""
    database, table = split_name(pattern)
    if not database or _is_wild(database) or (table not in {"", "*"} and _is_wild(table)):
        raise _refused(f"{cited(pattern)} can be no new object: name single tables, or whole databases as `database.*`")
    if not is_single(pattern):
        if selection.includes_database(unquoted(database)):
            raise _refused(f"some of {cited(pattern)} moves already", hint="name the new tables one by one")
        return exclude
    name = TableName(unquoted(database), unquoted(table))
    if selection.follows(name):
        raise _refused(f"{name} moves already")
    kept = tuple(
        each for each in exclude if each not in {pattern, f"{name.database}.{name.table}", exact_pattern(name)}
    )
    if hiding := [each for each in kept if matches(each, name)]:
        raise _refused(f"{name} is excluded by {hiding[0]!r}, which excludes more than this table")
    return kept


def _check_rename(selection: Selection, added: Selection, rename: Mapping[str, str]) -> None:
    for old in rename:
        database, table = split_name(old)
        new = TableName(unquoted(database), unquoted(table))
        belongs = added.includes(new) if table else not selection.includes_database(new.database)
        if not belongs or selection.rename.get(old, rename[old]) != rename[old]:
            raise _refused(f"{cited(old)} is none of the new objects: it cannot get another name now")


def _check_targets(selection: Selection, added: Selection, known: Iterable[TableName]) -> None:
    taken = {selection.target_name(name) for name in known}
    databases = {name.database for name in taken}
    for pattern in added.objects:
        database, table = (unquoted(part) for part in split_name(pattern))
        target = added.target_name(TableName(database, table))
        if is_single(pattern) and target in taken:
            raise _refused(f"another table of the project is {target} at the target already")
        if not is_single(pattern) and target.database in databases:
            raise _refused(
                f"other tables of the project are in {target.database} at the target already",
                hint="name the new tables one by one",
            )


def _check_removal(selection: Selection, smaller: Selection, gone: Sequence[str], known: Sequence[TableName]) -> None:
    before = [name for name in known if selection.includes(name)]
    for pattern in gone:
        if not any(matches(pattern, name) for name in before):
            raise _refused(f"{cited(pattern)} names nothing that the project moves")
    if not any(smaller.includes(name) for name in before):
        raise _refused("nothing would be left to move", hint="release the project instead")


def _refused(message: str, hint: str = "") -> UsageError:
    return UsageError("project.invalid", message, hint=hint)

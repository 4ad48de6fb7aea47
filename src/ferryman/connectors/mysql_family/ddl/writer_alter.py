"""Writes the statements that turn one table of the target into another, from the two models alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.typemap import quoted_name, quoted_text
from ferryman.connectors.mysql_family.ddl.writer import (
    check_sql,
    column_sql,
    default_sql,
    foreign_key_sql,
    full_name,
    index_sql,
)
from ferryman.connectors.mysql_family.dialect.differences import expression_key, index_key, same_type
from ferryman.model.schema import Column, ForeignKey, Index, Table


def alter_sql(before: Table, after: Table, renamed: dict[str, str], *, one_action: bool) -> list[str]:
    """Write the statements from `before` to `after`.

    Args:
        before: The target's table as it is.
        after: As it shall be; the name is not changed here.
        renamed: New column names → old ones.
        one_action: Whether each action goes in a statement of its own (an engine may refuse some together); a primary
            key is still swapped in one.
    """
    actions = [
        *_dropped_keys(before, after, renamed),
        *_columns(before, after, renamed, one_action=one_action),
        *_added_keys(before, after, renamed),
        *_options(before, after),
    ]
    head = f"ALTER TABLE {full_name(before.name)} "
    if not actions:
        return []
    return [head + action for action in actions] if one_action else [head + ", ".join(actions)]


def _as_renamed(index: Index, renamed: dict[str, str]) -> Index:
    """Return the index with the new names of its columns."""
    new = {old.casefold(): name for name, old in renamed.items()}
    parts = tuple(
        replace(part, column=new.get(part.column.casefold(), part.column)) if part.column else part
        for part in index.parts
    )
    return replace(index, parts=parts)


def _changed_indexes(before: Table, after: Table, renamed: dict[str, str]) -> tuple[list[Index], list[Index]]:
    """Return the indexes that go and those that come; a changed one does both."""
    there = {index.name.casefold(): _as_renamed(index, renamed) for index in before.indexes}
    asked = {index.name.casefold(): index for index in after.indexes}
    again = {column.name.casefold() for column in _made_again(before, after)}
    keep = {
        name
        for name, index in asked.items()
        if name in there
        and _shape(index) == _shape(there[name])
        and not again & {column.casefold() for column in index.columns}
    }
    gone = [index for name, index in there.items() if name not in keep]
    return gone, [index for name, index in asked.items() if name not in keep]


def _made_again(before: Table, after: Table) -> list[Column]:
    """Return generated columns that compute something else now: engines refuse to change that in place."""
    old = {column.name.casefold(): column.generated for column in before.columns}
    return [
        column
        for column in after.columns
        if column.generated is not None
        and (was := old.get(column.name.casefold())) is not None
        and (expression_key(was.expression), was.stored)
        != (expression_key(column.generated.expression), column.generated.stored)
    ]


def _shape(index: Index) -> tuple[object, ...]:
    return (*index_key(index), index.invisible, index.comment)


def _key(key: ForeignKey, renamed: dict[str, str]) -> ForeignKey:
    new = {old.casefold(): name for name, old in renamed.items()}
    return replace(key, columns=tuple(new.get(column.casefold(), column) for column in key.columns))


def _dropped_keys(before: Table, after: Table, renamed: dict[str, str]) -> Iterable[str]:
    for key in before.foreign_keys:
        if _key(key, renamed) not in after.foreign_keys:
            yield f"DROP FOREIGN KEY {quoted_name(key.name)}"
    kept = {check.name.casefold() for check in after.checks}
    yield from (f"DROP CONSTRAINT {quoted_name(c.name)}" for c in before.checks if c.name.casefold() not in kept)
    gone, made = _changed_indexes(before, after, renamed)
    swapped = any(index.primary for index in made)
    for index in gone:
        if index.primary and not swapped:
            yield "DROP PRIMARY KEY"
        elif not index.primary:
            yield f"DROP KEY {quoted_name(index.name)}"


def _added_keys(before: Table, after: Table, renamed: dict[str, str]) -> Iterable[str]:
    gone, made = _changed_indexes(before, after, renamed)
    swapped = any(index.primary for index in gone)
    for index in made:
        prefix = "DROP PRIMARY KEY, " if index.primary and swapped else ""
        yield f"{prefix}ADD {index_sql(index)}"
    there = {check.name.casefold() for check in before.checks}
    yield from (f"ADD {check_sql(check)}" for check in after.checks if check.name.casefold() not in there)
    known = [_key(key, renamed) for key in before.foreign_keys]
    yield from (f"ADD {foreign_key_sql(key)}" for key in after.foreign_keys if key not in known)


def _columns(before: Table, after: Table, renamed: dict[str, str], *, one_action: bool) -> list[str]:
    old_names = {new.casefold(): old.casefold() for new, old in renamed.items()}
    there = {column.name.casefold(): column for column in before.columns}
    origin = {c.name.casefold(): there.get(old_names.get(c.name.casefold(), c.name.casefold())) for c in after.columns}
    used = {column.name for column in origin.values() if column is not None}
    again = _made_again(before, after)
    used -= {column.name for column in again}
    actions = [f"DROP COLUMN {quoted_name(c.name)}" for c in before.columns if c.name not in used]
    origin |= {column.name.casefold(): None for column in again}
    staying = _staying(before, [origin[column.name.casefold()] for column in after.columns])
    previous: Column | None = None
    for column in after.columns:
        old = origin[column.name.casefold()]
        place = f" AFTER {quoted_name(previous.name)}" if previous is not None else " FIRST"
        if old is None:
            actions.append(f"ADD COLUMN {column_sql(column)}{place}")
        else:
            steps = _in_steps(old, column) if one_action else [column]
            moved = place if old.name not in staying else ""
            for step in steps:
                actions += _column_actions(old, step, moved, one_action=one_action)
                old, moved = step, ""
        previous = column
    return actions


def _in_steps(old: Column, new: Column) -> list[Column]:
    """Change type and nullability one after the other: OceanBase does not take both at once (error 1235)."""
    if old.nullable and not new.nullable and (old.name != new.name or not same_type(old.type, new.type)):
        return [replace(new, nullable=True), new]
    return [new]


def _column_actions(old: Column, new: Column, place: str, *, one_action: bool) -> list[str]:
    text = column_sql(new) + (" VISIBLE" if one_action and old.invisible and not new.invisible else "")
    if old.name != new.name:
        return [f"CHANGE COLUMN {quoted_name(old.name)} {text}{place}"]
    if replace(old, default=new.default) == new and not place:
        return _default_actions(old, new)
    return [f"MODIFY COLUMN {text}{place}"]


def _default_actions(old: Column, new: Column) -> list[str]:
    """A new default alone changes no row: the cheapest statement says just that."""
    if old.default == new.default:
        return []
    if new.default is None:
        return [f"ALTER COLUMN {quoted_name(new.name)} " + ("SET DEFAULT NULL" if new.nullable else "DROP DEFAULT")]
    return [f"ALTER COLUMN {quoted_name(new.name)} SET DEFAULT {default_sql(new.default, new.type)}"]


def _staying(before: Table, order: Sequence[Column | None]) -> set[str]:
    """Return the columns that need not move: a longest run of them already in the wanted order."""
    places = {column.name: place for place, column in enumerate(before.columns)}
    wanted = [column for column in order if column is not None]
    tails: list[int] = []
    chains: list[list[str]] = []
    for column in wanted:
        at = bisect_left(tails, places[column.name])
        chain = [*(chains[at - 1] if at else []), column.name]
        if at == len(tails):
            tails.append(places[column.name])
            chains.append(chain)
        else:
            tails[at], chains[at] = places[column.name], chain
    return set(chains[-1]) if chains else set()


def _options(before: Table, after: Table) -> Iterable[str]:
    if (before.charset, before.collation) != (after.charset, after.collation) and after.charset:
        collation = f" COLLATE {after.collation}" if after.collation else ""
        yield f"DEFAULT CHARACTER SET {after.charset}{collation}"
    if before.comment != after.comment:
        yield f"COMMENT={quoted_text(after.comment)}"
    counts = any(column.auto_increment for column in after.columns)
    if counts and after.auto_increment and (before.auto_increment or 0) < after.auto_increment:
        yield f"AUTO_INCREMENT={after.auto_increment}"

"""Which columns a table had when the log described it, whatever they were called then (ADR 0140).

PostgreSQL numbers the columns of a table as they are added; a number stays through renames and is never given again. The
log tells names in the order of the numbers, but not the numbers. The catalog tells which columns there are now, and which
have been dropped by now: those that are there, and were known, were there in between, so that mostly only one set of
numbers has the length of the description.

Source: PostgreSQL manual, "pg_attribute", "Logical Replication Message Formats" (Relation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ferryman.connectors.postgresql.log.messages import Relation
from ferryman.foundation.errors import FerrymanError
from ferryman.model.schema import Table

_MOST_UNKNOWN = 10
"""Columns dropped by now, of which any may have been there: beyond that, names must do."""


@dataclass(frozen=True, slots=True)
class NumberedColumn:
    """A column as the catalog shows it now; of a dropped one the name is lost."""

    number: int
    name: str
    dropped: bool


def numbers_at(relation: Relation, table: Table, now: Sequence[NumberedColumn]) -> tuple[int, ...] | None:
    """Return the numbers of the columns described, in their order; `None` where they cannot be told, and names must do.

    Args:
        relation: As the log describes the table.
        table: As it was known before.
        now: All columns the table has had; generated ones are not logged, and not among them.

    Raises:
        FerrymanError: ``log.schema_mismatch``: more than one history explains the description.
    """
    known = {column.number: column.name for column in table.columns if column.generated is None}
    if table.origin is None or not all(known) or not now:
        return None
    found = list(_candidates(len(relation.columns), list(known), table.origin[1], now))
    if len(found) < 2:
        return found[0] if found else None
    names = {column.number: column.name for column in now if not column.dropped}
    plain = [each for each in found if _is_plain(each, relation, known, names)]
    certain = set(known).union(
        set.intersection(*map(set, found))
    )  # a new one may be an old one, renamed and dropped since
    if len(plain) != 1 or not certain.issuperset(plain[0]):
        raise FerrymanError(
            "log.schema_mismatch",
            f"columns of {table.name} were dropped and others added under their names, or renamed to them:"
            f" which is which cannot be told from the log",
            hint="load the table again (--fresh)",
        )
    return plain[0]


def _candidates(width: int, known: list[int], last: int, now: Sequence[NumberedColumn]) -> Iterator[tuple[int, ...]]:
    """Yield each set of numbers that may have been there: what was known and is, a beginning of what came, any that went."""
    there = {column.number for column in now if not column.dropped}
    came = [column for column in now if column.number > last]
    gone = [number for number in known if number not in there]
    if len(gone) + sum(column.dropped for column in came) > _MOST_UNKNOWN:
        return
    stayed = [number for number in known if number in there]
    for end in range(len(came) + 1):
        choices = [(True, False) if column.dropped else (True,) for column in came[:end]]
        if choices:
            choices[-1] = (True,)  # else it is the one of an earlier end
        for picked in product(*[(True, False)] * len(gone), *choices):
            chosen = [
                number for number, is_in in zip([*gone, *(c.number for c in came[:end])], picked, strict=True) if is_in
            ]
            if len(stayed) + len(chosen) == width:
                yield tuple(sorted([*stayed, *chosen]))


def _is_plain(numbers: tuple[int, ...], relation: Relation, known: dict[int, str], names: dict[int, str]) -> bool:
    """Whether each column is called as it was known, or as it is called now, where one of both is told.

    That may take one column for another that both have been dropped by now: the log comes to that, and they go.
    """
    for number, column in zip(numbers, relation.columns, strict=True):
        told = {each[number] for each in (known, names) if number in each}
        if told and column.name not in told:
            return False
    return True

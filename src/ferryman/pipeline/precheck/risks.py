"""What may go wrong with a move or make it slow, told by the catalog and by the precheck's answers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ferryman.model.limits import most_bytes
from ferryman.model.project import ProjectSpec
from ferryman.model.schema import Schema, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.precheck.estimate import Estimate
from ferryman.spi.precheck import CheckResult, Verdict

HUGE_ROWS, HUGE_BYTES = 100_000_000, 100_000_000_000
LARGE_VALUE = 16_000_000
WIDE_ROW = 1_000_000
"""Bytes of a row on the average from which on memory, not the network, sets the pace."""
_LOBS = frozenset({Kind.TEXT, Kind.BLOB, Kind.JSON, Kind.GEOMETRY})


class RiskLevel(enum.Enum):
    """How much it matters."""

    BLOCKS = "BLOCKS"
    """The project cannot start so."""
    HIGH = "HIGH"
    """Data stays behind or is changed."""
    MEDIUM = "MEDIUM"
    """It works, more slowly or not as one expects."""
    LOW = "LOW"
    """Good to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One risk.

    Attributes:
        subject: What it is about, in a word: an item of the precheck, or ``huge-table`` and the like.
        objects: The tables, columns or other objects; all of them.
        is_item: Whether it repeats an item of the precheck.
    """

    level: RiskLevel
    subject: str
    message: str
    hint: str = ""
    objects: tuple[str, ...] = ()
    is_item: bool = False


def risks_of(spec: ProjectSpec, schema: Schema, results: Sequence[CheckResult], estimate: Estimate) -> tuple[Risk, ...]:
    """Return all risks, the worst first."""
    found = [*_of_items(results), *_of_tables(schema.tables), *_of_what_stays(schema), *_of_policies(spec)]
    if estimate.unknown:
        found.append(_unknown(estimate))
    order = list(RiskLevel)
    return tuple(sorted(found, key=lambda risk: order.index(risk.level)))


def _of_items(results: Sequence[CheckResult]) -> Iterable[Risk]:
    """The items that did not pass."""
    levels = {Verdict.FAILED: RiskLevel.BLOCKS, Verdict.WARNED: RiskLevel.MEDIUM}
    for result in results:
        if result.verdict in levels:
            yield Risk(
                level=levels[result.verdict], subject=result.item, message=f"{result.side}: {result.message}",
                hint=result.hint, is_item=True,
            )  # fmt: skip


def _of_tables(tables: Sequence[Table]) -> Iterable[Risk]:
    for level, subject, message, hint, applies in _TABLES:
        names = tuple(str(table.name) for table in tables if applies(table))
        if names:
            yield Risk(level=level, subject=subject, message=message, hint=hint, objects=names)
    columns = tuple(
        f"{table.name}.{column.name}" for table in tables for column in table.columns if _is_large(column.type)
    )
    if columns:
        yield Risk(
            level=RiskLevel.LOW, subject="large-values", objects=columns,
            message="these columns may hold values of more than 16 MB, each of which is held in memory whole, more than once",
            hint="max_allowed_packet of both servers must exceed the largest value; give the task room for about four of them",
        )  # fmt: skip


def _is_large(type_: ColumnType) -> bool:
    most = most_bytes(type_)
    return type_.kind in _LOBS and (most is None or most > LARGE_VALUE)


def _is_huge(table: Table) -> bool:
    return table.row_estimate >= HUGE_ROWS or table.byte_estimate >= HUGE_BYTES


def _has_wide_rows(table: Table) -> bool:
    return table.row_estimate > 0 and table.byte_estimate // table.row_estimate >= WIDE_ROW


_TABLES: tuple[tuple[RiskLevel, str, str, str, Callable[[Table], bool]], ...] = (
    (
        RiskLevel.MEDIUM, "no-key", "tables without a key are loaded in one stream and changed row by row",
        "give them a primary key, or a unique one without NULL", lambda table: table.row_key is None,
    ),
    (
        RiskLevel.MEDIUM, "huge-table", "tables of more than 100 million rows or 100 GB set the time of the whole move",
        "move them by a project of their own, with more streams, or leave old rows out (--where)", _is_huge,
    ),
    (
        RiskLevel.MEDIUM, "wide-rows", "rows are larger than 1 MB on the average: memory sets the pace",
        "use fewer streams", _has_wide_rows,
    ),
)  # fmt: skip


def _of_what_stays(schema: Schema) -> Iterable[Risk]:
    if schema.left_out:
        yield Risk(
            level=RiskLevel.HIGH, subject="left-out", message="these objects do not move",
            hint="make them at the target by hand, where they are needed",
            objects=tuple(f"{each.name} ({each.reason})" for each in schema.left_out),
        )  # fmt: skip


def _of_policies(spec: ProjectSpec) -> Iterable[Risk]:
    if spec.value_policies:
        yield Risk(
            level=RiskLevel.HIGH, subject="value-policies", objects=tuple(map(str, spec.value_policies)),
            message="values that do not fit are changed, as you asked for",
            hint="the report of the run counts them, column by column",
        )  # fmt: skip


def _unknown(estimate: Estimate) -> Risk:
    return Risk(
        level=RiskLevel.LOW, subject="unknown-size",
        message="the catalog has no guess of these tables (they are empty, or were never analysed): no figure counts them",
        hint="ANALYZE TABLE at the source makes the guess", objects=tuple(e.table for e in estimate.tables if not e.is_known),
    )  # fmt: skip

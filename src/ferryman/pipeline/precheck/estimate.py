"""How long a move takes and how much room it needs, by the source's catalog alone: no row is read for it.

Costs were measured (docs/cli.md says how) on one machine of two cores with source, target and client on it. Elsewhere
they differ, so that every time is a range.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.schema import Schema, Table


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a step: so many for a megabyte (a million bytes), and so many for a million values beside."""

    megabyte: float
    million_values: float

    def seconds(self, bytes_: int, values: int) -> float:
        """Return the time for so much."""
        return (bytes_ * self.megabyte + values * self.million_values) / 1e6


@dataclass(frozen=True, slots=True)
class Costs:
    """What the steps that read every row cost into a target."""

    load: Cost
    verify: Cost


_MYSQL = Costs(load=Cost(0.019, 0.084), verify=Cost(0.0063, 0.167))
_POSTGRESQL = Costs(load=Cost(0.044, 0.37), verify=Cost(0.0, 4.15))
COSTS: dict[str, Costs] = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "oceanbase": Costs(load=Cost(0.013, 1.5), verify=Cost(0.0045, 0.554)),
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
}
"""By the target's scheme, from what `python -m bench.estimates` measured: narrow rows tell the one, wide rows the other."""
USUAL_VALUE = 16
"""Bytes of a value, where the catalog knows a table's size and not its rows."""
FASTEST, SLOWEST = 0.5, 5.0
"""Times the measured time: cores and disks of one's own may halve it; many indexes, a long way, a busy server take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From the best to the worst that is likely."""

    least: float
    most: float

    def __add__(self, other: Range) -> Range:
        return Range(least=self.least + other.least, most=self.most + other.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEstimate:
    """What the catalog guesses of one table; 0 rows and 0 bytes: it does not know, or the table is empty.

    `values`: rows times columns, as far as that is known.
    """

    table: str
    rows: int
    bytes: int
    values: int

    @property
    def is_known(self) -> bool:
        """Whether there is a guess."""
        return self.rows > 0 or self.bytes > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a project will take.

    Attributes:
        tables: Every table, the largest first.
        rows: Of all tables of which the catalog has a guess.
        bytes: Likewise: the data as the source stores it, its secondary indexes left out.
        load_seconds: The load; `None` where the project has none, or no rate was measured for such a target.
        verify_seconds: The comparison, likewise.
        log_bytes_per_second: How fast the source's log grows now; `None` where that cannot be told.
        log_store_bytes: What the log store may hold at the end of the load; `None` likewise.
        unknown: Tables of which the catalog has no guess: they are in none of these figures.
        secondary_indexes: How many must be built at the target beside the data.
    """

    tables: tuple[TableEstimate, ...]
    rows: int
    bytes: int
    load_seconds: Range | None
    verify_seconds: Range | None
    log_bytes_per_second: float | None
    log_store_bytes: Range | None
    unknown: int
    secondary_indexes: int


def estimate_of(spec: ProjectSpec, schema: Schema, log_rate: float | None) -> Estimate:
    """Estimate a project; `log_rate` is the growth of the source's log in bytes a second, where it is known."""
    tables = sorted((_guess(table) for table in schema.tables), key=lambda each: (-each.bytes, -each.rows, each.table))
    rows, size = sum(each.rows for each in tables), sum(each.bytes for each in tables)
    values = sum(each.values for each in tables)
    load = _time(spec, StepName.LOAD, size, values)
    return Estimate(
        tables=tuple(tables),
        rows=rows,
        bytes=size,
        load_seconds=load,
        verify_seconds=_time(spec, StepName.VERIFY, size, values),
        log_bytes_per_second=log_rate,
        log_store_bytes=_log_store(spec, load, log_rate),
        unknown=sum(not each.is_known for each in tables),
        secondary_indexes=sum(_secondary(schema.tables)),
    )


def _guess(table: Table) -> TableEstimate:
    rows, size = table.row_estimate, table.byte_estimate
    values = rows * len(table.written_columns) or size // USUAL_VALUE
    return TableEstimate(table=str(table.name), rows=rows, bytes=size, values=values)


def _time(spec: ProjectSpec, step: StepName, size: int, values: int) -> Range | None:
    costs = COSTS.get(spec.target.scheme)
    if costs is None or step not in spec.steps:
        return None
    measured = (costs.load if step is StepName.LOAD else costs.verify).seconds(size, values)
    return Range(least=measured * FASTEST, most=measured * SLOWEST)


def _log_store(spec: ProjectSpec, load: Range | None, rate: float | None) -> Range | None:
    """The log is kept from the start of the load on until it is applied; compressed it takes less, so this is the most."""
    if rate is None or load is None or StepName.CAPTURE not in spec.steps:
        return None
    return Range(least=rate * load.least, most=rate * load.most)


def _secondary(tables: Sequence[Table]) -> Iterable[int]:
    return (sum(not index.primary for index in table.indexes) for table in tables)

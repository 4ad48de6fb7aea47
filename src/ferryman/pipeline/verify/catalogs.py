"""Both catalogs as they are now, table beside table; what is missing altogether is a difference, too."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.pipeline.conversion import conversions
from ferryman.pipeline.verify.pair import Pair, missing_columns, pair_of
from ferryman.pipeline.verify.settling import AppliedWatch
from ferryman.spi.source import Source
from ferryman.spi.target import Target

MOST_PATTERNS = 100
"""With more tables than that, whole databases of the target are read."""

EXACT_JSON = "postgresql"
"""Servers that keep JSON as it was given, or always print it alike: between two of these not a digit may differ."""


@dataclass(frozen=True, slots=True)
class Catalogs:
    """Tables to compare, and what cannot be: source table → the difference in structure."""

    pairs: tuple[Pair, ...]
    broken: dict[TableName, Mismatch]


def read_catalogs(
    spec: ProjectSpec, source: Source, target: Target, only: Sequence[TableName], watch: AppliedWatch | None
) -> Catalogs:
    """Pair the tables of both catalogs.

    A statement of the source's log may not have reached the target yet: what is missing there is looked for again once
    apply has passed the place at which the source's catalog was read. `only`: source tables wanted; empty means all.
    """
    deadline = time.monotonic() + (watch.patience_seconds if watch else 0.0)
    while True:
        schema = source.read_schema(_selection(spec.selection, only))
        if watch is not None:
            watch.passed_now(deadline)
        found = _paired(spec, schema, target.read_schema(_target_selection(spec.selection, schema)))
        if watch is None or not found.broken or time.monotonic() >= deadline:
            return found
        watch.pause()


def _selection(selection: Selection, only: Sequence[TableName]) -> Selection:
    if not only:
        return selection
    return Selection(objects=tuple(exact_pattern(name) for name in only), rename=selection.rename)


def _target_selection(selection: Selection, schema: Schema) -> Selection:
    wanted = [selection.target_name(table.name) for table in schema.tables]
    # A server that keeps names in lower case shows them so.
    names = sorted({*wanted, *(TableName(n.database.lower(), n.table.lower()) for n in wanted)})
    if len(names) <= MOST_PATTERNS:
        return Selection(objects=tuple(exact_pattern(name) for name in names) or ("``.``",))
    databases = {exact_pattern(TableName(name.database, "")).removesuffix(".``") for name in names}
    return Selection(objects=tuple(f"{database}.*" for database in sorted(databases)))


def _paired(spec: ProjectSpec, source: Schema, target: Schema) -> Catalogs:
    wanted = {table.name: spec.selection.target_name(table.name) for table in source.tables}
    taken = set(wanted.values())  # a table of that very name stands for that one alone
    folded = {_folded(table.name): table for table in target.tables if table.name not in taken}
    exact = source.traits.flavour == target.traits.flavour == EXACT_JSON
    pairs: list[Pair] = []
    broken: dict[TableName, Mismatch] = {}
    for table in source.tables:
        name = wanted[table.name]
        other = target.table(name) or folded.get(_folded(name))
        missing = missing_columns(table, other) if other is not None else []
        if other is None or missing:
            broken[table.name] = _broken(table, name, missing)
        else:
            made = conversions(spec.value_policies, table.name, other)
            pairs.append(pair_of(table, other, made, exact_json=exact))
    return Catalogs(tuple(pairs), broken)


def _folded(name: TableName) -> tuple[str, str]:
    return name.database.casefold(), name.table.casefold()


def _broken(table: Table, name: TableName, missing: Sequence[str]) -> Mismatch:
    what = f"columns {', '.join(missing)} of {name}" if missing else f"table {name}"
    return Mismatch(
        table=table.name,
        kind=MismatchKind.MASTER_ONLY,
        key={"(structure)": f"missing at the target: {what}"},
        source={},
        target={},
    )

"""Sequences: changes that must be applied exactly once and in log order, in the transaction of the checkpoint.

These are all changes of tables without a key, and, where foreign keys acted, those of the tables concerned. Between two
cascades the changes of keyed tables are compacted as everywhere; a cascade acts on the rows as they are at its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ferryman.model.changes import ChangeBatch
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Table
from ferryman.pipeline.apply.cascades import Cascade, ForeignKeys, Witness
from ferryman.pipeline.apply.compaction import Compaction, TableChanges
from ferryman.pipeline.apply.shapes import Shapes
from ferryman.pipeline.apply.window import Placed
from ferryman.pipeline.apply.writer import Mode, Writer
from ferryman.spi.target import TargetSession


@dataclass(slots=True)
class Stretch:
    """What lies between two cascades.

    Attributes:
        cascade: The change whose cascade comes before everything else here; its own effect is in the other members.
        keyed: Net changes of keyed tables.
        keyless: Changes of tables without a key, in log order.
    """

    keyed: Compaction
    cascade: Placed | None = None
    keyless: list[ChangeBatch] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a part is applied.

    Attributes:
        parallel: What may be spread over lanes and repeated after a crash.
        sequence: What is applied exactly once, in this order, together with the checkpoint.
    """

    parallel: Compaction
    sequence: Sequence[Stretch]

    @property
    def keyed(self) -> Iterator[TableChanges]:
        """All net changes of tables with a key."""
        for compaction in (self.parallel, *(stretch.keyed for stretch in self.sequence)):
            yield from compaction.tables.values()


class Planner:
    """Sorts the changes of a part; made anew whenever the schema changes."""

    def __init__(self, shapes: Shapes, foreign_keys: ForeignKeys, keyless_from: dict[TableName, Position]) -> None:
        """Make a planner.

        Args:
            shapes: Of the tables at this place of the log.
            foreign_keys: As above.
            keyless_from: Per table without a key, the position of the snapshot it was loaded from: changes up to
                there are in it already (algorithms.md §4).
        """
        self._shapes = shapes
        self._foreign_keys = foreign_keys
        self._keyless_from = keyless_from

    def plan(self, changes: Sequence[Placed]) -> Plan:
        """Sort the changes of a part."""
        fired = {placed.change.table for placed in changes if self._foreign_keys.fires(placed.change)}
        family = self._foreign_keys.family(fired) if fired else frozenset()
        parallel = Compaction(self._shapes)
        sequence = [Stretch(Compaction(self._shapes))]
        for placed in changes:
            change = placed.change
            if family and change.table in family and self._foreign_keys.fires(change):
                sequence.append(Stretch(Compaction(self._shapes), cascade=placed))
            if not self._shapes.of(change).key:
                if not self._is_loaded(placed):
                    sequence[-1].keyless.append(change)
            elif family and change.table in family:
                sequence[-1].keyed.add(change)
            else:
                parallel.add(change)
        for compaction in (parallel, *(stretch.keyed for stretch in sequence)):
            compaction.settle()
        return Plan(parallel=parallel, sequence=sequence)

    def loaded_beyond(self, position: Position) -> frozenset[TableName]:
        """Return the tables without a key whose loaded rows show everything up to `position` already."""
        return frozenset(table for table, start in self._keyless_from.items() if position <= start)

    def _is_loaded(self, placed: Placed) -> bool:
        start = self._keyless_from.get(placed.change.table)
        return start is not None and placed.position <= start


class SequenceWriter:
    """Writes sequences in an open transaction."""

    def __init__(
        self,
        planner: Planner,
        shapes: Shapes,
        foreign_keys: ForeignKeys,
        target_of: Callable[[Table], Table],
        witness: Witness,
    ) -> None:
        """Make a writer for the tables at this place of the log."""
        self._planner = planner
        self._shapes = shapes
        self._foreign_keys = foreign_keys
        self._target_of = target_of
        self._witness = witness

    def write(self, session: TargetSession, sequence: Iterable[Stretch], writer: Writer, *, consistent: bool) -> None:
        """Apply the stretches in order."""
        mode = Mode.FRESH if consistent else Mode.CONVERGING
        for stretch in sequence:
            if stretch.cascade is not None:
                self._cascade(session, stretch.cascade, None if consistent else self._witness)
            for table in stretch.keyed.tables.values():
                writer.write(session, table, list(table.after), mode)
            for _, same in groupby(stretch.keyless, key=lambda change: (change.table, change.operation)):
                self._write_keyless(session, list(same), writer, consistent=consistent)

    def _cascade(self, session: TargetSession, cause: Placed, witness: Witness | None) -> None:
        skipped = self._planner.loaded_beyond(cause.position)
        cascade = Cascade(self._foreign_keys, self._target_of, session, skipped=skipped, witness=witness)
        cascade.run(cause.change)

    def _write_keyless(
        self, session: TargetSession, run: Sequence[ChangeBatch], writer: Writer, *, consistent: bool
    ) -> None:
        """Apply consecutive changes of one kind to one table without a key."""
        shape = self._shapes.of(run[0])
        if not consistent and self._witness.skips(shape.source):
            return
        writer.write_keyless(session, shape, run)

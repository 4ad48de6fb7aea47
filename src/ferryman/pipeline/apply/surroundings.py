"""What an applier works with, and what follows from one schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import ApplyOptions
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.pipeline.apply.cascades import ForeignKeys
from ferryman.pipeline.apply.conflicts import Policies
from ferryman.pipeline.apply.ground import FIRM, Ground
from ferryman.pipeline.apply.lanes import Lanes
from ferryman.pipeline.apply.sequence import Planner, SequenceWriter
from ferryman.pipeline.apply.settling import Unsettled
from ferryman.pipeline.apply.shapes import Shapes
from ferryman.pipeline.apply.stages import Stages
from ferryman.pipeline.apply.statement import Statements
from ferryman.pipeline.apply.writer import Writer
from ferryman.spi.source import Source
from ferryman.spi.target import Target

_SMALL = 256
"""Keys that one transaction writes sooner than several lanes would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an applier works with.

    Attributes:
        project_id: Whose checkpoint it is.
        selection: What is moved.
        source: Where to read again what cascades touched.
        target: Where to.
        lanes: The sessions.
        writer: Writes keyed changes.
        statements: Decides about schema statements.
        target_table: Finds the target's form of a source table.
        behind_rules: Returns the source's schema as it looks behind the project's rules.
        keyless_from: Where the changes of each loaded table without a key begin.
        consistent_from: Returns the load's end: from there on the target's rows are those of the source; `None` while
            it is not known.
        unsettled: Is told of cascades before then.
        small: Keys that one transaction writes sooner than several lanes would.
        atomic: Whether each source transaction becomes visible as a whole: no lanes, a transaction over all parts.
        stages: Where the time goes.
        policies: Returns what to do with conflicts, as it is wished now.
        ground: Looks after the target's columns.
    """

    project_id: str
    selection: Selection
    source: Source
    target: Target
    lanes: Lanes
    writer: Writer
    statements: Statements
    target_table: Callable[[Table], Table]
    keyless_from: dict[TableName, Position]
    consistent_from: Callable[[], Position | None]
    unsettled: Unsettled
    behind_rules: Callable[[Schema], Schema] = lambda schema: schema
    small: int = _SMALL
    atomic: bool = False
    stages: Stages = field(default_factory=Stages)
    policies: Callable[[], Policies] = lambda: Policies(ApplyOptions(), {})
    ground: Ground = FIRM


class Tables:
    """What follows from one schema; made anew when it changes (I9).

    Attributes:
        schema: As it looks behind the project's rules.
    """

    def __init__(self, schema: Schema, around: Surroundings) -> None:
        self.schema = around.behind_rules(schema)
        self._target_table = around.target_table
        self._targets: dict[TableName, Table] = {}
        foreign_keys = ForeignKeys(self.schema)
        self.shapes = Shapes(self._both_of)
        self.planner = Planner(self.shapes, foreign_keys, around.keyless_from)
        self.sequences = SequenceWriter(self.planner, self.shapes, foreign_keys, self.target_of, around.unsettled)

    def target_of(self, table: Table) -> Table:
        """Return the target's table of a source table."""
        if table.name not in self._targets:
            self._targets[table.name] = self._target_table(table)
        return self._targets[table.name]

    def _both_of(self, name: TableName) -> tuple[Table, Table]:
        source = self.schema.table(name)
        if source is None:
            raise FerrymanError(
                "log.schema_mismatch",
                f"the log has changes of {name}, which the schema at that position does not have",
                context={"table": str(name)},
            )
        return source, self.target_of(source)

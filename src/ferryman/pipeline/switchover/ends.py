"""Both ends of a project that is being switched over, and which table of the one is which of the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property

from ferryman.foundation.errors import FerrymanError
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection, exact_part
from ferryman.model.serial import from_json
from ferryman.pipeline.plan import find_table, source_of, target_of
from ferryman.pipeline.switchover.reversal import turned
from ferryman.spi.connector import connector_for
from ferryman.spi.source import PolledSource, Source
from ferryman.spi.target import Target
from ferryman.spi.task import TaskContext, selection_of


@dataclass(frozen=True)
class Ends:
    """The source, and the target as it was and as the source it becomes."""

    context: TaskContext
    source: Source
    target: Target

    @cached_property
    def selection(self) -> Selection:
        """What the project moves."""
        return selection_of(self.context)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """Where apply stands, with the source's schema there; where it began, when there was nothing to apply."""
        found = self.target.load_checkpoint(self.context.project_id)
        if found is not None:
            return found
        start, schema = (self.context.note(name) for name in ("schema.start", "schema.source"))
        if start is None or schema is None:
            raise FerrymanError("internal.error", f"{self.context.project_id} has not begun to follow its source")
        return Checkpoint(position=from_json(Position, start), schema=from_json(Schema, schema))

    @cached_property
    def there(self) -> Schema:
        """All tables of the target's databases that tables moved to."""
        databases = dict.fromkeys(self.selection.target_name(name).database for name in self._names)
        objects = tuple(f"{exact_part(name)}.*" for name in databases)
        return self.target.read_schema(Selection(objects=objects)) if objects else Schema()

    @cached_property
    def _names(self) -> list[TableName]:
        return [table.name for table in self.checkpoint.schema.tables if self.selection.includes(table.name)]

    @cached_property
    def moved(self) -> dict[TableName, TableName]:
        """Source table → the target's table as that server spells it; ``target.table_missing``."""
        found = {}
        for name in self._names:
            wanted = self.selection.target_name(name)
            there = find_table(self.there, wanted)
            if there is None:
                raise FerrymanError("target.table_missing", f"the target has no table {wanted} for {name}")
            found[name] = there.name
        return found

    def reversed_selection(self) -> Selection:
        """Return what flows back."""
        return turned(self.moved, [table.name for table in self.there.tables])


@contextmanager
def ends_of(context: TaskContext) -> Iterator[Ends]:
    """Open both ends."""
    with closing(source_of(context)) as source, closing(target_of(context)) as target:
        yield Ends(context, source, target)


@contextmanager
def target_as_source(context: TaskContext, selection: Selection) -> Iterator[Source]:
    """Open the target as the source it becomes."""
    endpoint = context.spec.target
    make = connector_for(endpoint).source
    if make is None:
        raise FerrymanError("switchover.log_unreadable", f"the log of {endpoint.scheme} cannot be read")
    with closing(make(endpoint)) as source:
        yield source.selecting(selection) if isinstance(source, PolledSource) else source

"""One table under its rules: which columns the target shall have, which rows, and how both come out of the source's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, ColumnData, Row
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.model.schema import Column, Table
from ferryman.pipeline.rules.filters import Filter
from ferryman.pipeline.rules.transforms import Transform

Part = Callable[[Batch], ColumnData]
"""Makes one column out of a batch of the source's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """The rules of one table, read against its columns.

    Attributes:
        real: The table as the source has it.
        where: The filter in the source's SQL, or `None`.
        filter: The same as it is tested here; `None` without a filter, or where the source alone can judge.
        left_out: Names of the columns that do not move, without case.
        transforms: By name of the column, without case.
        added: Columns that the source does not have, each with the value of all rows.
    """

    real: Table
    where: str | None = None
    filter: Filter | None = None
    left_out: frozenset[str] = frozenset()
    transforms: dict[str, Transform] = field(default_factory=dict)
    added: tuple[tuple[Column, bytes], ...] = ()

    @property
    def shapes_columns(self) -> bool:
        """Whether the target's columns are others than the source's."""
        return bool(self.left_out or self.transforms or self.added)

    @property
    def named(self) -> frozenset[str]:
        """The columns that a rule goes by, without case: all of them where the source alone can judge a filter."""
        found = [column.name for column, _ in self.added]
        if self.where is not None:
            found += [column.name for column in (self.filter.columns if self.filter else self.real.columns)]
        return self.left_out | self.transforms.keys() | {name.casefold() for name in found}

    def read_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the source's columns that must be read for these."""
        added = {column.name.casefold() for column, _ in self.added}
        return tuple(name for name in columns if name.casefold() not in added) or (self.real.columns[0].name,)

    def batch_of(self, columns: Sequence[str], image: Sequence[str]) -> Callable[[Batch], Batch]:
        """Return what makes batches of `columns` out of batches of the source's columns `image`."""
        places = {name.casefold(): place for place, name in enumerate(image)}
        parts = [self._part(name.casefold(), places) for name in columns]
        return lambda batch: Batch(batch.row_count, tuple(part(batch) for part in parts))

    def _part(self, name: str, places: dict[str, int]) -> Part:
        for column, value in self.added:
            if column.name.casefold() == name:
                return lambda batch: ColumnData.of([value] * batch.row_count)
        place, transform = places[name], self.transforms.get(name)
        if transform is None:
            return lambda batch: batch.columns[place]
        return lambda batch: transform.column_data(batch.columns[place])

    def image_columns(self, image: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that a row image of the log has behind the rules."""
        kept = [name for name in image if name.casefold() not in self.left_out]
        return (*kept, *(column.name for column, _ in self.added))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledTable(Table):
    """A table as it looks behind its rules; whoever reads it through `RuledSource` gets such rows."""

    rule: TableRule = field(repr=False, compare=False)

    def plain(self) -> Table:
        """Return it as a table like any other, to be written down."""
        return Table(**{each.name: getattr(self, each.name) for each in fields(Table)})


class ImageRule:
    """Applies a table's rules to its row images of one form."""

    def __init__(self, rule: TableRule, image: tuple[str, ...]) -> None:
        """Make it for images with these columns."""
        self._rule = rule
        self._columns = rule.image_columns(image)
        self._shaped = rule.batch_of(self._columns, image) if rule.shapes_columns else None
        self._places = _places(rule, image)
        key = rule.real.row_key.columns if rule.real.row_key else ()
        used = {column.name.casefold() for column in rule.filter.columns} if rule.filter else set()
        self._needs_whole = not used <= {name.casefold() for name in key}

    def changes(self, change: ChangeBatch) -> Iterator[ChangeBatch]:
        """Yield what a change is behind the rules: a row that moves across the filter comes or goes."""
        if self._rule.filter is None:
            yield self._change(change, change.operation, change.before, change.after)
            return
        before = self._verdicts(change.before, change.row_count, unknown=change.partial and self._needs_whole)
        after = self._verdicts(change.after, change.row_count)
        kinds = [_KINDS[verdicts] for verdicts in zip(before, after, strict=True)]
        old, new = _Rows(change.before), _Rows(change.after)
        kept = ((place, kind) for place, kind in enumerate(kinds) if kind is not None)
        for kind, run in groupby(kept, key=lambda each: each[1]):
            places = [place for place, _ in run]
            yield self._change(
                change,
                kind,
                old.some(places) if kind is not Operation.INSERT else None,
                new.some(places) if kind is not Operation.DELETE else None,
            )

    def _verdicts(self, image: Batch | None, count: int, *, unknown: bool = False) -> list[bool]:
        """Say of each row whether it passes.

        A row of which the log does not say enough may have been at the target: what is done to it there does no harm if
        it was not, since rows of such tables are named by their key.
        """
        if image is None:
            return [False] * count
        if unknown:
            return [True] * count
        assert self._rule.filter is not None
        passes = self._rule.filter.passes
        return [passes(row) for row in image.project(self._places).rows()]

    def _change(
        self, change: ChangeBatch, operation: Operation, before: Batch | None, after: Batch | None
    ) -> ChangeBatch:
        shaped = self._shaped
        if shaped is not None:
            before, after = before and shaped(before), after and shaped(after)
        return ChangeBatch(
            table=change.table,
            operation=operation,
            columns=self._columns,
            before=before,
            after=after,
            cascades=change.cascades,
            partial=change.partial,
        )


_KINDS: dict[tuple[bool, bool], Operation | None] = {
    (False, False): None,
    (False, True): Operation.INSERT,
    (True, False): Operation.DELETE,
    (True, True): Operation.UPDATE,
}


def _places(rule: TableRule, image: Sequence[str]) -> tuple[int, ...]:
    places = {name.casefold(): place for place, name in enumerate(image)}
    used = rule.filter.columns if rule.filter else ()
    missing = [column.name for column in used if column.name.casefold() not in places]
    if missing:
        raise FerrymanError(
            "log.schema_mismatch",
            f"the log's row image of {rule.real.name} lacks {missing[0]}, which the row filter looks at",
            context={"table": str(rule.real.name), "column": missing[0]},
        )
    return tuple(places[column.name.casefold()] for column in used)


class _Rows:
    """Rows of an image, unpacked when some of them are wanted."""

    def __init__(self, image: Batch | None) -> None:
        self._image = image
        self._rows: list[Row] = []

    def some(self, places: Sequence[int]) -> Batch | None:
        """Return these rows."""
        image = self._image
        if image is None or len(places) == image.row_count:
            return image
        self._rows = self._rows or list(image.rows())
        return Batch.of((self._rows[place] for place in places), len(image.columns))

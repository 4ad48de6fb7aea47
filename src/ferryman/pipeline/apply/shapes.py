"""Shapes: how row images of a source table become rows, keys and conflict values of its target table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.remembered import Remembered
from ferryman.kernel import row_tuples
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.changes import ChangeBatch
from ferryman.model.names import TableName
from ferryman.model.schema import Index, Table
from ferryman.pipeline.apply.folding import WILD, Fold, fold_of, prefixed


@dataclass(frozen=True, slots=True)
class ConflictKey:
    """One unique key: which values of a tuple it is made of, and how they are folded.

    Attributes:
        places: Indexes into the tuple, one a key part; empty when the key cannot be computed from row images (an
            expression, a column that is not in the image): then every value may equal any other.
        folds: Per part, `None` where equal means equal bytes.
    """

    places: tuple[int, ...]
    folds: tuple[Fold | None, ...]

    @property
    def exact(self) -> bool:
        """Whether equal means equal bytes in every part."""
        return bool(self.places) and not any(self.folds)

    def value(self, values: Sequence[Value]) -> Row | None:
        """Return the folded value, `None` when it holds a NULL (conflicts with nothing), ``(WILD,)`` for any value."""
        if not self.places:
            return (WILD,)
        folded = []
        for place, fold in zip(self.places, self.folds, strict=True):
            if (value := values[place]) is None:
                return None
            folded.append(fold(value) if fold is not None else value)
        return (WILD,) if WILD in folded else tuple(folded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How images of one source table are written to its target table.

    Attributes:
        source: The source's table at this position.
        target: The target's table.
        image: The names of the image's columns this shape was made for.
        written: Target names of the columns written; generated ones are left out.
        kept: Indexes in the image: the written columns first, then what only keys need.
        key: Indexes in the image of the row key; empty for a table without one.
        key_columns: Target names of the row key.
        row_key: The row key as a conflict key over key tuples.
        unique: Indexes in the image of all columns that other unique keys use.
        uniques: The other unique keys, as conflict keys over tuples of `unique`.
    """

    source: Table
    target: Table
    image: tuple[str, ...]
    written: tuple[str, ...]
    kept: tuple[int, ...]
    key: tuple[int, ...]
    key_columns: tuple[str, ...]
    row_key: ConflictKey
    unique: tuple[int, ...]
    uniques: tuple[ConflictKey, ...]

    @property
    def opaque(self) -> bool:
        """Whether some unique key cannot be computed from row images, so that any update may change its value."""
        return any(not key.places for key in self.uniques)

    @property
    def written_places(self) -> tuple[int, ...]:
        """Indexes in the image of the written columns."""
        return self.kept[: len(self.written)]

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """Target names of the `unique` columns."""
        return tuple(self.target.column(self.image[index]).name for index in self.unique)

    def rows(self, image: Batch) -> list[Row]:
        """Unpack the kept columns of an image."""
        return list(image.project(self.kept).rows())

    def batch(self, rows: Iterable[Row]) -> Batch:
        """Pack rows of `kept` columns for writing."""
        packed = Batch.of(rows, len(self.kept))
        return packed.project(range(len(self.written))) if len(self.kept) > len(self.written) else packed

    def keys(self, image: Batch) -> list[Row]:
        """Return the row key of each row of an image."""
        return row_tuples(image, self.key)

    def unique_values(self, image: Batch) -> list[Row]:
        """Return the `unique` values of each row of an image."""
        return row_tuples(image, self.unique)


def shape_of(source: Table, target: Table, image: tuple[str, ...]) -> Shape:
    """Make the shape of a table; ``log.schema_mismatch`` when the image lacks a column it needs."""
    places = {name.casefold(): index for index, name in enumerate(image)}
    written = [c.name for c in target.written_columns if _is_written(source, c.name, places)]
    key = source.row_key
    key_names = key.columns if key is not None else ()
    others = [index for index in target.unique_keys if not _same_columns(index, key)]
    unique_names = _used_columns(others, places)
    kept = _kept_indexes([*written, *key_names, *unique_names], places, source)
    unique = tuple(places[name] for name in unique_names)
    return Shape(
        source=source,
        target=target,
        image=image,
        written=tuple(written),
        kept=kept,
        key=tuple(places[name.casefold()] for name in key_names),
        key_columns=tuple(target.column(name).name for name in key_names),
        row_key=_row_key(target, key_names),
        unique=unique,
        uniques=tuple(_conflict_key(target, index, unique_names) for index in others),
    )


def _is_written(source: Table, name: str, places: dict[str, int]) -> bool:
    try:
        column = source.column(name)
    except KeyError:
        return False
    if column.generated is not None:
        return False
    if name.casefold() not in places:
        raise FerrymanError(
            "log.schema_mismatch",
            f"the log's row image of {source.name} lacks the column {name}",
            context={"table": str(source.name), "column": name},
        )
    return True


def _kept_indexes(names: Sequence[str], places: dict[str, int], source: Table) -> tuple[int, ...]:
    kept: dict[int, None] = {}
    for name in names:
        try:
            kept[places[name.casefold()]] = None
        except KeyError:
            raise FerrymanError(
                "log.schema_mismatch",
                f"the log's row image of {source.name} lacks the key column {name}",
                context={"table": str(source.name), "column": name},
            ) from None
    return tuple(kept)


def _same_columns(index: Index, key: Index | None) -> bool:
    if key is None or not index.is_plain:
        return False
    return {name.casefold() for name in index.columns} == {name.casefold() for name in key.columns}


def _used_columns(indexes: Sequence[Index], places: dict[str, int]) -> list[str]:
    """Return the columns (case-folded, without repeats) of the keys that can be computed from the image."""
    used: dict[str, None] = {}
    for index in indexes:
        if _computable(index, places):
            used.update((name.casefold(), None) for name in index.columns)
    return list(used)


def _computable(index: Index, places: dict[str, int]) -> bool:
    return all(part.column is not None and part.column.casefold() in places for part in index.parts)


def _conflict_key(target: Table, index: Index, names: Sequence[str]) -> ConflictKey:
    if not all(part.column is not None and part.column.casefold() in names for part in index.parts):
        return ConflictKey((), ())
    places, folds = [], []
    for part in index.parts:
        column = target.column(part.column or "")
        fold = fold_of(column.type)
        folds.append(fold if part.prefix is None else prefixed(fold, column.type, part.prefix))
        places.append(names.index(column.name.casefold()))
    return ConflictKey(tuple(places), tuple(folds))


def _row_key(target: Table, names: Sequence[str]) -> ConflictKey:
    folds = tuple(fold_of(target.column(name).type) for name in names)
    return ConflictKey(tuple(range(len(names))), folds)


class Shapes:
    """The shapes of the tables as they are at the checkpoint; made anew whenever the schema changes.

    Two threads ask, of a part and of the one read ahead: both must get the same shape, which a run of changes is known by.
    """

    def __init__(self, tables_of: Callable[[TableName], tuple[Table, Table]]) -> None:
        """Make a store of shapes.

        Args:
            tables_of: Finds the source's and the target's table.
        """
        self._tables_of = tables_of
        self._shapes: dict[tuple[TableName, tuple[str, ...]], Shape] = {}
        self._met = Remembered(self._find)

    def of(self, change: ChangeBatch) -> Shape:
        """Return the shape of a change's table."""
        return self._met.of(change.table, change.columns)

    def _find(self, name: TableName, columns: tuple[str, ...]) -> Shape:
        if (shape := self._shapes.get((name, columns))) is None:
            source, target = self._tables_of(name)
            shape = self._shapes.setdefault((name, columns), shape_of(source, target, columns))
        return shape

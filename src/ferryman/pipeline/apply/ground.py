"""The target's columns, looked at while rows are written into them: hands other than ours may have changed them.

What such a change makes of a value the server mostly says itself: the column is gone, the value too long, out of range. But
fractions are rounded, times of day dropped, blanks cut and bytes added without a word (I5). So what a column was when it was
first written to is remembered, and apply stops where it has become one that would lose something in silence.

What is known is looked at before a run's first rows, and then every few seconds while rows are written, beside the writing:
what a change made of the rows in between, verification tells.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ferryman.foundation.errors import TABLE_CHANGED, FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.types import ColumnType, Kind

NOTE = "apply.ground"
LOOK_SECONDS = 5.0
_COST = 50
"""A look is taken so much more seldom than it takes long."""
_Known = dict[TableName, dict[str, Any]]
_ALL = 1 << 20
_CLOCKS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_SINGLE, _DOUBLE, _EXACT, _WHOLE = range(4)
_NUMBERS = {Kind.FLOAT: _SINGLE, Kind.DOUBLE: _DOUBLE, Kind.DECIMAL: _EXACT, Kind.INTEGER: _WHOLE}
_OTHERS = {
    **dict.fromkeys((Kind.VARCHAR, Kind.TEXT), frozenset({Kind.CHAR, Kind.JSON})),
    **dict.fromkeys((Kind.VARBINARY, Kind.BLOB), frozenset({Kind.BINARY})),
    **dict.fromkeys((Kind.DATETIME, Kind.TIMESTAMP), frozenset({Kind.DATE, Kind.TIME})),
}
"""Kind → those that would change its values, be it in trailing blanks, zeros or spelling."""


def loses(was: ColumnType, now: ColumnType) -> bool:
    """Whether a column that has become `now` may change values of what it was, and no server would say so."""
    if was.kind in _NUMBERS and now.kind in _NUMBERS:
        return _loses_digits(was, now)
    if was.kind in _CLOCKS and now.kind in _CLOCKS and now.fraction < was.fraction:
        return True
    return now.kind in _OTHERS.get(was.kind, frozenset())


def _loses_digits(was: ColumnType, now: ColumnType) -> bool:
    if _NUMBERS[now.kind] in (_SINGLE, _DOUBLE):
        return _NUMBERS[was.kind] is not _SINGLE and now.kind is not was.kind
    if _NUMBERS[was.kind] in (_SINGLE, _DOUBLE):
        return True
    return _scale(now) < _scale(was)


def _scale(type_: ColumnType) -> int:
    """Return how many digits follow the point; PostgreSQL's numeric without any says keeps all."""
    if type_.kind is not Kind.DECIMAL:
        return 0
    return _ALL if type_.scale is None else type_.scale


class _Look(threading.Thread):
    """One reading of the target's catalog."""

    def __init__(self, read: Callable[[Selection], Schema], names: Sequence[TableName], place: Position) -> None:
        super().__init__(name="apply-ground", daemon=True)
        self.place, self.seconds = place, 0.0
        self._read, self._selection = read, Selection(objects=tuple(map(exact_pattern, names)))
        self._found: tuple[Table, ...] = ()
        self._error: FerrymanError | None = None

    def now(self) -> _Look:
        """Read here."""
        self.run()
        return self

    def run(self) -> None:
        """Read; what goes wrong is told by `tables`."""
        began = time.monotonic()
        try:
            self._found = self._read(self._selection).tables
        except FerrymanError as error:
            if error.code not in TABLE_CHANGED:  # whoever writes there is told so
                self._error = error
        self.seconds = time.monotonic() - began

    def tables(self) -> tuple[Table, ...]:
        """Return what was found."""
        if self._error is not None:
            raise self._error
        return self._found


class Ground:
    """Remembers what the target's columns are, in a note that outlives the task."""

    def __init__(
        self,
        read: Callable[[Selection], Schema],
        note: list[list[Any]] | None,
        keep: Callable[[list[list[Any]]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what is noted; `read` reads the target's catalog."""
        self._read, self._keep, self._clock = read, keep, clock
        self._known: _Known = {TableName(database, table): columns for database, table, columns in note or ()}
        self._looked: dict[TableName, float] = {}
        self._pause = LOOK_SECONDS
        self._beside: _Look | None = None

    @property
    def is_looking(self) -> bool:
        """Whether something is being read that has not been judged yet."""
        return self._beside is not None

    def look(self, tables: Iterable[TableName], place: Position) -> None:
        """Look at the target's tables, if it is time to, before rows behind `place` go there.

        Raises:
            FerrymanError: ``apply.target_changed``.
        """
        self._take()
        names = list(tables)
        if names and not self._looked:
            first = list(dict.fromkeys((*self._known, *names)))
            self._judge(_Look(self._read, first, place).now())
            self._looked = dict.fromkeys(first, self._clock())
        now = self._clock()
        due = [name for name in names if now - self._looked.get(name, now - self._pause) >= self._pause]
        if due and self._beside is None:
            self._beside = _Look(self._read, due, place)
            self._beside.start()
            self._looked |= dict.fromkeys(due, now)

    def _take(self) -> None:
        """Judge what was seen beside the writing."""
        look = self._beside
        if look is not None and not look.is_alive():
            self._beside = None
            self._pause = max(LOOK_SECONDS, _COST * look.seconds)
            self._judge(look)

    def _judge(self, look: _Look) -> None:
        known = dict(self._known)
        for table in look.tables():
            self._compare(table, look.place)
            known[table.name] = _document(table)
        self._note(known)

    def _note(self, known: _Known) -> None:
        if known != self._known:
            self._keep([[name.database, name.table, columns] for name, columns in known.items()])
            self._known = known

    def forget(self, tables: Iterable[TableName]) -> None:
        """A statement of the source is about to change these."""
        gone = set(tables)
        self._beside = None  # it may have seen what was before
        self._note({name: columns for name, columns in self._known.items() if name not in gone})
        self._looked = {name: when for name, when in self._looked.items() if name not in gone}

    def _compare(self, table: Table, place: Position) -> None:
        known = self._known.get(table.name, {})
        for column in table.columns:
            was = known.get(column.name)
            if was is not None and loses(_type(was), column.type):
                raise _changed(table.name, column.name, was["native"], column.type.native, place)


def _document(table: Table) -> dict[str, Any]:
    return {
        column.name: {
            "kind": type_.kind.value, "native": type_.native, "scale": type_.scale, "fraction": type_.fraction,
        }
        for column in table.columns
        if (type_ := column.type).kind in _NUMBERS or type_.kind in _CLOCKS or type_.kind in _OTHERS
    }  # fmt: skip


def _type(document: dict[str, Any]) -> ColumnType:
    return ColumnType(**document | {"kind": Kind(document["kind"])})


def _changed(name: TableName, column: str, was: str, now: str, place: Position) -> FerrymanError:
    return FerrymanError(
        "apply.target_changed",
        f"column {column!r} of {name} at the target has become {now}, and was {was}: values would be rounded or cut there"
        f" in silence (source log {place})",
        context={"table": str(name), "column": column, "position": str(place)},
    )


class _Firm(Ground):
    """Nobody else changes it: looks at nothing."""

    def __init__(self) -> None:
        super().__init__(lambda selection: Schema(), None, lambda known: None)

    def look(self, tables: Iterable[TableName], place: Position) -> None:
        """Do nothing."""

    def forget(self, tables: Iterable[TableName]) -> None:
        """Do nothing."""


FIRM = _Firm()

"""Records of the log to changes (`ferryman.spi.source.LogDecoder`).

What the log leaves out is found, or said: of a row whose replica identity is its key, the old image holds no more than
the key, and a large value that an UPDATE did not touch is not there at all. With REPLICA IDENTITY FULL both are in the
old image; otherwise such values are read from the source once more, by key. Then they may be younger than the log's
place; whatever made them so follows in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.connectors.postgresql.log import messages
from ferryman.connectors.postgresql.log.images import ImageReader, placeholder
from ferryman.connectors.postgresql.log.messages import UNCHANGED, Relation, RowMessage
from ferryman.connectors.postgresql.log.position import lsn_position
from ferryman.connectors.postgresql.log.records import LAST_STEP, STEP, messages_of
from ferryman.connectors.postgresql.log.relation_match import Catalog, differs, table_change
from ferryman.connectors.postgresql.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.changes import UNKNOWN_VALUE, Begin, ChangeBatch, Commit, LogItem, Operation, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Table
from ferryman.spi.dialect import TableChange
from ferryman.spi.source import LogRecord

_OPERATIONS = {messages.INSERT: Operation.INSERT, messages.UPDATE: Operation.UPDATE, messages.DELETE: Operation.DELETE}
_RUN_ROWS = 10_000


class Lookup(Catalog, Protocol):
    """What a decoder asks of the server itself."""

    def rows_by_key(self, table: Table, columns: Sequence[str], keys: Sequence[Row]) -> dict[Row, Row] | None:
        """Return columns of rows by their key, as they are now; `None` when the table no longer has them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapped:
    """A table ready to decode.

    Attributes:
        relation: As the log describes it.
        table: The schema's, with which it was matched.
        key: Places of the row key's columns.
        logged: Places that old images hold.
        unknown: Places in other unique keys whose old values are not logged.
    """

    relation: Relation
    table: Table
    columns: tuple[str, ...]
    images: ImageReader
    key: tuple[int, ...]
    logged: frozenset[int]
    unknown: tuple[int, ...]


@dataclass(slots=True)
class _Run:
    """Changes of one kind to one table, one behind the other."""

    mapped: _Mapped
    operation: Operation
    before: list[list[object]] = field(default_factory=list)
    after: list[list[object]] = field(default_factory=list)


class PgOutputDecoder:
    """Decodes the records of one log, in order; may begin at any record."""

    def __init__(
        self,
        table_at: Callable[[TableName], Table | None],
        includes: Callable[[TableName], bool],
        lookup: Lookup,
    ) -> None:
        """Make a decoder; arguments as in `Source.decoder`, and whom to ask for what the log leaves out."""
        self._table_at = table_at
        self._includes = includes
        self._lookup = lookup
        self._plans: dict[bytes, _Mapped] = {}
        self._announced: Position | None = None
        self._begun = False
        self._transaction = ""

    def decode(self, record: LogRecord) -> list[LogItem]:
        """Decode the next record; errors as in `LogDecoder.decode`."""
        if not record.payload:
            return []
        frame = list(messages_of(record.payload))
        if (statement := self._statement_before(record, frame)) is not None:
            return [statement]
        return self._decode(record, frame)

    # Tables that changed their columns --------------------------------------------------------------------------------

    def _statement_before(self, record: LogRecord, frame: Sequence[bytes]) -> SchemaStatement | None:
        """Return the change of the first table in the frame that is not as we know it."""
        described = [message for message in frame if message[0] == messages.RELATION]
        for message in {each for each in described if described.count(each) > 1}:
            self._plans.pop(message, None)  # described anew: the same names may stand for other columns
        for number, message in enumerate(dict.fromkeys(described)):
            relation = messages.parse_relation(message)
            table = self._known(relation, record.position)
            if (plan := self._plans.get(message)) is not None and plan.table is table:
                continue
            if not differs(relation, table, self._lookup):
                self._plans[message] = _mapped(relation, table)
                continue
            return self._announce(table_change(relation, table, self._lookup), _place_before(record, frame, number))
        return None

    def _known(self, relation: Relation, position: Position) -> Table:
        """Only tables of the project are published: another name is a new one of theirs."""
        name = TableName(relation.schema, relation.table)
        table = self._table_at(name)
        if table is None or not self._includes(name):
            raise FerrymanError(
                "log.schema_mismatch",
                f"a table of this project is called {name} since {position}, which it does not know",
                hint=f"rename it back at the source, or begin anew (--fresh) with {name} among the objects",
            )
        if table.origin is not None and table.origin[0] != relation.oid:
            raise FerrymanError(
                "log.schema_mismatch",
                f"{name} is another table since {position} than before: tables have exchanged their names, or it was made anew",
                hint="give the tables their names back at the source, or begin anew (--fresh)",
            )
        return table

    def _announce(self, change: TableChange, position: Position) -> SchemaStatement:
        if self._announced == position:
            raise FerrymanError(
                "log.schema_mismatch",
                f"{change.name} is another one in the log than here, from {position} on: {change.sql}",
                hint="choose `done` for the statement once the target's table has these columns, or begin anew (--fresh)",
            )
        self._announced = position
        return SchemaStatement(sql=change.as_statement(), database=change.name.database, position=position)

    # Rows -------------------------------------------------------------------------------------------------------------

    def _decode(self, record: LogRecord, frame: Sequence[bytes]) -> list[LogItem]:
        items: list[LogItem] = []
        mapped: dict[int, _Mapped] = {}
        run: _Run | None = None
        for message in frame:
            kind = message[0]
            if kind in _OPERATIONS:
                run = self._add(items, run, mapped, message)
            elif kind == messages.RELATION:
                plan = self._plans[message]
                mapped[plan.relation.oid] = plan
            elif kind == messages.BEGIN:
                self._begun, self._transaction = False, str(messages.parse_begin(message).xid)
            elif kind == messages.TRUNCATE:
                return [self._truncation(record, message, mapped)]
        self._flush(items, run)
        return self._enclosed(record, items)

    def _enclosed(self, record: LogRecord, items: list[LogItem]) -> list[LogItem]:
        """Put Begin before the first change of a transaction, and Commit behind the last."""
        if items and not self._begun:
            self._begun = True
            items.insert(0, Begin(position=record.position, transaction_id=self._transaction or str(record.position)))
        if record.boundary and self._begun:
            self._begun = False
            items.append(Commit(position=record.position))
        return items

    def _truncation(self, record: LogRecord, message: bytes, mapped: dict[int, _Mapped]) -> SchemaStatement:
        names = [_described(mapped, oid).table.name for oid in messages.parse_truncate(message).relations]
        if not names:
            raise messages.corrupt("a truncation of no table")
        sql = f"TRUNCATE TABLE {', '.join(map(quote_table, names))}"
        change = TableChange(sql=sql, name=names[0], truncated=tuple(names))
        return SchemaStatement(sql=change.as_statement(), database=names[0].database, position=record.position)

    def _add(self, items: list[LogItem], run: _Run | None, mapped: dict[int, _Mapped], message: bytes) -> _Run:
        """Add a change to the run; the run before goes to `items` when this is another table or kind."""
        row = messages.parse_row(message)
        plan, operation = _described(mapped, row.relation), _OPERATIONS[message[0]]
        if run is None or run.mapped is not plan or run.operation is not operation or _length(run) >= _RUN_ROWS:
            self._flush(items, run)
            run = _Run(plan, operation)
        _take(run, row)
        return run

    def _flush(self, items: list[LogItem], run: _Run | None) -> None:
        if run is None:
            return
        if run.operation is Operation.UPDATE:
            self._complete(run)
        width = len(run.mapped.columns)
        items.append(
            ChangeBatch(
                table=run.mapped.table.name,
                operation=run.operation,
                columns=run.mapped.columns,
                before=_packed(run.before, width) if run.before else None,
                after=_packed(run.after, width) if run.after else None,
                cascades=False,  # what foreign keys do is logged as any change
                partial=run.mapped.relation.identity != "f",
            )
        )

    def _complete(self, run: _Run) -> None:
        """Read large values that were left out of the log, by the rows' new keys."""
        places = sorted({place for row in run.after for place, value in enumerate(row) if value is UNCHANGED})
        if not places:
            return
        mapped = run.mapped
        keys = {_pick(row, mapped.key) for row in run.after if UNCHANGED in row}
        names = [mapped.columns[place] for place in places]
        found = self._lookup.rows_by_key(mapped.table, names, list(keys)) or {}
        for row in run.after:
            values = found.get(_pick(row, mapped.key))
            for number, place in enumerate(places):
                if row[place] is UNCHANGED:
                    row[place] = values[number] if values is not None else _stand_in(mapped, place)


def _described(mapped: dict[int, _Mapped], oid: int) -> _Mapped:
    if oid not in mapped:
        raise messages.corrupt(f"a change of table {oid} that its frame does not describe")
    return mapped[oid]


def _stand_in(mapped: _Mapped, place: int) -> Value:
    """Return a value for a row that is not there any more: a later change in the log takes it away, or fills it."""
    column = mapped.table.column(mapped.columns[place])
    return None if column.nullable else placeholder(column.type)


def _place_before(record: LogRecord, frame: Sequence[bytes], number: int) -> Position:
    """Return a place before a record and behind the one before it: the `number`-th."""
    lsn, step = record.position.order
    if record.boundary:
        lsn, step = _final_lsn(frame), LAST_STEP
    slot = record.position.token.get("slot", "")
    return lsn_position(lsn, step - STEP + 1 + number, slot=slot, time=record.position.time)


def _final_lsn(frame: Sequence[bytes]) -> int:
    return messages.commit_lsn(frame[-1])


def _mapped(relation: Relation, table: Table) -> _Mapped:
    by_name = {column.name: column for column in table.columns}
    columns = tuple(column.name for column in relation.columns)
    places = {name: place for place, name in enumerate(columns)}
    whole = relation.identity == "f"
    logged = frozenset(place for place, column in enumerate(relation.columns) if whole or column.key)
    key = tuple(places[name] for name in table.row_key.columns if name in places) if table.row_key else ()
    unique = {places[name] for index in table.unique_keys for name in index.columns if name in places}
    return _Mapped(
        relation=relation,
        table=table,
        columns=columns,
        images=ImageReader([by_name[name].type for name in columns], str(table.name)),
        key=key,
        logged=logged,
        unknown=tuple(sorted(unique - logged - set(key))),
    )


def _length(run: _Run) -> int:
    return max(len(run.before), len(run.after))


def _take(run: _Run, row: RowMessage) -> None:
    mapped = run.mapped
    new = mapped.images.row(row.new) if row.new is not None else None
    if run.operation is not Operation.INSERT:
        old = mapped.images.row(row.old) if row.old is not None else None
        if old is not None:
            new = _filled(new, old, range(len(old)) if row.whole else mapped.logged)
        run.before.append(old if row.whole and old is not None else _known_part(mapped, old, new))
    if new is not None:
        run.after.append(new)


def _filled(new: list[object] | None, old: Sequence[object], places: Iterable[int]) -> list[object] | None:
    """Take large values that did not change from the old image, as far as it goes."""
    if new is not None and UNCHANGED in new:
        for place in places:
            if new[place] is UNCHANGED:
                new[place] = old[place]
    return new


def _known_part(mapped: _Mapped, old: Sequence[object] | None, new: Sequence[object] | None) -> list[object]:
    """Return the old image as far as it is known: the key's values; an update that left the key logs no old image."""
    if not mapped.key or not mapped.logged.issuperset(mapped.key):
        raise _partial(mapped)
    source = old if old is not None else new
    if source is None:
        raise messages.corrupt(f"a change of {mapped.table.name} lacks a row image")
    row: list[object] = [None] * len(mapped.columns)
    for place in mapped.unknown:
        row[place] = UNKNOWN_VALUE
    for place in mapped.logged:
        row[place] = source[place]
    return row


def _partial(mapped: _Mapped) -> FerrymanError:
    name = mapped.table.name
    what = "has no key" if not mapped.key else "is logged by another index than the key that names its rows"
    return FerrymanError(
        "log.partial_image",
        f"{name} {what}, and its replica identity is not FULL: old rows are not in the log",
        hint=f"ALTER TABLE {quote_table(name)} REPLICA IDENTITY FULL at the source, then load it again (--fresh)",
    )


def _pick(row: Sequence[object], places: Sequence[int]) -> Row:
    return tuple(row[place] for place in places)  # type: ignore[misc]


def _packed(rows: Sequence[Sequence[object]], width: int) -> Batch:
    return Batch.of([tuple(row) for row in rows], width)  # type: ignore[arg-type]

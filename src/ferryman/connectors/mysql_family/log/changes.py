"""Binlog records to changes (`ferryman.spi.source.LogDecoder`).

A transaction yields `Begin`, its changes and `Commit` only if it changes something that is wanted; each row event is
decoded by itself, so that memory does not grow with the transaction. What cannot be told with certainty stops the
project: statements logged in place of rows, rolled back changes of tables that cannot roll back. XA transactions have
been put where they are committed before (`prepared.CommitOrder`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.column_match import is_sequence, matched_columns
from ferryman.connectors.mysql_family.log.events import EventHeader
from ferryman.connectors.mysql_family.log.payloads import unpacked
from ferryman.connectors.mysql_family.log.queries import MARK, LoggedQuery, QueryReader, savepoint_name
from ferryman.connectors.mysql_family.log.statements import StatementKind
from ferryman.connectors.mysql_family.log.zones import Ask, no_answer
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import TableMap, decode_rows, decode_table_map
from ferryman.model.batch import Batch
from ferryman.model.changes import Begin, ChangeBatch, Commit, LogItem, Operation, Rollback, Savepoint, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Table
from ferryman.model.selection import SYSTEM_DATABASES
from ferryman.model.types import ColumnType
from ferryman.spi.source import LogRecord

_NO_FOREIGN_KEY_CHECKS = 0x0002
_LEASE = (b"_ferryman", b"lease")
"""The table whose change at the head of a transaction is the mark of two-way use (`marks`)."""
_ANNOTATION = bytes((events.ANNOTATE_ROWS,))
_MOST_KNOWN = 1000
_DUMMY_TABLE_ID = 0x00FFFFFF
"""A row event without rows, which only ends a statement."""
_OPERATIONS = {
    **dict.fromkeys(events.WRITE_ROWS, Operation.INSERT),
    **dict.fromkeys(events.UPDATE_ROWS, Operation.UPDATE),
    **dict.fromkeys(events.DELETE_ROWS, Operation.DELETE),
}
_ROLLING_BACK = frozenset({"innodb", "rocksdb", "tokudb", "ndbcluster"})
"""Engines whose changes a ROLLBACK takes back."""
_INCIDENT_HINT = "changes were lost at the source itself: load the tables again (--fresh)"
_XA_HINT = "finish or roll back the source's XA transactions, then load the tables again (--fresh)"


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A table of the open statement, ready to decode; `table` is the schema's it was matched with."""

    table_map: TableMap
    table: Table
    columns: tuple[str, ...]
    types: tuple[ColumnType, ...]


class BinlogDecoder:
    """Decodes the records of one log, in order, from a transaction border on."""

    def __init__(
        self,
        table_at: Callable[[TableName], Table | None],
        includes: Callable[[TableName], bool],
        ask: Ask = no_answer,
        *,
        skips_marked: bool = False,
    ) -> None:
        """Make a decoder; arguments as in `Source.decoder`, who knows the source's time zones, and whether marks count."""
        self._skips_marked = skips_marked
        self._table_at = table_at
        self._includes = includes
        self._included: dict[tuple[bytes, bytes], bool] = {}
        self._plans: dict[TableName, _Mapped] = {}
        self._known: dict[bytes, _Mapped] = {}
        """By the bytes of a table map, which comes before each row event: those of wanted tables, as they were met last."""
        self._queries = QueryReader(table_at, includes, ask)
        self._begin_group("", 0, in_xa=False)

    def decode(self, record: LogRecord) -> list[LogItem]:
        """Decode the next record; errors as in `LogDecoder.decode`."""
        if record.payload[4:5] == _ANNOTATION and len(record.payload) >= events.HEADER_LENGTH:
            return []  # a statement's text: every second or third event of a MariaDB's log
        header = events.event_header(record.payload)
        return self._decode(header, record.payload[events.HEADER_LENGTH :], record.position)

    def _decode(self, header: EventHeader, body: bytes, position: Position) -> list[LogItem]:
        kind = header.type
        if kind in events.ROWS:
            return self._rows(kind, body, position)
        if kind == events.TABLE_MAP:
            self._map_table(body)
            return []
        if kind in events.GTIDS:
            self._gtid(header, body)
            return []
        if kind == events.XID:
            return self._commit(position)
        if kind in (events.QUERY, events.QUERY_COMPRESSED, events.EXECUTE_LOAD_QUERY):
            return self._query(kind, body, position)
        return self._seldom(header, body, position)

    def _seldom(self, header: EventHeader, body: bytes, position: Position) -> list[LogItem]:
        kind = header.type
        if kind == events.TRANSACTION_PAYLOAD:
            return self._payload(body, position)
        if kind == events.XA_PREPARE:
            return self._commit(position)  # of one phase, or nothing wanted was changed (see `_begin`)
        if kind == events.FORMAT_DESCRIPTION:
            self._begin_group("", 0, in_xa=False)
            return []
        if kind == events.PARTIAL_UPDATE_ROWS:
            return self._partial_rows(body)
        if kind in events.WITHOUT_CHANGES or header.flags & events.IGNORABLE:
            return []
        if kind == events.INCIDENT:
            raise FerrymanError("log.incident", f"the source logged an incident before {position}", hint=_INCIDENT_HINT)
        raise FerrymanError("log.unsupported_event", f"event type {kind} before {position} is not known")

    # Transactions -------------------------------------------------------------------------------------------------

    def _begin_group(self, transaction_id: str, alter: int, *, in_xa: bool) -> None:
        self._transaction_id = transaction_id
        self._alter = alter
        self._in_xa = in_xa
        self._begun = False
        self._stays = ""
        """A table changed in this transaction whose engine cannot roll back."""
        self._tables: dict[int, _Mapped | None] = {}
        self._is_marked = False

    def _gtid(self, header: EventHeader, body: bytes) -> None:
        head = events.parse_gtid(header.type, body, header.server_id)
        if head is None:
            self._begin_group("", 0, in_xa=False)
        else:
            self._begin_group(head.text, head.alter, in_xa=head.prepared)

    def _begin(self, position: Position) -> list[LogItem]:
        """Begin the transaction with the first change that is wanted."""
        if self._begun:
            return []
        if self._in_xa:
            raise FerrymanError(
                "log.unsupported_event", f"a prepared XA transaction at {position} changes tables", hint=_XA_HINT
            )
        self._begun = True
        return [Begin(position=position, transaction_id=self._transaction_id or str(position))]

    def _commit(self, position: Position) -> list[LogItem]:
        begun = self._begun
        self._begin_group("", 0, in_xa=False)
        return [Commit(position=position)] if begun else []

    # Statements ---------------------------------------------------------------------------------------------------

    def _query(self, event_type: int, body: bytes, position: Position) -> list[LogItem]:
        query = self._queries.read(event_type, body)
        if query.kind is StatementKind.SCHEMA:
            return self._schema_statement(query.sql, query.database, position)
        if query.kind is StatementKind.COMMIT:
            return self._commit(position)
        if query.kind is StatementKind.XA_START:
            self._in_xa = True
        elif query.kind is StatementKind.SAVEPOINT:
            return [Savepoint(name=savepoint_name(query))]
        elif query.kind in (StatementKind.ROLLBACK, StatementKind.ROLLBACK_TO):
            return self._rollback(query, position)
        elif query.kind is StatementKind.XA_COMMIT:
            raise FerrymanError("internal.error", f"XA COMMIT before {position} was not put in order")
        elif (name := self._queries.table_changed(query)) is not None:
            raise FerrymanError(
                "log.statement_format", f"a statement that may change {name} is logged as text before {position}"
            )
        return []

    def _schema_statement(self, sql: str, database: str, position: Position) -> list[LogItem]:
        """ALTER TABLE logged in two phases counts when it commits."""
        self._included.clear()  # what is wanted may depend on which tables there are
        self._known.clear()
        if self._alter & (events.START_ALTER | events.ROLLBACK_ALTER):
            return []
        marked = self._skips_marked and MARK in sql
        return [SchemaStatement(sql=sql, database=database, position=position, marked=marked)]

    def _rollback(self, query: LoggedQuery, position: Position) -> list[LogItem]:
        """What was rolled back is logged where temporary tables came or went, or others cannot roll back, beside it."""
        if self._stays:
            raise FerrymanError(
                "log.unsupported_event",
                f"a transaction was rolled back before {position}, with {self._stays} in it, which cannot roll back",
                hint="load the tables again (--fresh); convert tables to a transactional engine",
            )
        if query.kind is StatementKind.ROLLBACK_TO:
            return [Rollback(position=position, savepoint=savepoint_name(query))] if self._begun else []
        begun = self._begun
        self._begin_group("", 0, in_xa=False)
        return [Rollback(position=position)] if begun else []

    # Rows ---------------------------------------------------------------------------------------------------------

    def _map_table(self, body: bytes) -> None:
        table_id = int.from_bytes(body[:6], "little")
        known = self._known.get(body)
        if known is not None and self._table_at(known.table.name) is known.table:
            self._tables[table_id] = None if self._is_marked else known
            return
        self._is_marked = self._is_marked or (self._skips_marked and _names(body) == _LEASE)
        mapped = self._mapped(body) if not self._is_marked and self._is_wanted(body) else None
        self._tables[table_id] = mapped
        if mapped is not None:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[body] = mapped

    def _is_wanted(self, body: bytes) -> bool:
        """Whether the project moves a table map's table; told from its first bytes, before it is decoded."""
        database, table = _names(body)
        wanted = self._included.get((database, table))
        if wanted is None:
            name = TableName(database.decode("utf-8", "replace"), table.decode("utf-8", "replace"))
            wanted = name.database.casefold() not in SYSTEM_DATABASES and self._includes(name)
            if len(self._included) > 10_000:
                self._included.clear()
                self._known.clear()
            self._included[(database, table)] = wanted
        return wanted

    def _mapped(self, body: bytes) -> _Mapped | None:
        table_map = decode_table_map(body)
        name = TableName(table_map.database, table_map.table)
        table, plan = self._table_at(name), self._plans.get(name)
        if plan is not None and plan.table is table and plan.table_map is table_map:
            return plan
        if table is None:
            if is_sequence(table_map):
                return None
            raise FerrymanError("log.schema_mismatch", f"the log changes {name}, which the schema known does not have")
        columns, types = matched_columns(table, table_map)
        self._plans[name] = _Mapped(table_map, table, columns, types)
        return self._plans[name]

    def _find(self, body: bytes) -> _Mapped | None:
        """Return the table of a row event; `None` when it is not wanted."""
        table_id = int.from_bytes(body[:6], "little")
        if table_id not in self._tables and table_id != _DUMMY_TABLE_ID:
            raise events.corrupt(f"a row event of table id {table_id} without a table map")
        return self._tables.get(table_id)

    def _rows(self, event_type: int, body: bytes, position: Position) -> list[LogItem]:
        mapped = self._find(body)
        if mapped is None:
            return []
        if (mapped.table.engine or "").casefold() not in _ROLLING_BACK:
            self._stays = self._stays or str(mapped.table.name)
        before, after = decode_rows(body, event_type, mapped.table_map, mapped.types)
        change = ChangeBatch(
            table=mapped.table.name,
            operation=_OPERATIONS[event_type],
            columns=mapped.columns,
            before=_visible(before, mapped),
            after=_visible(after, mapped),
            cascades=not int.from_bytes(body[6:8], "little") & _NO_FOREIGN_KEY_CHECKS,
        )
        return [*self._begin(position), change]

    def _partial_rows(self, body: bytes) -> list[LogItem]:
        mapped = self._find(body)
        if mapped is None:
            return []
        raise FerrymanError(
            "log.partial_image",
            f"updates of {mapped.table.name} hold only parts of JSON values",
            hint="set binlog_row_value_options='' at the source, then load the table again",
        )

    def _payload(self, body: bytes, position: Position) -> list[LogItem]:
        """Decode a compressed transaction of MySQL 8."""
        items: list[LogItem] = []
        for event in unpacked(body, position):
            items += self._decode(events.event_header(event), event[events.HEADER_LENGTH :], position)
        return items


def _visible(batch: Batch | None, mapped: _Mapped) -> Batch | None:
    """Leave out the columns behind ours, which the server keeps for itself."""
    if batch is None or len(mapped.columns) == len(mapped.types):
        return batch
    return batch.project(range(len(mapped.columns)))


def _names(body: bytes) -> tuple[bytes, bytes]:
    """Return database and table of a table map's body."""
    end = 9 + body[8] if len(body) > 8 else 0
    if end + 2 > len(body):
        raise events.corrupt("a table map is cut off")
    start = end + 2
    return body[9:end], body[start : start + body[end + 1]]

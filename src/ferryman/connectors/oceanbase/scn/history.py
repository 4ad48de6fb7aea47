"""What became of the schema: from OceanBase's own list of schema statements or, where that is hidden, by comparing.

`DdlLog` reads ``__all_ddl_operation`` (every statement with its text and schema version), and the histories of tables and
tablets. `Fingerprint` knows only *that* something has changed. Both number states of the schema by an integer; those of
a fingerprint are below `DdlLog`'s, which are microseconds since 1970.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.selection import Selection

_FINGERPRINT_BITS = 48
_USER_TABLE = 3
_HIDDEN = frozenset({"source.privilege", "source.table_changed", "endpoint.query_failed"})


@dataclass(frozen=True, slots=True)
class DatedStatement:
    """A schema statement with the version it led to."""

    version: int
    database: str
    sql: str


class History(Protocol):
    """How the schema came to be what it is."""

    def version(self) -> int:
        """Return the number of the schema's state now."""
        ...

    def statements(self, since: int, until: int) -> list[DatedStatement]:
        """Return the statements of the selection between two states, in order."""
        ...

    def read_anew(self, since: int, until: int) -> set[TableName]:
        """Return the tables whose rows at `since` cannot be had under their name of `until` (built anew, renamed …)."""
        ...


class DdlLog:
    """OceanBase's own list."""

    def __init__(self, connection: Connection, selection: Selection) -> None:
        """Read over a connection."""
        self._connection = connection
        self._selection = selection

    def version(self) -> int:
        """Return the greatest version listed."""
        return int(self._connection.query("SELECT MAX(schema_version) FROM oceanbase.__all_ddl_operation")[0][0] or 0)

    def version_at(self, microseconds: int) -> int:
        """Return the greatest version not behind a moment, 0 when the list does not reach back so far."""
        sql = f"SELECT MAX(schema_version) FROM oceanbase.__all_ddl_operation WHERE schema_version <= {microseconds}"
        return int(self._connection.query(sql)[0][0] or 0)

    def statements(self, since: int, until: int) -> list[DatedStatement]:
        """Return the statements of databases that are moved; ``position.purged`` when the list begins later."""
        rows = self._connection.query(
            "SELECT schema_version, database_id, ddl_stmt_str FROM oceanbase.__all_ddl_operation"
            f" WHERE {_between('schema_version', since, until)} AND ddl_stmt_str <> '' ORDER BY schema_version"
        )
        self._require_reach(since)
        databases = self._databases()
        found = [DatedStatement(int(at), databases.get(int(number), ""), str(sql)) for at, number, sql in rows]
        return [each for each in found if self._selection.includes_database(each.database)]

    def read_anew(self, since: int, until: int) -> set[TableName]:
        """Return tables with other tablets than before, and those that are new by their name."""
        names = self._tables()
        found = {names[number] for number in self._with_new_tablets(since, until) if number in names}
        old = self._names_at(since, until)
        touched = self._touched(since, until)
        found |= {name for number, name in names.items() if number in touched and old.get(number) != name}
        return {name for name in found if self._selection.includes(name)}

    def _require_reach(self, since: int) -> None:
        first = self._connection.query("SELECT MIN(schema_version) FROM oceanbase.__all_ddl_operation")[0][0]
        if first is not None and int(first) > since:
            raise FerrymanError(
                "position.purged", f"{self._connection.where} lists its schema statements from version {first} on only"
            )

    def _databases(self) -> dict[int, str]:
        sql = (
            "SELECT database_id, database_name FROM oceanbase.__all_database_history"
            " WHERE is_deleted = 0 ORDER BY schema_version"
        )
        return {int(number): str(name) for number, name in self._connection.query(sql)}

    def _tables(self) -> dict[int, TableName]:
        databases = self._databases()
        rows = self._connection.query(
            f"SELECT table_id, database_id, table_name FROM oceanbase.__all_table WHERE table_type = {_USER_TABLE}"
        )
        return {int(table): TableName(databases.get(int(number), ""), str(name)) for table, number, name in rows}

    def _with_new_tablets(self, since: int, until: int) -> set[int]:
        """A tablet that is gone is listed without its table: an older entry tells whose it was."""
        rows = self._connection.query(
            "SELECT DISTINCT b.table_id FROM oceanbase.__all_tablet_to_table_history a"
            " JOIN oceanbase.__all_tablet_to_table_history b ON a.tablet_id = b.tablet_id"
            f" WHERE {_between('a.schema_version', since, until)}"
        )
        return {int(row[0]) for row in rows}

    def _touched(self, since: int, until: int) -> set[int]:
        sql = f"SELECT DISTINCT table_id FROM oceanbase.__all_table_history WHERE {_between('schema_version', since, until)}"
        return {int(row[0]) for row in self._connection.query(sql)}

    def _names_at(self, since: int, until: int) -> dict[int, TableName]:
        """Return the names that the tables touched since had then."""
        databases = self._databases()
        touched = f"SELECT table_id FROM oceanbase.__all_table_history WHERE {_between('schema_version', since, until)}"
        rows = self._connection.query(
            "SELECT table_id, database_id, table_name FROM oceanbase.__all_table_history"
            f" WHERE schema_version <= {since} AND is_deleted = 0 AND table_id IN ({touched}) ORDER BY schema_version"
        )
        return {int(table): TableName(databases.get(int(number), ""), str(name)) for table, number, name in rows}


def _between(column: str, since: int, until: int) -> str:
    return f"{column} > {since} AND {column} <= {until}"


class Fingerprint:
    """For users who may not see that list: any change of the selected databases' tables ends the project's log."""

    def __init__(self, connection: Connection, selection: Selection) -> None:
        """Read over a connection."""
        self._connection = connection
        self._selection = selection

    def version(self) -> int:
        """Return a hash over tables, tablets and columns."""
        digest = hashlib.sha256()
        for sql in (
            "SELECT OWNER, OBJECT_NAME, COALESCE(SUBOBJECT_NAME, ''), OBJECT_ID, COALESCE(DATA_OBJECT_ID, 0), CREATED"
            " FROM oceanbase.DBA_OBJECTS WHERE OBJECT_TYPE LIKE 'TABLE%' ORDER BY OBJECT_ID, DATA_OBJECT_ID",
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE, COLUMN_TYPE,"
            " COLLATION_NAME, EXTRA, COLUMN_KEY FROM information_schema.COLUMNS"
            " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
        ):
            for row in self._connection.query(sql):
                if self._selection.includes(TableName(str(row[0]), str(row[1]))):
                    digest.update(repr(row).encode())
        return int.from_bytes(digest.digest()[:8], "little") % (1 << _FINGERPRINT_BITS)

    def statements(self, since: int, until: int) -> list[DatedStatement]:
        """Refuse: what the statements were cannot be known."""
        raise FerrymanError(
            "source.schema_changed",
            f"tables were made, changed or dropped at {self._connection.where}, and which statement did it is not shown",
        )

    def read_anew(self, since: int, until: int) -> set[TableName]:
        """Return nothing: `statements` has refused."""
        return set()


def is_fingerprint(version: int) -> bool:
    """Whether a number was made by `Fingerprint`."""
    return version < 1 << _FINGERPRINT_BITS


def history_for(connection: Connection, selection: Selection, version: int) -> History:
    """Return the history that a number belongs to."""
    return Fingerprint(connection, selection) if is_fingerprint(version) else DdlLog(connection, selection)


def history_of(connection: Connection, selection: Selection) -> History:
    """Return the best history this user may see."""
    log = DdlLog(connection, selection)
    try:
        version = log.version()
        log.read_anew(version, version)
    except FerrymanError as error:
        if error.code not in _HIDDEN:
            raise
        return Fingerprint(connection, selection)
    return log

"""Replica identities: what the log holds of a row that was changed or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName

FULL, KEY, INDEX, NOTHING = "f", "d", "i", "n"

_IDENTITIES = """
SELECT w.schema, w.name, n.nspname, c.relname, c.relreplident::text, c.relpersistence::text, i.indisprimary,
       EXISTS (SELECT 1 FROM pg_index p WHERE p.indrelid = c.oid AND p.indisprimary),
       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.attstorage IN ('x', 'e')),
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(i.indkey))
FROM unnest(%s::text[], %s::text[]) AS w (schema, name)
JOIN pg_namespace m ON m.nspname = w.schema JOIN pg_class t ON t.relnamespace = m.oid AND t.relname = w.name
CROSS JOIN LATERAL (
  SELECT t.oid WHERE t.relkind <> 'p' UNION SELECT relid FROM pg_partition_tree(t.oid) WHERE isleaf AND relid <> t.oid
) AS p (oid)
JOIN pg_class c ON c.oid = p.oid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indimmediate AND i.indisvalid
  AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END
ORDER BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """A table's replica identity as it works, or that of one of its partitions: each has its own.

    Attributes:
        name: The table of the project.
        relation: Itself, or the partition.
        kind: `FULL`, `KEY` (the primary key), `INDEX` (another unique one), `NOTHING`.
        unlogged: Whether the table's changes are never logged at all.
        keyed: Whether it has a primary key.
        large: Whether it may hold values that an UPDATE leaves out of the log.
        columns: Of the index, where `kind` is one.
    """

    name: TableName
    relation: TableName
    kind: str
    unlogged: bool
    keyed: bool
    large: bool
    columns: tuple[str, ...]

    @property
    def mending(self) -> str:
        """The SQL that puts all of a row into the log."""
        return f"ALTER TABLE {quote_table(self.relation)} REPLICA IDENTITY FULL"


def read_identities(connection: Connection, names: Sequence[TableName]) -> list[Identity]:
    """Read how these tables are logged."""
    wanted = [[name.database for name in names], [name.table for name in names]]
    return [_identity(*row) for row in connection.query(_IDENTITIES, wanted)]


def _identity(
    schema: str,
    table: str,
    own_schema: str,
    own_name: str,
    setting: str,
    persistence: str,
    primary: bool | None,
    keyed: bool,
    large: bool,
    columns: list[str],
) -> Identity:
    """A key that is deferrable, or not there (any more), serves as none."""
    kind = setting
    if setting in {KEY, INDEX}:
        kind = NOTHING if primary is None else KEY if primary else INDEX
    return Identity(
        TableName(schema, table),
        TableName(own_schema, own_name),
        kind,
        persistence != "p",
        keyed,
        large,
        tuple(columns),
    )


def require_identity(connection: Connection, names: Sequence[TableName]) -> None:
    """Refuse tables whose publication would stop their own source's updates, or whose changes are not logged.

    Raises:
        FerrymanError: ``source.replica_identity``.
    """
    found = read_identities(connection, names)
    without = [each for each in found if each.kind == NOTHING and not each.unlogged]
    if without:
        listed = ", ".join(str(each.relation) for each in without[:10])
        raise FerrymanError(
            "source.replica_identity",
            f"{len(without)} tables have no replica identity: {listed}; published so, the source would refuse to update"
            " them",
            hint=f"{'; '.join(each.mending for each in without[:10])}; then resume",
        )
    unlogged = [str(each.name) for each in found if each.unlogged]
    if unlogged:
        raise FerrymanError(
            "source.replica_identity",
            f"changes of unlogged tables cannot be followed: {', '.join(unlogged[:10])}",
            hint="ALTER TABLE … SET LOGGED at the source, or leave them out (--exclude)",
        )

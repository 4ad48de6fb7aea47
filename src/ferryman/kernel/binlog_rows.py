"""Reference: binlog table maps and row events to canonical batches.

Source: MySQL internals manual, "Rows_event", "Table_map_event" with optional metadata; MariaDB server sources
``sql/log_event.cc``, ``sql/rpl_utility.cc``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.batch import Batch
from ferryman.model.types import ColumnType


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMap:
    """A table map event.

    Attributes:
        wire_types: One type byte a column (real types of ENUM and SET resolved from their metadata).
        metadata: Per column the type's metadata as an integer (little-endian as in the event).
        names: Column names, from FULL metadata; empty when the server does not send them.
        unsigned: Per column, from metadata; empty when not sent.
        labels: Per column the ENUM or SET labels as raw bytes in the column's charset, from FULL metadata; empty when not sent.
        charsets: Per column the collation id, 0 where the column has none; empty when not sent.
        primary_key: Indexes of the primary key's columns; empty when not sent.
    """

    table_id: int
    database: str
    table: str
    wire_types: bytes
    metadata: tuple[int, ...]
    nullable: bytes
    names: tuple[str, ...] = ()
    unsigned: tuple[bool, ...] = ()
    labels: tuple[tuple[bytes, ...], ...] = ()
    charsets: tuple[int, ...] = ()
    primary_key: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.wire_types)


def decode_table_map(body: bytes, *, table_id_bytes: int = 6) -> TableMap:
    """Decode the body (post-header on, without checksum) of a TABLE_MAP event."""
    raise NotImplementedError


def decode_rows(
    body: bytes, event_type: int, table_map: TableMap, types: Sequence[ColumnType]
) -> tuple[Batch | None, Batch | None]:
    """Decode the body of a WRITE/UPDATE/DELETE rows event, v1 or v2.

    Args:
        body: The event from its post-header on, without checksum.
        event_type: 23..25 (v1) or 30..32 (v2).
        table_map: The table map with the event's table id.
        types: Per column of the event, the type at this position; text in a charset other than UTF-8 is transcoded
            from ``type.charset``.

    Returns:
        ``(before, after)``, one of them `None` for inserts and deletes.

    Raises:
        KernelError: Malformed bytes (``log.corrupt``), a partial row image (``log.partial_image``), or a type that
            cannot be decoded (``log.unsupported_event``).
    """
    raise NotImplementedError

"""Reference: rows of a MySQL binary-protocol result set to canonical batches.

Source: MySQL client/server protocol, "Binary Protocol Resultset" and "Binary Protocol Value".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.batch import Batch
from ferryman.model.types import ColumnType


@dataclass(frozen=True, slots=True)
class WireColumn:
    """A column of a result set: what the server said of it, and what the catalog says (it decides the canonical form).

    Attributes:
        wire_type: The protocol's type byte (``MYSQL_TYPE_LONG`` = 3 …).
        unsigned: The protocol's UNSIGNED flag.
        type: The column's type by the catalog.
    """

    wire_type: int
    unsigned: bool
    type: ColumnType


class ResultSetDecoder:
    """Decodes the row packets of one result set; fed with what comes from the socket, cut anywhere.

    Feeding starts with the first byte of the first row packet's header (after the column definitions and, without
    CLIENT_DEPRECATE_EOF, their EOF packet).
    """

    def __init__(self, columns: Sequence[WireColumn], *, deprecate_eof: bool = False) -> None:
        """Make a decoder for rows of these columns."""
        raise NotImplementedError

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes. Raises `ServerError` for an ERR packet, `KernelError` for malformed bytes."""
        raise NotImplementedError

    @property
    def buffered_rows(self) -> int:
        """Whole rows decoded and not yet taken."""
        raise NotImplementedError

    @property
    def buffered_bytes(self) -> int:
        """Bytes of their values."""
        raise NotImplementedError

    @property
    def finished(self) -> bool:
        """Whether the end of the result set has been seen."""
        raise NotImplementedError

    def take(self) -> Batch:
        """Return all buffered rows and forget them."""
        raise NotImplementedError

"""The hot loops: bytes from servers to canonical batches, batches to SQL text, digests.

Sans-IO. Each function has a pure-Python twin in ``kernel/X.py``, which is its specification; a native one in
``kernel/_X.pyx`` has the same name, arguments, results and errors. This front door chooses once; nobody imports past it.
Input from the network is hostile: every read is bounds-checked and fails with `KernelError`.
"""

from __future__ import annotations

from ferryman.kernel.binlog_rows import TableMap, decode_rows, decode_table_map
from ferryman.kernel.result_rows import ResultSetDecoder, WireColumn
from ferryman.kernel.row_digest import row_digests
from ferryman.kernel.sql_text import insert_values, literal

IMPLEMENTATION = "python"
"""Which implementation was chosen: ``python`` or ``native``."""

__all__ = [
    "IMPLEMENTATION",
    "ResultSetDecoder",
    "TableMap",
    "WireColumn",
    "decode_rows",
    "decode_table_map",
    "insert_values",
    "literal",
    "row_digests",
]

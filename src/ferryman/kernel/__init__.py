"""The hot loops: bytes from servers to canonical batches, batches to SQL text, digests.

Sans-IO. Each function has a pure-Python twin in ``kernel/X.py``, which is its specification; a native one in
``kernel/_X.pyx`` has the same name, arguments, results and errors. This front door chooses once; nobody imports past it.
Input from the network is hostile: every read is bounds-checked and fails with `KernelError`.

The native kernel is taken when it has been built, unless the environment says ``FERRYMAN_KERNEL=python``;
``FERRYMAN_KERNEL=native`` fails when it has not been built.
"""

from __future__ import annotations

import os

from ferryman.kernel.copy_text import NUL, Form, MisfitError, TextForm, canonical_value, server_value, text_form
from ferryman.kernel.json_rows import JsonForm
from ferryman.kernel.log_records import Record, decode_position, whole_body
from ferryman.kernel.picked_rows import PICK_BITS
from ferryman.kernel.result_rows import WireColumn
from ferryman.kernel.sql_text import literal, literal_writer
from ferryman.kernel.table_map import TableMap, decode_table_map

IMPLEMENTATION = "python"
"""Which implementation was chosen: ``python`` or ``native``."""

_wanted = os.environ.get("FERRYMAN_KERNEL", "")

try:
    if _wanted == "python":
        raise ImportError
    from ferryman.kernel._binlog_rows import decode_rows
    from ferryman.kernel._copy_text import decode_copy, encode_copy
    from ferryman.kernel._json_rows import fill_rows
    from ferryman.kernel._log_records import decode_records, pass_records
    from ferryman.kernel._picked_rows import gather, row_tuples
    from ferryman.kernel._result_rows import ResultSetDecoder
    from ferryman.kernel._row_digest import row_digests
    from ferryman.kernel._sql_text import RowText, insert_values, load_lines

    IMPLEMENTATION = "native"
except ImportError:
    if _wanted == "native":
        raise
    from ferryman.kernel.binlog_rows import decode_rows
    from ferryman.kernel.copy_text import decode_copy, encode_copy
    from ferryman.kernel.json_rows import fill_rows
    from ferryman.kernel.log_records import decode_records, pass_records
    from ferryman.kernel.picked_rows import gather, row_tuples
    from ferryman.kernel.result_rows import ResultSetDecoder
    from ferryman.kernel.row_digest import row_digests
    from ferryman.kernel.sql_text import RowText, insert_values, load_lines

__all__ = [
    "IMPLEMENTATION",
    "NUL",
    "PICK_BITS",
    "Form",
    "JsonForm",
    "MisfitError",
    "Record",
    "ResultSetDecoder",
    "RowText",
    "TableMap",
    "TextForm",
    "WireColumn",
    "canonical_value",
    "decode_copy",
    "decode_position",
    "decode_records",
    "decode_rows",
    "decode_table_map",
    "encode_copy",
    "fill_rows",
    "gather",
    "insert_values",
    "literal",
    "literal_writer",
    "load_lines",
    "pass_records",
    "row_digests",
    "row_tuples",
    "server_value",
    "text_form",
    "whole_body",
]

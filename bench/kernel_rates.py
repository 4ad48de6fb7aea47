"""Rates of the kernel's functions on one core, native beside its pure-Python twin.

    python bench/kernel_rates.py [ROWS]

Rows like sysbench's (4 columns, about 195 bytes) and wide ones (22 columns of all sorts, about 470 bytes); everything in
memory, best of three. The figures of a machine compare only with figures of the same machine and moment.
"""

from __future__ import annotations

import importlib
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ferryman.kernel import WireColumn, decode_table_map
from ferryman.model.types import ColumnType, Kind


@dataclass(frozen=True)
class Column:
    """One column: its type, how it comes by either way, and the bytes of its values."""

    type: ColumnType
    wire_type: int
    log_type: int
    log_meta: bytes
    wire: list[bytes] = field(repr=False)
    log: list[bytes] = field(repr=False)
    unsigned: bool = False


def lenenc(data: bytes) -> bytes:
    return (bytes((len(data),)) if len(data) < 251 else b"\xfc" + struct.pack("<H", len(data))) + data


def integers(bits: int, numbers: list[int]) -> Column:
    wire_type = {8: 1, 16: 2, 24: 9, 32: 3, 64: 8}[bits]
    wire = [n.to_bytes(max(bits // 8, 4 if bits == 24 else 0), "little") for n in numbers]
    type_ = ColumnType(kind=Kind.INTEGER, bits=bits)
    return Column(type_, wire_type, wire_type, b"", wire, [n.to_bytes(bits // 8, "little") for n in numbers])


def strings(
    kind: Kind, length: int, values: list[bytes], *, log_type: int = 15, meta: bytes = b"", size: int = 1
) -> Column:
    log = [len(value).to_bytes(size, "little") + value for value in values]
    return Column(ColumnType(kind=kind, length=length, charset="utf8mb4"), 253, log_type,
                  meta or struct.pack("<H", length), [lenenc(value) for value in values], log)  # fmt: skip


def chars(length: int, values: list[bytes]) -> Column:
    return strings(Kind.CHAR, length, values, log_type=254, meta=bytes((254, length)))


def fixed(type_: ColumnType, wire_type: int, log_type: int, meta: bytes, wire: list[bytes], log: list[bytes]) -> Column:
    return Column(type_, wire_type, log_type, meta, wire, log)


def sysbench(rows: int) -> list[Column]:
    """``id int, k int, c char(120), pad char(60)``."""
    c = [(b"%011d-" % (n * 7919) * 10)[:119] for n in range(rows)]
    pad = [(b"%011d-" % (n * 104729) * 5)[:59] for n in range(rows)]
    return [integers(32, list(range(1, rows + 1))), integers(32, [n * 31 % 10**6 for n in range(rows)]),
            chars(120, c), chars(60, pad)]  # fmt: skip


def wide(rows: int) -> list[Column]:
    """22 columns of all sorts."""
    span = range(rows)
    doubles = [struct.pack("<d", (n * 0.37) ** 1.5) for n in span]
    singles = [struct.pack("<f", n * 0.37) for n in span]
    decimal = [b"%d.%02d" % (n * 13, n % 100) for n in span]
    packed = [struct.pack(">I", 0x80000000 | n * 13) + bytes((n % 100,)) for n in span]
    second = [(2020 + n % 5, 1 + n % 12, 1 + n % 28, n % 24, n % 60, n % 59) for n in span]
    micros = [n * 37 % 1_000_000 for n in span]
    wire_moment = [b"\x0b" + struct.pack("<HBBBBBI", *s, u) for s, u in zip(second, micros, strict=True)]
    log_moment = [
        ((((s[0] * 13 + s[1]) << 5 | s[2]) << 17 | s[3] << 12 | s[4] << 6 | s[5]) + (1 << 39)).to_bytes(5, "big")
        + u.to_bytes(3, "big")
        for s, u in zip(second, micros, strict=True)
    ]
    text = [b"name %d \xc3\xa9" % n for n in span]
    stamps = [(1_600_000_000 + n).to_bytes(4, "big") for n in span]
    wire_stamp = [b"\x07" + struct.pack("<HBBBBB", *time.gmtime(1_600_000_000 + n)[:6]) for n in span]
    return [
        *(integers(bits, [n % 100 for n in span]) for bits in (8, 16, 24, 32, 64, 64)),
        fixed(ColumnType(kind=Kind.DOUBLE), 5, 5, b"\x08", doubles, doubles),
        fixed(ColumnType(kind=Kind.FLOAT), 4, 4, b"\x04", singles, singles),
        fixed(ColumnType(kind=Kind.DECIMAL, precision=11, scale=2), 246, 246, b"\x0b\x02", [lenenc(d) for d in decimal],
              packed),
        fixed(ColumnType(kind=Kind.DATETIME, fraction=6), 12, 18, b"\x06", wire_moment, log_moment),
        fixed(ColumnType(kind=Kind.TIMESTAMP), 7, 17, b"\0", wire_stamp, stamps),
        fixed(ColumnType(kind=Kind.DATE), 10, 10, b"", [b"\x04" + struct.pack("<HBB", *s[:3]) for s in second],
              [(s[0] << 9 | s[1] << 5 | s[2]).to_bytes(3, "little") for s in second]),
        fixed(ColumnType(kind=Kind.YEAR), 13, 13, b"", [b"\xe4\x07"] * rows, [b"\x78"] * rows),
        fixed(ColumnType(kind=Kind.BIT, bits=8), 16, 16, b"\0\x01", [b"\x01" + bytes((n & 255,)) for n in span],
              [bytes((n & 255,)) for n in span]),
        fixed(ColumnType(kind=Kind.ENUM, values=("small", "large")), 254, 254, b"\xf7\x01", [lenenc(b"large")] * rows,
              [b"\x02"] * rows),
        strings(Kind.VARCHAR, 200, text), strings(Kind.VARCHAR, 200, text), strings(Kind.VARCHAR, 200, text),
        strings(Kind.TEXT, 65535, [t * 8 for t in text], log_type=252, meta=b"\x02", size=2),
        strings(Kind.BLOB, 65535, [bytes(range(60))] * rows, log_type=252, meta=b"\x02", size=2),
        strings(Kind.VARBINARY, 32, [bytes(range(32))] * rows), chars(40, text),
    ]  # fmt: skip


def packets(columns: list[Column], rows: int) -> bytes:
    nulls = b"\0" * ((len(columns) + 9) // 8)
    out = []
    for row in zip(*(column.wire for column in columns), strict=True):
        payload = b"\0" + nulls + b"".join(row)
        out.append(struct.pack("<I", len(payload)) + payload)
    return b"".join(out)


def events(columns: list[Column], rows: int) -> tuple[Any, list[bytes]]:
    """Return the table map and rows events of about 8 KB, as servers cut them."""
    metadata = b"".join(column.log_meta for column in columns)
    types = bytes(column.log_type for column in columns)
    bitmap = (len(columns) + 7) // 8
    body = (b"\0" * 8 + b"\x01d\0\x01t\0" + bytes((len(columns),)) + types + lenenc(metadata) + b"\xff" * bitmap)  # fmt: skip
    images = [b"\0" * bitmap + b"".join(row) for row in zip(*(column.log for column in columns), strict=True)]
    per_event = max(1, 8192 // len(images[0]))
    head = b"\0" * 8 + b"\x02\0" + bytes((len(columns),)) + b"\xff" * bitmap
    parts = [head + b"".join(images[start : start + per_event]) for start in range(0, rows, per_event)]
    return decode_table_map(body), parts


def best(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least CPU seconds of three runs, and what the last returned."""
    seconds, result = [], None
    for _ in range(3):
        start = time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def read_rows(module: Any, columns: list[Column], stream: bytes) -> Any:
    decoder = module.ResultSetDecoder([WireColumn(c.wire_type, c.unsigned, c.type) for c in columns])
    batches = []
    for start in range(0, len(stream), 1 << 16):
        decoder.feed(memoryview(stream)[start : start + (1 << 16)])
        if decoder.buffered_bytes > 1 << 20:
            batches.append(decoder.take())
    return [*batches, decoder.take()]


def decode_events(module: Any, table_map: Any, types: tuple[ColumnType, ...], bodies: list[bytes]) -> Any:
    return [module.decode_rows(body, 30, table_map, types) for body in bodies]


def write_inserts(module: Any, batches: list[Any], kinds: list[Kind]) -> None:
    for batch in batches:
        start = 0
        while start < batch.row_count:
            _, start = module.insert_values(batch, kinds, start, 1 << 18)


def measure(name: str, columns: list[Column], rows: int, implementation: str) -> None:
    prefix = "ferryman.kernel._" if implementation == "native" else "ferryman.kernel."
    modules = {
        part: importlib.import_module(prefix + part)
        for part in ("result_rows", "binlog_rows", "sql_text", "row_digest")
    }
    kinds, types = [column.type.kind for column in columns], tuple(column.type for column in columns)
    stream, (table_map, bodies) = packets(columns, rows), events(columns, rows)
    read_seconds, batches = best(lambda: read_rows(modules["result_rows"], columns, stream))
    log_seconds, _ = best(lambda: decode_events(modules["binlog_rows"], table_map, types, bodies))
    sql_seconds, _ = best(lambda: write_inserts(modules["sql_text"], batches, kinds))
    digest_seconds, _ = best(lambda: [modules["row_digest"].row_digests(batch, kinds) for batch in batches])
    for what, seconds, size in (
        ("binary rows to batch", read_seconds, len(stream)),
        ("binlog rows to batch", log_seconds, sum(map(len, bodies))),
        ("batch to INSERT values", sql_seconds, sum(batch.byte_size for batch in batches)),
        ("row digests", digest_seconds, sum(batch.byte_size for batch in batches)),
    ):
        rate, volume = rows / seconds, size / seconds / 1e6
        print(f"{name:9} {what:23} {implementation:7} {rate / 1000:10.0f} k rows/s {volume:8.0f} MB/s")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for name, make in (("sysbench", sysbench), ("wide", wide)):
        columns = make(rows)
        for implementation in ("python", "native"):
            few = rows if implementation == "native" else max(1, rows // 10)
            part = columns if few == rows else make(few)
            try:
                measure(name, part, few, implementation)
            except ImportError:
                print("the native kernel is not built")


if __name__ == "__main__":
    main()

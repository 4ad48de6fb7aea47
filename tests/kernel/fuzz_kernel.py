"""Mutated bytes for everything that reads bytes from a server: ``python tests/kernel/fuzz_kernel.py [INPUTS] [SEED]``.

Each input is a valid packet or event with one to six mutations (bits, bytes, lengths, cuts, insertions, copies within).
Wanted is the same outcome of both implementations: the same batch, then the same SQL text, LOAD DATA lines and digests
of it; or the same error code. Parsers without a native twin must answer, or refuse with a `FerrymanError`. Anything
else (another exception, a crash) ends the run with the seed and the input. `make fuzz` also runs it with
AddressSanitizer inside the native modules, where a read beyond a buffer is a crash.
"""

from __future__ import annotations

import importlib
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kernel_cases import EOF_PACKET, OK_END, Case, packet, rows_event_body, table_map_body, tables, wire_row

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.postgresql.log import messages
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import decode_table_map, jsonb
from ferryman.kernel.binlog_rows import _DECODE_ERRORS
from ferryman.kernel.copy_text import Form, TextForm
from ferryman.kernel.errors import KernelError, ServerError
from ferryman.model.batch import Batch

MUTATIONS_A_TABLE = 400
ROUGH_BYTES = (0, 1, 0x7F, 0x80, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
PARTS = ("result_rows", "binlog_rows", "sql_text", "row_digest", "copy_text")
TWIN = {part: importlib.import_module(f"ferryman.kernel.{part}") for part in PARTS}
NATIVE = {part: importlib.import_module(f"ferryman.kernel._{part}") for part in PARTS}

Modules = dict[str, Any]
Work = Callable[[Modules], object]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return `data` with one to six mutations."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        place = rng.randrange(len(out) + 1)
        rng.choice(MUTATIONS)(rng, out, place)
    return bytes(out)


def _set(rng: random.Random, out: bytearray, place: int) -> None:
    out[place : place + 1] = bytes((rng.choice((*ROUGH_BYTES, rng.randrange(256))),))


def _flip(rng: random.Random, out: bytearray, place: int) -> None:
    if place < len(out):
        out[place] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, out: bytearray, place: int) -> None:
    number = rng.choice((0, 1, 2**15, 2**16 - 1, 2**24 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
    size = rng.choice((2, 3, 4, 8))
    out[place : place + size] = (number & (1 << 8 * size) - 1).to_bytes(size, "little")


def _cut(rng: random.Random, out: bytearray, place: int) -> None:
    del out[place : place + rng.choice((1, 2, 8, len(out)))]


def _insert(rng: random.Random, out: bytearray, place: int) -> None:
    out[place:place] = rng.randbytes(rng.choice((1, 2, 9)))


def _copy(rng: random.Random, out: bytearray, place: int) -> None:
    start = rng.randrange(len(out) + 1)
    out[place:place] = out[start : start + rng.randrange(32)]


MUTATIONS = (_set, _flip, _overwrite, _cut, _insert, _copy)


def outcome(work: Work, modules: Modules) -> object:
    """Return what `work` returns, or how it refuses."""
    try:
        return work(modules)
    except ServerError as error:
        return error.errno, error.sqlstate, error.text
    except FerrymanError as error:
        return error.code


def written(modules: Modules, batch: Batch, cases: Sequence[Case]) -> tuple[object, ...]:
    """Return a batch and all that is made of it."""
    kinds = [case.type.kind for case in cases]
    text, digests = modules["sql_text"], modules["row_digest"]
    return (
        batch,
        text.insert_values(batch, kinds, 0, 4096),
        text.load_lines(batch, kinds, 0, 4096),
        list(digests.row_digests(batch, kinds)),
    )


def read_rows(modules: Modules, cases: Sequence[Case], stream: bytes, cut: int) -> object:
    """Read a result set that arrives in two pieces."""
    decoder = modules["result_rows"].ResultSetDecoder([case.wire_column for case in cases])
    decoder.feed(stream[:cut])
    first = decoder.take()
    decoder.feed(stream[cut:])
    return written(modules, first, cases), written(modules, decoder.take(), cases), decoder.finished


def read_event(modules: Modules, cases: Sequence[Case], event_type: int, body: bytes, map_body: bytes) -> object:
    """Read a rows event behind its table map, which may be the mutated one."""
    table_map = decode_table_map(map_body)
    types = tuple(case.type for case in cases)
    before, after = modules["binlog_rows"].decode_rows(body, event_type, table_map, types)
    return tuple(written(modules, batch, cases) if batch is not None else None for batch in (before, after))


class Campaign:
    """Counts what came of each kind of input."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def both(self, name: str, work: Work, data: bytes) -> None:
        """Run `work` on `data` with either implementation; they must agree."""
        twin, native = outcome(work, TWIN), outcome(work, NATIVE)
        if twin != native:
            raise AssertionError(
                f"{name}: the twin says {str(twin)[:200]}, the native kernel {str(native)[:200]}: {data.hex()}"
            )
        self.outcomes[name, "refused" if isinstance(twin, str) else "read"] += 1

    def alone(self, name: str, parse: Callable[[bytes], object], data: bytes) -> None:
        """Run a parser that has no twin; it must answer or refuse."""
        result = outcome(lambda _: (parse(data),), TWIN)
        self.outcomes[name, "refused" if isinstance(result, str) else "read"] += 1

    def table(self, rng: random.Random, cases: list[Case], rows: list[tuple[Any, ...]]) -> None:
        """Mutate what a server would send for these rows."""
        stream = b"".join(packet(wire_row(cases, row)) for row in rows) + rng.choice((EOF_PACKET, OK_END))
        event_type = rng.choice((30, 31, 32, 23, 24, 25))
        body, map_body = rows_event_body(cases, event_type, rows * 2), table_map_body(cases)
        for _ in range(MUTATIONS_A_TABLE // 5):
            sent = mutated(rng, stream)
            cut = rng.randrange(len(sent) + 1)
            self.both("row packets", lambda m, sent=sent, cut=cut: read_rows(m, cases, sent, cut), sent)
            event = mutated(rng, body)
            self.both("row events", lambda m, event=event: read_event(m, cases, event_type, event, map_body), event)
            other = mutated(rng, map_body)
            self.both("table maps", lambda m, other=other: read_event(m, cases, event_type, body, other), other)
            text = mutated(rng, _COPY)
            self.both("copied rows", lambda m, text=text: (m["copy_text"].decode_copy(text, _FORMS),), text)
            name, parse, valid = rng.choice(PARSERS)
            self.alone(name, parse, mutated(rng, valid))


def json_text(data: bytes) -> bytes:
    """Read a binary JSON document as the decoder of rows does."""
    try:
        return jsonb.json_text(data)
    except _DECODE_ERRORS as error:
        raise KernelError("log.corrupt", "a JSON document that cannot be read") from error


_QUERY = struct.pack("<IIBHH", 1, 2, 4, 0, 5) + b"\x04\x21\0\x21\0test\0ALTER TABLE t ADD c INT"
_MARIADB_GTID = struct.pack("<QIB", 9, 1, 0) + b"\0" * 6
_GTID_LIST = struct.pack("<I", 2) + struct.pack("<IIQ", 0, 1, 9) * 2
_RELATION = (
    b"R" + struct.pack(">I", 7) + b"public\0t\0f" + struct.pack(">H", 2) + (b"\1id\0" + struct.pack(">Ii", 23, -1)) * 2
)
_TUPLE = struct.pack(">H", 3) + b"t" + struct.pack(">I", 2) + b"42" + b"n" + b"u"
_FORMS = [TextForm(form, width) for form, width in zip(Form, (0, 9, 4, 0, 2, 0, 0, 0, 8, 3, 0), strict=True)]
_COPY = b"one\tt\\\\wo\tab  \tt\t1.50\t0.1\t-1e+300\t\\\\x00ff\t00101\t2024-01-01 10:00:00.5+00\t\\N\n" * 3
_JSONB = bytes.fromhex("0002001b0012000100130001000c1400051e0061620568656c6c6f") + b"\0" * 8

PARSERS: tuple[tuple[str, Callable[[bytes], object], bytes], ...] = (
    ("statements", events.parse_query, _QUERY),
    ("gtids", lambda body: events.parse_gtid(events.MARIADB_GTID, body, 1), _MARIADB_GTID),
    ("gtids", lambda body: events.parse_gtid(events.GTID, body, 1), b"\1" + bytes(range(16)) + b"\x09" + b"\0" * 25),
    ("gtid lists", events.parse_gtid_list, _GTID_LIST),
    ("binary JSON", json_text, _JSONB),
    ("pgoutput", messages.parse_begin, b"B" + struct.pack(">QqI", 1, 2, 3)),
    ("pgoutput", messages.parse_commit, b"C" + struct.pack(">BQQq", 0, 1, 2, 3)),
    ("pgoutput", messages.parse_relation, _RELATION),
    ("pgoutput", messages.parse_row, b"I" + struct.pack(">I", 7) + b"N" + _TUPLE),
    ("pgoutput", messages.parse_row, b"U" + struct.pack(">I", 7) + b"O" + _TUPLE + b"N" + _TUPLE),
    ("pgoutput", messages.parse_row, b"D" + struct.pack(">I", 7) + b"K" + _TUPLE),
    ("pgoutput", messages.parse_truncate, b"T" + struct.pack(">IBII", 2, 0, 7, 8)),
)


def main(inputs: int, number: int) -> None:
    """Run the campaign and print what came of it."""
    campaign, began = Campaign(), time.monotonic()
    print(f"fuzz: {inputs:,} inputs, seed {number}", flush=True)

    @seed(number)
    @settings(
        max_examples=max(1, inputs // MUTATIONS_A_TABLE),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(tables(min_rows=1), st.integers(0, 2**32))
    def run(table: tuple[list[Case], list[tuple[Any, ...]]], inner: int) -> None:
        campaign.table(random.Random(inner), *table)

    for name, parse, valid in PARSERS:
        parse(valid)  # a seed that is refused would find nothing
        campaign.outcomes[name, "refused"] += 0
    run()
    for name in sorted({name for name, _ in campaign.outcomes}):
        read, refused = campaign.outcomes[name, "read"], campaign.outcomes[name, "refused"]
        print(f"{name:>14}: {read:>10,} read, {refused:>10,} refused")
    print(
        f"fuzz: {sum(campaign.outcomes.values()):,} inputs in {time.monotonic() - began:.0f} s: no crash, no disagreement"
    )


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:3]]
    main(*(arguments + [100_000, random.randrange(2**31)][len(arguments) :]))

"""Broken input: the native kernel ends as its twin does, with the same batch or the same error code."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import EOF_PACKET, canonical_row, packet, rows_event_body, table_map_body, tables, wire_row

from ferryman.kernel import binlog_rows as python_log
from ferryman.kernel import decode_table_map
from ferryman.kernel import result_rows as python_rows
from ferryman.kernel.errors import KernelError, ServerError

relaxed = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


def native(name: str) -> ModuleType:
    return pytest.importorskip(f"ferryman.kernel._{name}", reason="the native kernel is not built")


def outcome(work: Any) -> Any:
    try:
        return work()
    except ServerError as error:
        return error.errno, error.sqlstate, error.text
    except KernelError as error:
        return error.code


def mutated(data: st.DataObject, original: bytes) -> bytes:
    out = bytearray(original)
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = rng.randrange(len(out))
        out[place] = data.draw(st.sampled_from([rng.randrange(256), 0, 0xFF, 0xFE, out[place] ^ 0x80, out[place] ^ 1]))
    return bytes(out[: rng.randrange(len(out) + 1)]) if data.draw(st.integers(0, 4)) == 0 else bytes(out)


@given(tables(min_rows=1), st.data())
@relaxed
def test_row_packets(table, data: st.DataObject) -> None:
    cases, rows = table
    columns = [case.wire_column for case in cases]
    stream = mutated(data, b"".join(packet(wire_row(cases, row)) for row in rows) + EOF_PACKET)

    def read(module: ModuleType) -> Any:
        decoder = module.ResultSetDecoder(columns)
        decoder.feed(stream)
        return decoder.take(), decoder.finished

    assert outcome(lambda: read(python_rows)) == outcome(lambda: read(native("result_rows")))


@given(tables(min_rows=1), st.sampled_from([30, 31, 23]), st.data())
@relaxed
def test_row_events(table, event_type: int, data: st.DataObject) -> None:
    cases, rows = table
    types = tuple(case.type for case in cases)
    table_map = decode_table_map(table_map_body(cases))
    body = mutated(data, rows_event_body(cases, event_type, rows * 2))
    results = [
        outcome(lambda module=module: module.decode_rows(body, event_type, table_map, types))
        for module in (python_log, native("binlog_rows"))
    ]
    assert results[0] == results[1]


@given(tables(min_rows=1))
@relaxed
def test_native_asks_its_twin_for_nothing(table) -> None:
    # Else a loop that always fell back would pass every other test, and only be slow.
    cases, rows = table
    expected = [canonical_row(cases, row) for row in rows]
    log, wire = native("binlog_rows"), native("result_rows")
    table_map = decode_table_map(table_map_body(cases))
    with (
        patch.object(python_log, "decode_rows", side_effect=AssertionError),
        patch.object(python_rows.ResultSetDecoder, "feed", side_effect=AssertionError),
    ):
        types = tuple(case.type for case in cases)
        _, after = log.decode_rows(rows_event_body(cases, 30, rows), 30, table_map, types)
        decoder = wire.ResultSetDecoder([case.wire_column for case in cases])
        decoder.feed(b"".join(packet(wire_row(cases, row)) for row in rows))
    assert list(after.rows()) == expected
    assert list(decoder.take().rows()) == expected

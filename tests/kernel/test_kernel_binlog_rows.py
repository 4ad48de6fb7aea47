from __future__ import annotations

import zlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import (
    BINARY,
    CASES,
    ENUM,
    SET,
    Case,
    canonical_row,
    integer_case,
    lenenc,
    packet,
    rows_event_body,
    table_map_body,
    tables,
    varchar_case,
    wire_row,
)

from ferryman.kernel.errors import KernelError
from ferryman.model.types import ColumnType, Kind

brief = settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
WRITES, UPDATES, DELETES = (23, 30), (24, 31), (25, 32)


def decode(kernel: SimpleNamespace, cases: list[Case], event_type: int, body: bytes):
    table_map = kernel.decode_table_map(table_map_body(cases))
    return kernel.decode_rows(body, event_type, table_map, tuple(case.type for case in cases))


@pytest.mark.parametrize("case", CASES, ids=repr)
@given(data=st.data())
@brief
def test_each_kind(kernel: SimpleNamespace, case: Case, data: st.DataObject) -> None:
    rows = [(value,) for value in data.draw(st.lists(st.none() | case.values, min_size=1, max_size=8))]
    before, after = decode(kernel, [case], 30, rows_event_body([case], 30, rows))
    assert before is None
    assert list(after.rows()) == [canonical_row([case], row) for row in rows]


@given(tables(min_rows=1), st.integers(0, 2), st.integers(0, 1))
@relaxed
def test_every_event(kernel: SimpleNamespace, table, action: int, version: int) -> None:
    cases, rows = table
    event_type = (WRITES, UPDATES, DELETES)[action][version]
    rows = rows * 2 if action == 1 else rows
    before, after = decode(kernel, cases, event_type, rows_event_body(cases, event_type, rows))
    expected = [canonical_row(cases, row) for row in rows]
    if action == 1:
        assert list(before.rows()) == expected[::2]
        assert list(after.rows()) == expected[1::2]
    else:
        image, absent = (after, before) if action == 0 else (before, after)
        assert absent is None
        assert list(image.rows()) == expected


@given(tables(min_rows=1))
@relaxed
def test_load_and_log_give_the_same_bytes(kernel: SimpleNamespace, table) -> None:
    cases, rows = table
    decoder = kernel.ResultSetDecoder([case.wire_column for case in cases])
    decoder.feed(b"".join(packet(wire_row(cases, row)) for row in rows))
    _, after = decode(kernel, cases, 30, rows_event_body(cases, 30, rows))
    assert decoder.take() == after


@given(tables(min_rows=1), st.data())
@relaxed
def test_mutated_bytes_never_escape(kernel: SimpleNamespace, table, data: st.DataObject) -> None:
    cases, rows = table
    body = bytearray(rows_event_body(cases, 30, rows))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.integers(0, len(body)))] if data.draw(st.booleans()) else body
    try:
        _, after = decode(kernel, cases, 30, bytes(body))
    except KernelError:
        return
    for column in after.columns:
        assert column.offsets[-1] == len(column.data)
        assert len(column.offsets) == after.row_count + 1


@given(st.data())
@relaxed
def test_mutated_table_maps_never_escape(kernel: SimpleNamespace, data: st.DataObject) -> None:
    body = bytearray(table_map_body(list(CASES[:20]), FULL_METADATA))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        table_map = kernel.decode_table_map(bytes(body[: data.draw(st.integers(0, len(body)))]))
    except KernelError as error:
        assert error.code == "log.corrupt"  # noqa: PT017 (an error is allowed, not wanted)
        return
    try:
        kernel.decode_rows(bytes(body), 30, table_map, [case.type for case in CASES[:20]])
    except KernelError:
        return


TINY = integer_case(8, True)
FULL_METADATA = (
    b"\x01" + lenenc(b"\x80") + b"\x04" + lenenc(lenenc(b"id") + lenenc(b"name") + lenenc("größe".encode()))
    + b"\x02" + lenenc(lenenc(b"")[:0] + b"\x2d\x00\x08") + b"\x06" + lenenc(b"\x02\x01a\x01b")
    + b"\x0a" + lenenc(b"\x2d") + b"\x09" + lenenc(b"\x00\x00\x01\x05") + b"\x63\x01x"
)  # fmt: skip


def test_full_metadata(kernel: SimpleNamespace) -> None:
    cases = [TINY, varchar_case("latin1", "latin-1", 20), ENUM]
    table_map = kernel.decode_table_map(table_map_body(cases, FULL_METADATA, table_id=0x0102030405))
    assert (table_map.table_id, table_map.database, table_map.table) == (0x0102030405, "db", "table")
    assert table_map.names == ("id", "name", "größe")
    assert table_map.unsigned == (True, False, False)
    assert table_map.charsets == (0, 8, 45)
    assert table_map.labels == ((), (), (b"a", b"b"))
    assert table_map.primary_key == (0, 1)
    assert table_map.wire_types == bytes((1, 15, 247))
    assert table_map.metadata == (0, 20, 247 | 1 << 8)


@pytest.mark.parametrize(
    ("columns", "bits", "unsigned"),
    [
        ([8, 0], b"\x80", (True, False)),
        ([13, 8, 8], b"\xc0", ()),  # u, u without YEAR; y, u, - with it
        ([13, 8, 8], b"\xe0", (False, True, True)),  # the same either way
        ([8, 13], b"\x80", (True, False)),
        ([13, *[8] * 8], b"\xff\x80", (False, *[True] * 8)),  # two bytes: YEAR was counted
        ([13, *[8] * 8], b"\xaa", (False, *[True, False] * 4)),  # one byte: it was not
    ],
)
def test_signs_are_told_only_where_servers_agree(kernel: SimpleNamespace, columns, bits: bytes, unsigned) -> None:
    plain = replace(TINY, log_meta=b"")
    cases = [replace(plain, log_type=wire_type or 10) for wire_type in columns]
    assert kernel.decode_table_map(table_map_body(cases, b"\x01" + lenenc(bits))).unsigned == unsigned


def test_equal_table_maps_are_one_object(kernel: SimpleNamespace) -> None:
    body = table_map_body([TINY])
    assert kernel.decode_table_map(bytes(bytearray(body))) is kernel.decode_table_map(body)


def test_unknown_type_stops_its_rows_only(kernel: SimpleNamespace) -> None:
    strange = replace(TINY, log_type=200, log_meta=b"\x01")
    table_map = kernel.decode_table_map(table_map_body([strange, TINY]))
    with pytest.raises(KernelError, match="logged as type 200") as caught:
        kernel.decode_rows(rows_event_body([strange, TINY], 30, [(1, 2)]), 30, table_map, [TINY.type, TINY.type])
    assert caught.value.code == "log.unsupported_event"


def test_partial_image(kernel: SimpleNamespace) -> None:
    body = rows_event_body([TINY] * 9, 30, [], present=b"\xfe\x01")
    with pytest.raises(KernelError, match="lacks 1 of 9 columns") as caught:
        decode(kernel, [TINY] * 9, 30, body)
    assert caught.value.code == "log.partial_image"


@pytest.mark.parametrize("event_type", [39, 2])
def test_other_events(kernel: SimpleNamespace, event_type: int) -> None:
    with pytest.raises(KernelError) as caught:
        decode(kernel, [TINY], event_type, b"")
    assert caught.value.code == "log.unsupported_event"


def test_schema_that_is_not_the_logs(kernel: SimpleNamespace) -> None:
    body = rows_event_body([TINY], 30, [(200,)])
    table_map = kernel.decode_table_map(table_map_body([TINY], b"\x01\x01\x80"))
    assert list(kernel.decode_rows(body, 30, table_map, [TINY.type])[1].rows()) == [(b"200",)]
    for types in ([], [TINY.type] * 2, [integer_case(8, False).type]):
        with pytest.raises(KernelError) as caught:
            kernel.decode_rows(body, 30, table_map, types)
        assert caught.value.code == "log.schema_mismatch"


def test_labels_of_another_schema(kernel: SimpleNamespace) -> None:
    labels = lenenc(b"\x03" + b"".join(lenenc(label.encode()) for label in ENUM.type.values))
    body = rows_event_body([ENUM], 30, [(3,)])
    table_map = kernel.decode_table_map(table_map_body([ENUM], b"\x06" + labels))
    assert list(kernel.decode_rows(body, 30, table_map, [ENUM.type])[1].rows()) == [("é".encode(),)]
    with pytest.raises(KernelError, match="other labels") as caught:
        kernel.decode_rows(body, 30, table_map, [replace(ENUM.type, values=("b,c", "a", "é"))])
    assert caught.value.code == "log.schema_mismatch"


def test_compressed_rows(kernel: SimpleNamespace) -> None:
    rows = [(n,) for n in range(200)] * 50
    plain = rows_event_body([TINY], 23, rows)
    head, payload = plain[:10], plain[10:]
    body = head + b"\x82" + len(payload).to_bytes(2, "big") + zlib.compress(payload)
    _, after = decode(kernel, [TINY], 166, body)
    assert [row[0] for row in after.rows()] == [b"%d" % row for row in rows]
    for broken in (body[:-1], head + b"\x81\x05" + zlib.compress(payload), head + b"\x92" + body[11:], head):
        with pytest.raises(KernelError) as caught:
            decode(kernel, [TINY], 166, broken)
        assert caught.value.code == "log.corrupt"


def test_extra_data_is_skipped(kernel: SimpleNamespace) -> None:
    body = rows_event_body([TINY], 30, [(5,)])
    body = body[:8] + b"\x06\x00\x00\x04ab" + body[10:]
    assert list(decode(kernel, [TINY], 30, body)[1].rows()) == [(b"5",)]


def test_charset_without_codec(kernel: SimpleNamespace) -> None:
    case = varchar_case("latin1", "latin-1", 20)
    table_map = kernel.decode_table_map(table_map_body([case]))
    with pytest.raises(KernelError, match="'swe7'"):
        kernel.decode_rows(b"", 30, table_map, [replace(case.type, charset="swe7")])


def test_latin1_is_windows_1252_with_c1_in_its_holes(kernel: SimpleNamespace) -> None:
    case = replace(BINARY, type=ColumnType(kind=Kind.VARCHAR, length=300, charset="latin1"), log_meta=b"\xfe\xff")
    every = bytes(range(1, 256))
    case = replace(case, to_log=lenenc)
    (row,) = decode(kernel, [case], 30, rows_event_body([case], 30, [(every[:250],)]))[1].rows()
    text = row[0].decode()
    assert text[0x7F] == "€"
    assert [text[byte - 1] for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)] == ["\x81", "\x8d", "\x8f", "\x90", "\x9d"]


def old(log_type: int, kind: Kind, data: bytes) -> Case:
    return Case("old", ColumnType(kind=kind), st.nothing(), bytes, 0, bytes, log_type, b"", lambda _: data)


@pytest.mark.parametrize(
    ("case", "canonical"),
    [
        (old(7, Kind.TIMESTAMP, (0).to_bytes(4, "little")), b"0000-00-00 00:00:00"),
        (old(7, Kind.TIMESTAMP, (1_000_000_000).to_bytes(4, "little")), b"2001-09-09 01:46:40"),
        (old(11, Kind.TIME, (-8385959).to_bytes(3, "little", signed=True)), b"-838:59:59"),
        (old(12, Kind.DATETIME, (99991231235958).to_bytes(8, "little")), b"9999-12-31 23:59:58"),
        (old(12, Kind.DATETIME, (0).to_bytes(8, "little")), b"0000-00-00 00:00:00"),
        (old(14, Kind.DATE, (2020 << 9 | 10).to_bytes(3, "little")), b"2020-00-10"),
    ],
)
def test_types_before_5_6(kernel: SimpleNamespace, case: Case, canonical: bytes) -> None:
    body = rows_event_body([case], 23, [(1,)])
    assert list(decode(kernel, [case], 23, body)[1].rows()) == [(canonical,)]


def test_types_before_5_6_with_fractions_are_refused(kernel: SimpleNamespace) -> None:
    case = replace(old(12, Kind.DATETIME, b"\0" * 8), type=ColumnType(kind=Kind.DATETIME, fraction=3))
    with pytest.raises(KernelError) as caught:
        decode(kernel, [case], 23, b"")
    assert caught.value.code == "log.unsupported_event"


def test_uuid_not_in_time_order(kernel: SimpleNamespace) -> None:
    # Version 7 sorts by time as it is: MariaDB does not turn it around.
    record = bytes.fromhex("0189abcdef017def8123456789abcdef")
    case = Case("uuid7", ColumnType(kind=Kind.UUID), st.nothing(), bytes, 0, bytes, 254, b"\xfe\x10", lenenc)
    (row,) = decode(kernel, [case], 30, rows_event_body([case], 30, [(record,)]))[1].rows()
    assert row == (b"0189abcd-ef01-7def-8123-456789abcdef",)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("00" * 16, b"::"),
        ("00" * 15 + "01", b"::1"),
        ("0001" + "00" * 14, b"1::"),
        ("00" * 10 + "ffff01020304", b"::ffff:1.2.3.4"),
        ("00" * 12 + "01020304", b"::1.2.3.4"),
        ("0001" + "0000" + "00020003000400050006" + "0007", b"1::2:3:4:5:6:7"),
        ("0001000000000002000000000000" + "0003", b"1:0:0:2::3"),
        ("20010db8000000000001000000000001", b"2001:db8::1:0:0:1"),
        ("0001000200030004000500060007" + "0008", b"1:2:3:4:5:6:7:8"),
    ],
)
def test_inet6(kernel: SimpleNamespace, address: str, text: bytes) -> None:
    record = bytes.fromhex(address)
    case = Case(
        "inet6", ColumnType(kind=Kind.INET6), st.nothing(), bytes, 0, bytes, 254, b"\xfe\x10",
        lambda v: lenenc(v.rstrip(b"\0")),
    )  # fmt: skip
    (row,) = decode(kernel, [case], 30, rows_event_body([case], 30, [(record,)]))[1].rows()
    assert row == (text,)


@pytest.mark.parametrize("size", [0, 9, 24, 255])
def test_set_of_an_impossible_size(kernel: SimpleNamespace, size: int) -> None:
    body = bytearray(table_map_body([SET]))
    place = bytes(body).rindex(SET.log_meta)
    body[place : place + 2] = bytes((SET.log_meta[0], size))
    with pytest.raises(KernelError):
        kernel.decode_rows(
            b"\0" * 8 + b"\2\0\1\xff\0" + b"\0" * 300, 30, kernel.decode_table_map(bytes(body)), (SET.type,)
        )

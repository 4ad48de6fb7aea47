from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import CASES, EOF_PACKET, OK_END, Case, canonical_row, packet, tables, wire_row

from ferryman.kernel import WireColumn
from ferryman.kernel.errors import KernelError, ServerError
from ferryman.model.types import ColumnType, Kind

brief = settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def decoder(kernel: SimpleNamespace, cases: list[Case], **options: bool):
    return kernel.ResultSetDecoder([case.wire_column for case in cases], **options)


@pytest.mark.parametrize("case", CASES, ids=repr)
@given(data=st.data())
@brief
def test_each_kind(kernel: SimpleNamespace, case: Case, data: st.DataObject) -> None:
    rows = [(value,) for value in data.draw(st.lists(st.none() | case.values, max_size=8))]
    sut = decoder(kernel, [case])
    sut.feed(b"".join(packet(wire_row([case], row)) for row in rows) + EOF_PACKET)
    assert sut.finished
    assert list(sut.take().rows()) == [canonical_row([case], row) for row in rows]


@given(tables(), st.data(), st.booleans())
@relaxed
def test_stream_cut_anywhere(kernel: SimpleNamespace, table, data: st.DataObject, deprecate_eof: bool) -> None:
    cases, rows = table
    stream = b"".join(packet(wire_row(cases, row), n) for n, row in enumerate(rows))
    stream += OK_END if deprecate_eof else EOF_PACKET
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    sut = decoder(kernel, cases, deprecate_eof=deprecate_eof)
    taken = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        assert not sut.finished or start == len(stream)
        sut.feed(memoryview(bytearray(stream[start:end])))
        if data.draw(st.booleans()):
            rows_before, bytes_before = sut.buffered_rows, sut.buffered_bytes
            batch = sut.take()
            assert (batch.row_count, batch.byte_size) == (rows_before, bytes_before)
            assert (sut.buffered_rows, sut.buffered_bytes) == (0, 0)
            taken += list(batch.rows())
    taken += list(sut.take().rows())
    assert sut.finished
    assert taken == [canonical_row(cases, row) for row in rows]


@given(tables(min_rows=1), st.data())
@relaxed
def test_mutated_bytes_never_escape(kernel: SimpleNamespace, table, data: st.DataObject) -> None:
    cases, rows = table
    stream = bytearray(b"".join(packet(wire_row(cases, row)) for row in rows) + EOF_PACKET)
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    sut = decoder(kernel, cases)
    try:
        sut.feed(bytes(stream))
    except (KernelError, ServerError):
        return
    for column in sut.take().columns:
        assert column.offsets[-1] == len(column.data)


def test_packet_of_16_mb_and_more(kernel: SimpleNamespace) -> None:
    column = WireColumn(252, False, ColumnType(kind=Kind.BLOB))
    for size in (0xFFFFFF - 11, 0xFFFFFF - 10, 0xFFFFFF - 9, 2 * 0xFFFFFF - 10, 40_000_000):
        value = bytes(range(251)) * (size // 251 + 1)
        value = value[:size]
        stream = packet(b"\0\0" + b"\xfe" + size.to_bytes(8, "little") + value) + EOF_PACKET
        sut = kernel.ResultSetDecoder([column])
        for start in range(0, len(stream), 1 << 20):
            sut.feed(stream[start : start + (1 << 20)])
        assert sut.finished
        assert list(sut.take().rows()) == [(value,)]


def test_error_packet(kernel: SimpleNamespace) -> None:
    sut = kernel.ResultSetDecoder([WireColumn(3, False, ColumnType(kind=Kind.INTEGER, bits=32))])
    sut.feed(packet(b"\0\0\x05\0\0\0"))
    with pytest.raises(ServerError) as caught:
        sut.feed(packet(b"\xff\x2d\x05#70100Query execution was interrupted"))
    assert (caught.value.errno, caught.value.sqlstate) == (1325, "70100")
    assert caught.value.text == "Query execution was interrupted"
    assert list(sut.take().rows()) == [(b"5",)]


@pytest.mark.parametrize(
    "stream",
    [
        packet(b""),
        packet(b"\x01\0\0"),
        packet(b"\0\0\x05\0\0"),
        packet(b"\0\0\x05\0\0\0\0"),
        EOF_PACKET + packet(b"\0\0\x05\0\0\0"),
        packet(b"\xfe" + b"\0" * 20),
    ],
    ids=["empty", "unknown", "short", "long", "behind the end", "long end"],
)
def test_malformed(kernel: SimpleNamespace, stream: bytes) -> None:
    sut = kernel.ResultSetDecoder([WireColumn(3, False, ColumnType(kind=Kind.INTEGER, bits=32))])
    with pytest.raises(KernelError) as caught:
        sut.feed(stream)
    assert caught.value.code == "wire.malformed"


def integer(kind: Kind, **more) -> ColumnType:
    return ColumnType(kind=kind, **more)


@pytest.mark.parametrize(
    ("type_", "wire_type", "value", "canonical"),
    [
        (integer(Kind.DECIMAL, precision=10, scale=2, zerofill=True), 246, b"\x0a0000000.50", b"0.50"),
        (integer(Kind.DECIMAL, precision=10, scale=2), 246, b"\x07'); DROP", None),
        (integer(Kind.DECIMAL, precision=10, scale=2), 246, b"\x040.5 ", None),
        (integer(Kind.DECIMAL, precision=10, scale=2), 246, b"\x030.5", None),
        (integer(Kind.INTEGER, bits=64), 253, b"\x02-7", b"-7"),
        (integer(Kind.INTEGER, bits=64), 253, b"\x02-0", None),
        (integer(Kind.INTEGER, bits=64), 253, b"\x011\n2", None),
        (integer(Kind.FLOAT), 5, b"\0\0\0\0\0\0\xe0\x3f", b"0.5"),
        (integer(Kind.FLOAT), 5, b"\x9a\x99\x99\x99\x99\x99\xb9\x3f", None),
        (integer(Kind.DOUBLE), 5, b"\0\0\0\0\0\0\xf0\x7f", None),
        (integer(Kind.DATE), 12, b"\x07\xe4\x07\x01\x02\0\0\0", b"2020-01-02"),
        (integer(Kind.DATE), 12, b"\x07\xe4\x07\x01\x02\0\0\x01", None),
        (integer(Kind.DATETIME), 12, b"\x0b\xe4\x07\x01\x02\0\0\x01\x01\0\0\0", None),
        (integer(Kind.DATETIME), 253, b"\x132020-01-02 03:04:05", b"2020-01-02 03:04:05"),
        (integer(Kind.CHAR, length=5), 254, b"\x05a b  ", b"a b"),
        (integer(Kind.UUID), 254, b"\x02AB", b"ab"),
        (integer(Kind.TIME), 11, b"\x08\x01\0\0\0\0\0\0\0", b"00:00:00"),
        (integer(Kind.TIME), 11, b"\x08\x01\x22\0\0\0\x17\0\0", None),
        (integer(Kind.YEAR), 13, b"\0\0", b"0000"),
        (integer(Kind.BIT, bits=9), 16, b"\x02\x01\xff", b"511"),
        (integer(Kind.BIT, bits=9), 16, b"\x01\xff", None),
    ],
)
def test_single_values(kernel: SimpleNamespace, type_: ColumnType, wire_type: int, value: bytes, canonical) -> None:
    sut = kernel.ResultSetDecoder([WireColumn(wire_type, False, type_)])
    if canonical is None:
        with pytest.raises(KernelError):
            sut.feed(packet(b"\0\0" + value))
        assert sut.take().row_count == 0
    else:
        sut.feed(packet(b"\0\0" + value))
        assert list(sut.take().rows()) == [(canonical,)]


def test_kind_that_cannot_come_so(kernel: SimpleNamespace) -> None:
    with pytest.raises(KernelError, match="wire type 5"):
        kernel.ResultSetDecoder([WireColumn(5, False, ColumnType(kind=Kind.INTEGER, bits=32))])


def test_rows_of_nulls_only(kernel: SimpleNamespace) -> None:
    sut = kernel.ResultSetDecoder([WireColumn(3, False, ColumnType(kind=Kind.INTEGER, bits=32))] * 7)
    sut.feed(packet(b"\0\xfc\x01") * 9)
    batch = sut.take()
    assert list(batch.rows()) == [(None,) * 7] * 9
    assert batch.columns[0].nulls == b"\xff\x01"


@pytest.mark.parametrize("value", [b"1\n2", b"1\n", b"", b"+1", b"1e5", b"1;", b"0x1"])
def test_decimal_that_is_no_plain_number(kernel: SimpleNamespace, value: bytes) -> None:
    # It is written into SQL bare.
    type_ = ColumnType(kind=Kind.DECIMAL, precision=10, scale=0)
    sut = kernel.ResultSetDecoder([WireColumn(246, False, type_)])
    with pytest.raises(KernelError):
        sut.feed(packet(b"\0\0" + bytes((len(value),)) + value))

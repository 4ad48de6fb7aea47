"""Records of a log store: both implementations, over random records, cut anywhere and damaged anywhere."""

from __future__ import annotations

import importlib
import struct
import zlib
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import log_records as twin
from ferryman.model.position import Position
from ferryman.pipeline.logstore.format import encode_record
from ferryman.spi.source import LogRecord

IMPLEMENTATIONS = ("ferryman.kernel.log_records", "ferryman.kernel._log_records")


@pytest.fixture(params=IMPLEMENTATIONS, ids=["python", "native"], scope="module")
def module(request: pytest.FixtureRequest) -> ModuleType:
    if request.param.endswith("._log_records"):
        return pytest.importorskip(request.param, reason="the native kernel is not built")
    return importlib.import_module(request.param)


words = st.text(max_size=5)
positions = st.builds(
    Position,
    kind=st.just("binlog"),
    token=st.dictionaries(st.sampled_from(["file", "offset", "gtid", "é"]), words, max_size=4),
    order=st.tuples(*[st.integers(0, 2**64 - 1)] * 2) | st.just(()),
    time=st.floats(allow_nan=False),
)
logs = st.lists(
    st.builds(LogRecord, payload=st.binary(max_size=30), position=positions, boundary=st.booleans()), max_size=8
)


def encoded(records: list[LogRecord]) -> bytes:
    out, token = b"", {"file": "log.1"}
    for record in records:
        out += encode_record(record, token)
        token = record.position.token
    return out


def everything_of(position: Position) -> tuple[object, ...]:
    return position.kind, position.token, position.order, position.time, position.since


@given(logs)
@settings(deadline=None)
def test_records_come_back_as_they_were(module: ModuleType, records: list[LogRecord]) -> None:
    data = b"head" + encoded(records)
    found, place, token = module.decode_records(data, 4, len(data), "binlog", {"file": "log.1"})
    assert [(everything_of(p), payload, boundary) for p, payload, boundary in found] == [
        (everything_of(r.position), r.payload, r.boundary) for r in records
    ]
    assert place == len(data)
    assert token == (records[-1].position.token if records else {"file": "log.1"})


def outcome(call, *arguments: object) -> object:
    try:
        found = call(*arguments)
    except FerrymanError as error:
        return error.code, error.message
    if isinstance(found[0], list):
        return [(everything_of(p), payload, boundary) for p, payload, boundary in found[0]], *found[1:]
    return found


@given(logs, st.data())
@settings(deadline=None, max_examples=300)
def test_damaged_records_have_the_outcome_of_the_twin(
    module: ModuleType, records: list[LogRecord], data: st.DataObject
) -> None:
    """Bytes are changed, with and without a checksum that hides it; the end is cut off."""
    whole = bytearray(encoded(records))
    if whole:
        for _ in range(data.draw(st.integers(0, 2))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    if len(whole) > 8 and data.draw(st.booleans()):
        length = min(struct.unpack_from("<I", whole)[0], len(whole) - 8)
        struct.pack_into("<II", whole, 0, length, zlib.crc32(whole[8 : 8 + length], length))
    damaged = bytes(whole)
    end = data.draw(st.integers(0, len(damaged)))
    arguments = (damaged, 0, end, "binlog", {"file": "log.1"})
    assert outcome(module.decode_records, *arguments) == outcome(twin.decode_records, *arguments)
    enough = data.draw(st.integers(-1, len(damaged) + 1))
    assert module.pass_records(damaged, 0, end, enough) == twin.pass_records(damaged, 0, end, enough)


@given(logs, st.integers(0, 300))
@settings(deadline=None)
def test_passing_stops_at_the_first_border_that_is_far_enough(
    module: ModuleType, records: list[LogRecord], enough: int
) -> None:
    data, ends, token = b"", [], {"file": "log.1"}
    for record in records:
        data += encode_record(record, token)
        token = record.position.token
        ends.append(len(data))
    borders = [end for end, record in zip(ends, records, strict=True) if record.boundary]
    far = [border for border in borders if border >= enough]
    place, border = module.pass_records(data, 0, len(data), enough)
    assert place == (far[0] if far else len(data))
    assert border == (far[0] if far else borders[-1] if borders else 0)


@pytest.mark.parametrize(("place", "end"), [(-1, 0), (5, 4), (0, 9)])
def test_places_outside_of_the_data_are_refused(module: ModuleType, place: int, end: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        module.decode_records(b"abcd", place, end, "binlog", {})
    with pytest.raises(ValueError, match="outside"):
        module.pass_records(b"abcd", place, end, 0)

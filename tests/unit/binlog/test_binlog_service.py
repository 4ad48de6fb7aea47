"""OceanBase's Binlog Service: a log behind the database, whose end may lie amid a transaction, as its own events tell it.

The events are written here as the service writes them (oblogproxy, src/binlog/ob_log_event.cpp): a 5.7 description, GTIDs,
BEGIN with flags and charsets, no names of columns, CRC32.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from test_binlog_stream import Connection, event, rotate, served

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.binlog import _BinlogStream
from ferryman.connectors.mysql_family.log.position import binlog_position
from ferryman.connectors.oceanbase import BINLOG_SERVICE
from ferryman.connectors.oceanbase.binlog_service import BinlogServiceSource, passed
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.spi.source import LogRecord
from ferryman.spi.url import parse_url

UUID = bytes(range(16))
DESCRIPTION = b"\4\0" + b"5.7.38".ljust(50, b"\0") + bytes(4) + b"\x13" + bytes(38) + b"\1"
STATUS = bytes([0]) + bytes(4) + bytes([4]) + struct.pack("<HHH", 45, 45, 83)


def gtid(number: int) -> bytes:
    return b"\1" + UUID + struct.pack("<q", number) + bytes([2]) + struct.pack("<qq", 1000, 7)


def begin() -> bytes:
    return struct.pack("<IIBHH", 1, 0, 0, 0, len(STATUS)) + STATUS + b"\0" + b"BEGIN"


def transaction(number: int, start: int, seconds: int) -> list[bytes]:
    kinds = [
        (33, gtid(number)),
        (events.QUERY, begin()),
        (events.TABLE_MAP, b"x" * 20),
        (30, b"y" * 20),
        (16, bytes(8)),
    ]
    return [event(kind, body, end=start + 50 * n, seconds=seconds) for n, (kind, body) in enumerate(kinds, 1)]


def log(*sent: bytes, start: int = 4) -> list[LogRecord | None]:
    head = (
        rotate("mysql-bin.000001", start),
        event(events.FORMAT_DESCRIPTION, DESCRIPTION, end=256 if start == 4 else 0),
    )
    place = binlog_position("mysql-bin.000001", start, time=1000.0)
    more = 1 if start == 4 else 0  # the description is a record at the beginning of a file only
    with served(*head, *sent, start=place, server_uuid="u") as records:
        return list(itertools.islice(records, len(sent) + more))[more:]


def test_its_transactions_have_borders_and_gtids() -> None:
    previous = event(
        events.PREVIOUS_GTIDS, struct.pack("<q", 1) + UUID + struct.pack("<qqq", 1, 1, 4), end=300, seconds=9
    )
    found = log(previous, *transaction(4, 300, 1001), *transaction(5, 550, 1002))
    got = [record for record in found if record is not None]
    assert [record.boundary for record in got[:6]] == [True, False, False, False, False, True]
    assert got[5].position.token["gtid"].endswith(":1-4")
    assert got[5].position.time == 1001.0


def clock(step: float) -> Any:
    return itertools.count(0.0, step).__next__


def forever(records: Iterable[LogRecord | None]) -> Iterator[LogRecord | None]:
    yield from records
    yield from itertools.repeat(None)


@pytest.mark.parametrize(("seconds", "border"), [(1001, 550), (1000, 550)], ids=["passed", "quiet"])
def test_its_end_is_believed_once_it_has_passed_the_time_or_has_been_quiet(seconds: int, border: int) -> None:
    start = binlog_position("mysql-bin.000001", 300, time=1000.0)
    found = passed(forever(log(*transaction(5, 300, seconds), start=300)), start, clock(0.5))
    assert found.order == (1, border)


def test_an_end_amid_a_transaction_is_none() -> None:
    start = binlog_position("mysql-bin.000001", 400, time=1000.0)
    rest = transaction(5, 300, 1000)[2:]
    assert passed(forever(log(*rest, start=400)), start, clock(0.5)).order == (1, 550)
    with pytest.raises(FerrymanError, match="far behind") as late:
        passed(forever(log(*rest[:-1], start=400)), start, clock(20.0))
    assert late.value.code == "endpoint.connection_lost"


def test_while_it_is_quiet_it_says_nothing_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman.connectors.mysql_family.log.binlog.unix_now", lambda: 2000.0)
    pulse = _BinlogStream(Connection(None), binlog_position("b.1", 4), 5.0)._pulse()
    assert pulse is not None
    assert pulse.position.time == 1995.0


def test_tables_without_a_key_are_refused_by_name() -> None:
    source = BinlogServiceSource(parse_url("obbinlog://root@tenant%23cluster@odp/shop"))
    with pytest.raises(FerrymanError, match=r"which tables without a key need: d\.bag") as refused:
        source.consistent_reader([TableName("d", "bag")])
    assert refused.value.code == "source.no_snapshot"


def test_a_url_names_it() -> None:
    endpoint = parse_url("obbinlog://u@t%23c:pw@odp/shop")
    assert (endpoint.scheme, endpoint.port, BINLOG_SERVICE.oms_type) == ("obbinlog", 2883, "OB_MYSQL")

"""XA as MySQL logs it (no server here does): XA START as a statement, one phase told by the end only, hostile bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_binlog_decoder import compressed, decoder, rows, table_map
from test_binlog_events import payload, query_body

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.groups import GroupTracker
from ferryman.connectors.mysql_family.log.position import binlog_position
from ferryman.connectors.mysql_family.log.prepared import CommitOrder
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, Commit
from ferryman.spi.source import LogRecord

START = binlog_position("b.1", 4)
HOSTILE = (events.QUERY, events.XA_PREPARE, events.MARIADB_GTID, events.TRANSACTION_PAYLOAD)
HEAD = payload(events.ANONYMOUS_GTID, bytes(42))


class Stored:
    def __init__(self, kept, start):
        self.left = [record for record in kept if record.position > start]

    def poll(self, timeout):
        return self.left.pop(0) if self.left else None

    def close(self):
        self.left = []


def query(sql):
    return payload(events.QUERY, query_body(sql))


def prepare(name, *, one_phase=False):
    return payload(events.XA_PREPARE, bytes([one_phase]) + struct.pack("<III", 1, len(name), 0) + name)


def xa(name, *inside, one_phase=False):
    text = f"X'{name.hex()}',X'',1"
    return [HEAD, query(f"XA START {text}"), *inside, query(f"XA END {text}"), prepare(name, one_phase=one_phase)]


def over(name, how="COMMIT"):
    return [HEAD, query(f"XA {how} X'{name.hex()}',X'',1")]


def insert(*ids):
    return [table_map(), rows(30, *((number, 0) for number in ids))]


def plain(*ids):
    return [HEAD, query("BEGIN"), *insert(*ids), payload(events.XID, bytes(8))]


def stored(*payloads):
    groups, kept = GroupTracker(), []
    for number, each in enumerate(payloads, 1):
        boundary = groups.pass_event(each[4], each)
        kept.append(LogRecord(payload=each, position=binlog_position("b.1", 4 + number), boundary=boundary))
    return kept


def read(kept, start=START):
    """Return the ids of each committed transaction."""
    log, by = CommitOrder(Stored(kept, start), start, lambda place: Stored(kept, place)), decoder()
    found, amid = [], []
    while (record := log.poll(0)) is not None:
        for item in by.decode(record) if record.payload else []:
            if isinstance(item, Begin):
                amid = []
            elif isinstance(item, ChangeBatch):
                amid += [int(row[0]) for row in item.after.rows()]
            elif isinstance(item, Commit):
                found.append(amid)
    return found


def drain(log):
    while log.poll(0) is not None:
        pass


@pytest.mark.parametrize("kind", [0, events.PAYLOAD_UNCOMPRESSED])
def test_compressed_transactions_are_told_where_they_are_committed(kind):
    def packed(head, *inside):
        return [head, compressed(*inside, kind=kind)]

    commit = over(b"b")
    kept = stored(
        *packed(*xa(b"a", *insert(1), *insert(2))),
        *packed(*xa(b"b", *insert(3))),
        *packed(*plain(4)),
        *packed(*commit),
        *packed(*xa(b"c", *insert(5), one_phase=True)),
        *packed(*xa(b"d", *insert(6))),
        *packed(*over(b"d", "ROLLBACK")),
        *over(b"a"),
        *packed(*plain(7)),
    )
    assert read(kept) == [[4], [3], [5], [1, 2], [7]]


def test_a_compressed_transaction_that_begins_as_xa_and_ends_otherwise_is_damage():
    _, start, *inside = xa(b"a", *insert(1))[:-2]
    log = CommitOrder(Stored(stored(HEAD, compressed(start, *inside)), START), START, None)
    with pytest.raises(FerrymanError) as caught:
        drain(log)
    assert caught.value.code == "log.corrupt"


def test_two_phases_one_phase_and_a_rollback():
    kept = stored(
        *xa(b"a", *insert(1), *insert(2)),
        *xa(b"b", *insert(3)),
        *plain(4),
        *over(b"b", "ROLLBACK"),
        *xa(b"c", *insert(5), one_phase=True),
        *over(b"a"),
        *plain(6),
    )
    assert read(kept) == [[4], [5], [1, 2], [6]]


def test_a_name_may_be_used_again():
    kept = stored(*xa(b"a", *insert(1)), *over(b"a"), *xa(b"a", *insert(2)), *over(b"a", "rollback"), *plain(3))
    assert read(kept) == [[1], [3]]


def test_what_changes_nothing_of_ours_passes():
    other = [table_map(database=b"x"), rows(30, (1, 2))]
    assert read(stored(*xa(b"a", *other), *plain(1), *over(b"a"))) == [[1]]


def test_a_commit_of_what_is_not_known_stops():
    with pytest.raises(FerrymanError, match="not followed"):
        read(stored(*plain(1), *over(b"a")))


def test_a_log_that_has_lost_what_was_prepared_stops():
    kept = stored(*xa(b"a", *insert(1)), *over(b"a"))
    log = CommitOrder(Stored(kept, START), START, lambda place: Stored(stored(*plain(9)), place))
    with pytest.raises(FerrymanError, match="without XA PREPARE"):
        drain(log)


@given(st.lists(st.tuples(st.sampled_from(HOSTILE), st.binary(max_size=60))))
def test_hostile_events_are_refused_or_passed(found):
    kept = [
        LogRecord(payload=payload(kind, b"XA " + body), position=binlog_position("b.1", 5 + number), boundary=False)
        for number, (kind, body) in enumerate(found)
    ]
    log = CommitOrder(Stored(kept, START), START, lambda place: Stored(kept, place))
    try:
        drain(log)
    except FerrymanError as error:
        assert error.code == "log.corrupt"  # noqa: PT017

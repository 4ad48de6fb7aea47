"""The client against a server of a few lines: checksums, heartbeats, made-up events, refusals, cut packets."""

import contextlib
import socket
import struct
import threading
import uuid
import zlib

import pytest

from ferryman.connectors.mysql_family.connection import Server
from ferryman.connectors.mysql_family.log import binlog, events
from ferryman.connectors.mysql_family.log.binlog import _BinlogStream
from ferryman.connectors.mysql_family.log.gtid_sets import GtidSet
from ferryman.connectors.mysql_family.log.packets import PacketReader
from ferryman.connectors.mysql_family.log.position import binlog_position
from ferryman.foundation.errors import FerrymanError

from test_binlog_events import mariadb_gtid, query_body  # isort: skip


def event(event_type, body=b"", *, end=0, checksum=True, flags=0, seconds=1000):
    length = 19 + len(body) + (4 if checksum else 0)
    whole = struct.pack("<IBIIIH", seconds, event_type, 1, length, end & 0xFFFFFFFF, flags) + body
    return whole + struct.pack("<I", zlib.crc32(whole)) if checksum else whole


def description(end=0, *, checksum=True):
    version = b"10.11.19-MariaDB-log".ljust(50, b"\0")
    body = b"\4\0" + version + bytes(4) + b"\x13" + bytes(40) + bytes([int(checksum)])
    return event(events.FORMAT_DESCRIPTION, body, end=end)


def rotate(file="b.000001", offset=4, end=0, checksum=True):
    return event(events.ROTATE, struct.pack("<Q", offset) + file.encode(), end=end, checksum=checksum, seconds=0)


def packets(*payloads, first=1):
    out, number = b"", first
    for each in payloads:
        rest = each
        while True:
            part, rest = rest[:0xFFFFFF], rest[0xFFFFFF:]
            out += len(part).to_bytes(3, "little") + bytes([number & 255]) + part
            number += 1
            if len(part) < 0xFFFFFF:
                break
    return out


class Raw:
    """What the client uses of PyMySQL's connection."""

    def __init__(self, peer):
        self._sock = peer

    def _execute_command(self, command, payload):
        self.last = (command, payload)

    def _read_packet(self):
        return None


class Connection:
    def __init__(self, peer, flavor="mysql", files=("b.000001",), **variables):
        self.variables = variables
        self.raw, self.server, self.where, self.endpoint = Raw(peer), Server(flavor, (8, 0), "x"), "mysql://x", None
        self.files = files

    def execute(self, sql, args=()):
        return 0

    def query(self, sql, args=()):
        if "BINLOG_GTID_POS" in sql:
            return [("0-1-5",)]
        if "@@global." in sql:
            return [(self.variables.get(sql.rpartition(".")[2], ""),)]
        return [(file, "9") for file in self.files] if "LOGS" in sql else [("1",)]

    def abort(self):
        self.raw._sock.close()


@contextlib.contextmanager
def served(*payloads, start=None, flavor="mysql", raw=b"", **variables):
    """A stream that gets these events, each in a packet of its own."""
    ours, theirs = socket.socketpair()
    data = packets(*(b"\0" + each for each in payloads)) + raw
    sender = threading.Thread(target=theirs.sendall, args=(data,), daemon=True)
    sender.start()
    stream = _BinlogStream(Connection(ours, flavor, **variables), start or binlog_position("b.000001", 4))
    try:
        yield stream.records()
    finally:
        sender.join()
        ours.close()
        theirs.close()


def test_records_carry_the_place_behind_them():
    sent = (
        rotate(),
        description(end=256),
        event(events.ANONYMOUS_GTID, bytes(30), end=300),
        event(events.QUERY, query_body("BEGIN"), end=350),
        event(events.XID, bytes(8), end=400, seconds=1005),
        event(events.HEARTBEAT, b"b.000001", end=400, seconds=0),
    )
    with served(*sent) as records:
        got = [next(records) for _ in range(5)]
    assert [(r.position.order, r.boundary) for r in got] == [
        ((1, 256), True), ((1, 300), False), ((1, 350), False), ((1, 400), True), ((1, 400), True)
    ]  # fmt: skip
    assert [r.payload for r in got[:4]] == [each[:-4] for each in sent[1:5]]
    assert got[3].position.time == 1005.0
    assert got[4].payload == b""
    assert got[4].position.time > 1005.0


def test_without_checksums():
    sent = (
        rotate(checksum=False),
        description(end=256, checksum=False),
        event(events.XID, bytes(8), end=300, checksum=False),
    )
    with served(*sent) as records:
        next(records)
        assert next(records).payload == sent[2]


def test_a_wrong_checksum_is_refused():
    broken = bytearray(event(events.XID, bytes(8), end=300))
    broken[21] ^= 1
    with served(rotate(), description(end=256), bytes(broken)) as records:
        next(records)
        with pytest.raises(FerrymanError) as caught:
            next(records)
    assert caught.value.code == "log.corrupt"
    assert "b.000001/256" in caught.value.message


def test_a_description_made_up_amid_a_file_is_left_out():
    start = binlog_position("b.000001", 500)
    with served(rotate(offset=500), description(), event(events.XID, bytes(8), end=550), start=start) as records:
        assert next(records).position.order == (1, 550)


def test_files_follow_each_other():
    sent = (
        rotate(),
        description(end=256),
        rotate("b.000002", end=300),
        rotate("b.000002"),
        description(end=256),
        rotate("b.000003"),  # a file that ended without a ROTATE: the server died
        description(end=256),
    )
    with served(*sent) as records:
        assert [next(records).position.order for _ in range(4)] == [(1, 256), (2, 4), (2, 256), (3, 256)]


def test_places_past_four_gigabytes():
    start = binlog_position("b.000001", 0xFFFFFF00)
    sent = (rotate(offset=0xFFFFFF00), description(), event(events.TABLE_MAP, b"x", end=0x100000010))
    with served(*sent, start=start) as records:
        assert next(records).position.order == (1, 0x100000010)


def test_a_half_transaction_of_a_dead_server_breaks_off():
    sent = (
        rotate(),
        description(end=256),
        event(events.MARIADB_GTID, mariadb_gtid(6), end=300),
        event(events.TABLE_MAP, b"x", end=350),
        rotate("b.000002"),
        description(end=256),
        event(events.GTID_LIST, struct.pack("<IIIQ", 1, 0, 1, 5), end=300),
        event(events.MARIADB_GTID, mariadb_gtid(6), end=350),
        event(events.XID, bytes(8), end=400),
    )
    with served(*sent, flavor="mariadb") as records:
        got = [next(records) for _ in range(7)]
    assert [r.breaks_off for r in got] == [False, False, False, True, False, False, False]
    assert [r.position.token["gtid"] for r in got] == ["0-1-5"] * 6 + ["0-1-6"]


def test_transactions_missing_between_two_files_are_noticed():
    sent = (
        rotate(),
        description(end=256),
        rotate("b.000002"),
        description(end=256),
        event(events.GTID_LIST, struct.pack("<IIIQ", 1, 0, 1, 7), end=300),
    )
    with served(*sent, flavor="mariadb") as records:
        next(records), next(records)
        with pytest.raises(FerrymanError, match="0-1-7"):
            next(records)


def test_another_log_under_the_same_name_is_noticed():
    start = binlog_position("b.000001", 500, gtid="0-1-9")
    with served(start=start, flavor="mariadb") as records, pytest.raises(FerrymanError) as caught:
        next(records)
    assert caught.value.code == "position.other_log"
    assert "0-1-9" in caught.value.message


ONE, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
WITH_GTIDS = {"server_uuid": ONE, "gtid_mode": "ON"}


def mysql_gtid(number, server=ONE):
    return event(events.GTID, b"\1" + uuid.UUID(server).bytes + struct.pack("<q", number) + bytes(10), end=300)


def previous_gtids(*runs):
    body = struct.pack("<Q", 1) + uuid.UUID(ONE).bytes + struct.pack("<Q", len(runs))
    return event(events.PREVIOUS_GTIDS, body + b"".join(struct.pack("<QQ", *run) for run in runs), end=280)


def test_positions_of_mysql_tell_server_file_and_transactions():
    sent = (
        rotate(),
        description(end=256),
        previous_gtids((1, 5), (7, 8)),
        mysql_gtid(5),
        event(events.XID, bytes(8), end=400),
    )
    with served(*sent, **WITH_GTIDS) as records:
        got = [next(records).position.token for _ in range(4)]
    assert [each.get("gtid") for each in got] == [None, f"{ONE}:1-4:7", f"{ONE}:1-4:7", f"{ONE}:1-5:7"]
    assert {(each["server"], each["begun"]) for each in got} == {(ONE, "1000")}


def test_positions_without_identity_are_read_as_before():
    with served(rotate(offset=500), description(), event(events.XID, bytes(8), end=550), start=binlog_position("b.000001", 500),
                server_uuid=ONE) as records:  # fmt: skip
        assert next(records).position.token["server"] == ONE


@pytest.mark.parametrize(
    ("known", "variables", "said"),
    [
        ({"server": OTHER}, {"server_uuid": ONE}, "another server's"),
        ({"server": ONE, "begun": "999"}, {"server_uuid": ONE}, "RESET MASTER"),
        ({"server": ONE, "begun": "999", "gtid": f"{ONE}:1-7"}, {**WITH_GTIDS, "gtid_executed": f"{ONE}:1-9"}, "begun"),
        ({"server": ONE, "gtid": f"{ONE}:1-7"}, {**WITH_GTIDS, "gtid_executed": f"{ONE}:1-6,\n{OTHER}:1-9"}, "knows"),
        ({"begun": "999"}, {}, "RESET MASTER"),
    ],
)
def test_a_position_of_another_log_is_refused(known, variables, said):
    identity = {"serving": {"server": known["server"]}} if "server" in known else {}
    known = {key: value for key, value in known.items() if key != "server"}
    start = binlog_position("b.000001", 500, **identity, **known)
    sent = (rotate(offset=500), description(), event(events.XID, bytes(8), end=550))
    with served(*sent, start=start, **variables) as records, pytest.raises(FerrymanError, match=said) as caught:
        next(records)
    assert caught.value.code == "position.other_log"


@pytest.mark.parametrize(("found", "goes_on"), [(f"{ONE}:1-7", True), (f"{ONE}:1-8", False), (None, False)])
def test_transactions_prove_that_another_server_has_the_same_log(monkeypatch, found, goes_on):
    monkeypatch.setattr(binlog, "holds", lambda connection, place, ours, stream: found == ours)
    monkeypatch.setattr(binlog, "place_behind", lambda connection, ours, stream: None)
    start = binlog_position("b.000001", 500, serving={"server": OTHER}, begun="999", gtid=f"{ONE}:1-7")
    sent = (rotate(offset=500), description(), event(events.XID, bytes(8), end=550))
    outcome = contextlib.nullcontext() if goes_on else pytest.raises(FerrymanError, match="no place in it")
    with served(*sent, start=start, **WITH_GTIDS) as records, outcome:
        assert next(records).position.token["server"] == ONE


def test_sets_of_transactions():
    ours = GtidSet.read(f"{OTHER}:3,\n{ONE.upper()}:7-9:1-5:20")
    assert ours.text == f"{ONE}:1-5:7-9:20,{OTHER}:3"
    for number in (6, 20, 21, 3):
        ours.add(f"{ONE}:{number}")
    assert ours.text == f"{ONE}:1-9:20-21,{OTHER}:3"
    assert GtidSet.read(f"{ONE}:2-8").within(ours)
    assert not ours.within(GtidSet.read(f"{ONE}:1-30"))
    assert GtidSet.read("").text == ""
    assert GtidSet.read(f"{ONE}:1-5:tag:1") is None


@pytest.mark.parametrize(
    ("errno", "text", "code"),
    [
        (1236, "Could not find first log file name in binary log index file", "position.purged"),
        (1236, "Client requested master to start replication from impossible position", "position.other_log"),
        (1236, "bogus data in log event", "log.corrupt"),
        (1236, "log event entry exceeded max_allowed_packet", "log.corrupt"),
        (1236, "A slave with the same server_uuid/server_id as this slave has connected", "source.server_id_taken"),
        (4052, "A slave with the same server_uuid/server_id is already connected; the", "source.server_id_taken"),
        (1053, "Server shutdown in progress", "endpoint.connection_lost"),
        (1227, "Access denied; you need REPLICATION SLAVE", "source.privilege"),
    ],
)
def test_refusals(errno, text, code):
    packet = packets(b"\xff" + struct.pack("<H", errno) + b"#HY000" + text.encode())
    with served(raw=packet) as records, pytest.raises(FerrymanError) as caught:
        next(records)
    assert caught.value.code == code
    assert text in caught.value.message or code != "position.purged"


@pytest.mark.parametrize(("taken", "code"), [(False, "endpoint.connection_lost"), (True, "source.server_id_taken")])
def test_an_end_of_the_stream_is_a_lost_connection_or_another_replica_of_our_id(taken, code, monkeypatch):
    monkeypatch.setattr(binlog, "has_replica", lambda *_: taken)
    with served(raw=packets(b"\xfe\0\0\2\0")) as records, pytest.raises(FerrymanError) as caught:
        next(records)
    assert caught.value.code == code


def test_packets_cut_anywhere_and_larger_than_16_megabytes():
    wanted = [b"", b"a", bytes(0xFFFFFE), bytes(0xFFFFFF), b"x" * (0xFFFFFF + 9), b"y" * 300_000]
    data = packets(*wanted)
    ours, theirs = socket.socketpair()
    ours.settimeout(5)

    def send():
        for start in range(0, len(data), 70_001):
            theirs.sendall(data[start : start + 70_001])

    sender = threading.Thread(target=send)
    sender.start()
    reader = PacketReader(ours, silence_seconds=5)
    assert [reader.next() for _ in wanted] == wanted
    sender.join()
    theirs.close()
    with pytest.raises(FerrymanError):
        reader.next()
    ours.close()


def test_silence_is_told_and_in_the_end_an_error():
    ours, theirs = socket.socketpair()
    ours.settimeout(0.01)
    reader = PacketReader(ours, silence_seconds=0.05)
    theirs.sendall(packets(b"abc")[:5])
    assert reader.next() is None
    theirs.sendall(packets(b"abc")[5:])
    assert reader.next() == b"abc"
    with pytest.raises(FerrymanError) as caught:
        list(iter(reader.next, b"never"))
    assert caught.value.code == "endpoint.connection_lost"
    ours.close()
    theirs.close()


def test_packets_out_of_order_are_refused():
    ours, theirs = socket.socketpair()
    theirs.sendall(packets(b"abc", first=3))
    with pytest.raises(FerrymanError):
        PacketReader(ours, silence_seconds=5).next()
    ours.close()
    theirs.close()

"""The binlog client: positions, and the stream of a server's binary log as raw records.

Sources: MySQL internals manual, "Replication Protocol"; MariaDB KB "5-Slave Registration", "COM_BINLOG_DUMP".
"""

from __future__ import annotations

import contextlib
import struct
import uuid
import zlib
from collections.abc import Iterator
from typing import Any

import pymysql.err

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.errors import convert
from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.elsewhere import gtid_at, holds, place_behind
from ferryman.connectors.mysql_family.log.groups import GroupTracker
from ferryman.connectors.mysql_family.log.gtid_sets import GtidSet
from ferryman.connectors.mysql_family.log.identity import (
    compare_executed,
    is_elsewhere,
    other_log,
    serving,
    uses_gtids,
    variable,
)
from ferryman.connectors.mysql_family.log.packets import PacketReader
from ferryman.connectors.mysql_family.log.position import (
    FIRST_OFFSET,
    GtidState,
    binlog_position,
    era_of,
    file_and_offset,
    file_number,
    lost_gtid,
)
from ferryman.connectors.mysql_family.log.refusals import id_taken, refusal
from ferryman.connectors.mysql_family.log.replicas import free_server_id, has_replica, registration
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.spi.source import LogRecord

HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 30.0
"""A server that sends heartbeats every second and is not heard for so long is gone."""
_REGISTER_SLAVE, _BINLOG_DUMP = 0x15, 0x12
_SEND_ANNOTATE_ROWS = 0x02
_ERROR_HEAD = 8
"""Bytes of an ERR packet before its text."""
_LARGEST_OFFSET = 0xFFFFFFFF
_NO_LOG_HINT = "set log_bin=ON and binlog_format=ROW at the source and restart it"
_TORN = b"truncated in the middle of event"


def kept_seconds(connection: Connection) -> float | None:
    """Return how long the server keeps its log: newer ones say it in seconds, all in days; `None`: for ever."""
    names = "'binlog_expire_logs_seconds', 'expire_logs_days'"
    rows = connection.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    told = {str(name): float(value) for name, value in rows}
    return told.get("binlog_expire_logs_seconds") or 86_400 * told.get("expire_logs_days", 0.0) or None


def current_position(connection: Connection) -> Position:
    """Return the end of the server's log now; every later commit lies behind it.

    Raises:
        FerrymanError: ``source.no_log``, ``source.privilege``.
    """
    file, offset, *rest = _log_end(connection)
    seconds = float(connection.query("SELECT UNIX_TIMESTAMP(NOW(6))")[0][0])
    if connection.server.flavor == "mariadb":
        gtid = gtid_at(connection, file, offset)
        return binlog_position(file, offset, gtid=gtid, time=seconds, serving=serving(connection))
    told = len(rest) > 2 and (connection.server.flavor == "oceanbase" or uses_gtids(connection))
    executed = GtidSet.read(str(rest[2] or "")) if told else None
    gtid = executed.text if executed is not None else None
    return binlog_position(file, offset, gtid=gtid, serving=serving(connection), time=seconds)


def _log_end(connection: Connection) -> tuple[str, int, *tuple[Any, ...]]:
    try:
        rows = connection.query("SHOW MASTER STATUS")
    except FerrymanError as error:
        if error.context.get("errno") != 1064:  # MySQL 8.4 has only the new words
            raise
        rows = connection.query("SHOW BINARY LOG STATUS")
    if not rows:
        raise FerrymanError("source.no_log", f"the binary log of {connection.where} is off", hint=_NO_LOG_HINT)
    return str(rows[0][0]), int(rows[0][1]), *rows[0][2:]


def bytes_behind(connection: Connection, position: Position) -> int | None:
    """Return how many bytes the server has written to its log behind `position`; files that are gone count nothing.

    `None` for a place in another server's files.
    """
    if is_elsewhere(connection, position):
        return None
    file, offset = file_and_offset(position)
    last, end, *_ = _log_end(connection)
    if last == file:
        return max(0, end - offset)
    first, final = file_number(file), file_number(last)
    sizes = {file_number(str(row[0])): int(row[1]) for row in connection.query("SHOW BINARY LOGS")}
    between = sum(size for number, size in sizes.items() if first < number < final)
    return max(0, sizes.get(first, offset) - offset) + between + end


@contextlib.contextmanager
def stream(endpoint: Endpoint, start: Position, *, behind: float = 0.0) -> Iterator[Iterator[LogRecord | None]]:
    """Stream the log from a position without end; see `spi.source.Source.log`.

    A log that is written some time after the commits, at most `behind` seconds while it is quiet, has pulses of that age.

    Raises:
        FerrymanError: ``position.purged``, ``position.other_log``, ``source.privilege``, ``endpoint.unreachable``; while
            iterating also ``endpoint.connection_lost`` and ``log.corrupt``.
    """
    log = _BinlogStream(open_connection(endpoint, streaming=True), start, behind)
    try:
        yield log.records()
    finally:
        log.close()


class _BinlogStream:
    """One dump connection (a second one behind a file whose end a crash of the server has torn)."""

    def __init__(self, connection: Connection, start: Position, behind: float = 0.0) -> None:
        self._connection = connection
        self._behind = behind
        self._where = connection.where
        self._start = self._position = start
        self._file, self._offset = file_and_offset(start)
        self._time = start.time
        self._server_id = 0
        self._checksum: bool | None = None
        """Whether events carry one; `None` before the first format description."""
        self._groups = GroupTracker()
        self._gtid: GtidState | GtidSet | None = None
        self._open_gtid = ""
        self._serving: dict[str, str] = {}
        """By what a token names the server; empty before it has been asked."""
        self._era = era_of(start)
        self._moved: Position | None = None
        """Where the log goes on, if that is at another server."""
        self._begun = start.token.get("begun", "")
        self._known_begun = self._begun
        """When the file we start in began, as we know it; empty once it has been compared."""

    def records(self) -> Iterator[LogRecord | None]:
        """Ask for the log, then yield records, pulses and, when the server is silent, `None`."""
        self._prepare()
        packets = self._request()
        if self._moved is not None:
            warning = f"goes on at {self._where}, behind the same transactions, from {self._moved} on"
            yield LogRecord(payload=b"", position=self._moved, boundary=True, warning=f"the source's log {warning}")
        while True:
            packet = packets.next()
            if packet is None:
                yield None
            elif packet[:1] == b"\0":
                record = self._take(packet[1:])
                if record is not None:
                    yield record
            elif _TORN in packet and self._skip_torn_end():
                packets = self._request()
            else:
                raise self._ended(packet)

    def _ended(self, packet: bytes) -> FerrymanError:
        """Say why the server ended the stream; MySQL 5.6 does not tell that another replica has our id."""
        place = f"{self._file}/{self._offset}"
        if packet[:1] == b"\xff" and len(packet) > _ERROR_HEAD:
            return refusal(packet, self._where, self._start, place, self._server_id)
        self._connection.abort()
        if has_replica(self._connection.endpoint, self._server_id):
            return id_taken(self._where, self._server_id, place)
        return FerrymanError("endpoint.connection_lost", f"{self._where} ended the stream of its log")

    def close(self) -> None:
        """Close the connection; never raises."""
        self._connection.abort()

    def _skip_torn_end(self) -> bool:
        """Go on in the next file, if there is one: whether there is.

        A MariaDB that died while it wrote leaves half an event at the end of its file, begins another one, and refuses to
        send the torn end. That transaction was rolled back. GTIDs tell if anything else should be missing (`_compare_list`).
        """
        if self._connection.server.flavor != "mariadb":
            return False
        self._connection.abort()
        self._connection = open_connection(self._connection.endpoint, streaming=True)
        following = self._file_behind()
        if following is None:
            return False
        self._move_to(following, FIRST_OFFSET)
        self._prepare()
        return True

    def _file_behind(self) -> str | None:
        files = [str(row[0]) for row in self._connection.query("SHOW BINARY LOGS")]
        return next(iter(files[files.index(self._file) + 1 :]), None) if self._file in files else None

    def _prepare(self) -> None:
        connection = self._connection
        period = int(HEARTBEAT_SECONDS * 1e9)
        connection.execute(f"SET @master_heartbeat_period={period}, @source_heartbeat_period={period}")
        checksum = variable(connection, "binlog_checksum") or "CRC32"
        connection.execute("SET @master_binlog_checksum=%s, @source_binlog_checksum=%s", (checksum, checksum))
        connection.execute(f"SET @slave_uuid='{uuid.uuid4()}', @replica_uuid=@slave_uuid")
        if connection.server.flavor == "mariadb":
            connection.execute("SET @mariadb_slave_capability=4")
        if not self._serving:
            self._recognize()

    def _recognize(self) -> None:
        """See that the log still holds, up to our start, what it held when we were there; at another server, find the place."""
        ours = self._start.token.get("gtid")
        self._serving = serving(self._connection)
        mariadb = self._connection.server.flavor == "mariadb"
        if is_elsewhere(self._connection, self._start):
            self._known_begun = ""
            if ours is None or not holds(self._connection, self._start, ours, stream):
                self._go_on_elsewhere(ours)
        elif mariadb:
            self._compare_gtid(ours)
        else:
            compare_executed(self._connection, self._start)
        if mariadb and self._gtid is None and ours is not None:
            self._gtid = GtidState(ours)
        elif not mariadb and ours is not None:
            self._gtid = GtidSet.read(ours)

    def _go_on_elsewhere(self, ours: str | None) -> None:
        """Go on in the files of another server, behind the same transactions (ADR 0115)."""
        if not ours:
            raise other_log(self._where, self._start, "it is another server's, and GTIDs do not prove them equal")
        found = place_behind(self._connection, ours, stream)
        if found is None:
            raise other_log(self._where, self._start, f"no place in it has just the transactions {ours}")
        self._era += 1
        self._move_to(*file_and_offset(found))
        self._position = self._moved = self._here()

    def _compare_gtid(self, ours: str | None) -> None:
        """MariaDB: its GTIDs tell whether it is the same log (RESET MASTER)."""
        server = gtid_at(self._connection, self._file, self._offset)
        if ours and server is not None and (gtid := lost_gtid(ours, server)):
            raise other_log(self._where, self._start, f"transaction {gtid} is not the last one of its domain there")
        if ours is None and server is not None:
            self._gtid = GtidState(server)

    def _request(self) -> PacketReader:
        raw = self._connection.raw
        server_id = self._server_id = free_server_id(self._connection)
        try:
            raw._execute_command(_REGISTER_SLAVE, registration(server_id))
            raw._read_packet()
            file, offset = self._dump_place()
            flags = _SEND_ANNOTATE_ROWS if self._connection.server.flavor == "mariadb" else 0
            raw._execute_command(_BINLOG_DUMP, struct.pack("<IHI", offset, flags, server_id) + file.encode())
        except (pymysql.err.Error, OSError) as error:
            raise convert(error, where=self._where) from error
        peer: Any = raw._sock
        peer.settimeout(HEARTBEAT_SECONDS)
        return PacketReader(peer, silence_seconds=SILENCE_SECONDS)

    def _dump_place(self) -> tuple[str, int]:
        """Return where to ask from: the protocol has 32 bits, so a longer file's end is asked for as the next file."""
        if self._offset <= _LARGEST_OFFSET:
            return self._file, self._offset
        following = self._file_behind()
        if following is None:
            raise FerrymanError(
                "endpoint.connection_lost", f"{self._where} has not begun the file behind {self._file} yet"
            )
        return following, FIRST_OFFSET

    def _take(self, event: bytes) -> LogRecord | None:
        header = events.event_header(event)
        if header.length != len(event):
            raise events.corrupt(f"an event of {len(event)} bytes claims {header.length}")
        if header.type == events.FORMAT_DESCRIPTION:
            self._checksum = events.has_checksum(event[events.HEADER_LENGTH :])
            self._compare_begun(str(header.timestamp))
        payload = self._without_checksum(event, header)
        if header.type == events.ROTATE and not header.log_position:
            self._move_to(*events.rotate_target(payload[events.HEADER_LENGTH :]))
            return None
        if header.type in (events.HEARTBEAT, events.HEARTBEAT_V2):
            return self._pulse()
        if not header.log_position:
            return None  # made up by the server for this connection: a format description
        return self._record(header, payload)

    def _move_to(self, file: str, offset: int) -> None:
        if file != self._file:
            self._begun = self._known_begun = ""
        self._file, self._offset = file, offset

    def _compare_begun(self, begun: str) -> None:
        """A file's head tells when it began: RESET MASTER begins one of the same name at another time."""
        if self._known_begun and begun != self._known_begun:
            raise other_log(
                self._where, self._start, f"its file {self._file} was begun at another time (RESET MASTER?)"
            )
        self._begun, self._known_begun = begun, ""

    def _here(self) -> Position:
        gtid = self._gtid.text if self._gtid is not None else None
        return binlog_position(
            *(self._file, self._offset),
            gtid=gtid,
            begun=self._begun,
            time=self._time,
            era=self._era,
            serving=self._serving,
        )

    def _without_checksum(self, event: bytes, header: events.EventHeader) -> bytes:
        body, found = event[:-4], int.from_bytes(event[-4:], "little")
        if self._checksum is None:  # only made-up events come before the format description
            return body if zlib.crc32(body) == found else event
        if not self._checksum:
            return event[:-4] if header.type == events.FORMAT_DESCRIPTION else event
        if zlib.crc32(body) != found:
            raise events.corrupt(
                f"the checksum of the event behind {self._file}/{self._offset} of {self._where} is wrong"
            )
        return body

    def _pulse(self) -> LogRecord | None:
        """The server waits for a commit: say so, unless it waits amid a transaction."""
        if not self._groups.is_between:
            return None
        self._time = max(self._time, unix_now() - self._behind)
        position = self._here()
        return LogRecord(payload=b"", position=position, boundary=True) if position >= self._position else None

    def _record(self, header: events.EventHeader, payload: bytes) -> LogRecord | None:
        breaks_off = header.type == events.FORMAT_DESCRIPTION and not self._groups.is_between
        boundary = self._groups.pass_event(header.type, payload)
        self._follow_gtid(header, payload, boundary)
        self._follow_place(header, payload)
        self._time = max(self._time, float(header.timestamp)) if header.timestamp else self._time
        position = self._here()
        if position.order <= self._position.order:
            raise events.corrupt(f"{self._where} sent {position} behind {self._position}")
        self._position = position
        return LogRecord(payload=payload, position=position, boundary=boundary, breaks_off=breaks_off)

    def _follow_gtid(self, header: events.EventHeader, payload: bytes, boundary: bool) -> None:
        if header.type == events.FORMAT_DESCRIPTION:
            self._open_gtid = ""
        elif header.type in (events.MARIADB_GTID, events.GTID):
            head = events.parse_gtid(header.type, payload[events.HEADER_LENGTH :], header.server_id)
            self._open_gtid = head.text if head else ""
        elif header.type == events.GTID_LIST and isinstance(self._gtid, GtidState):
            self._compare_list(self._gtid, payload)
        elif header.type == events.PREVIOUS_GTIDS and "server" in self._serving:
            self._gtid = GtidSet.of_event(payload[events.HEADER_LENGTH :])
        elif header.type == events.GTID_TAGGED:
            self._gtid = None  # sets with tags are not followed: the server's UUID and the file's beginning must do
        elif boundary and self._open_gtid and self._gtid is not None:
            self._gtid.add(self._open_gtid)
            self._open_gtid = ""

    def _compare_list(self, state: GtidState, payload: bytes) -> None:
        """A file begins with what came before it: see that nothing of it is missing."""
        listed = ",".join(events.parse_gtid_list(payload[events.HEADER_LENGTH :]))
        if listed and (gtid := lost_gtid(listed, state.text)) and state.knows_domain_of(gtid):
            raise events.corrupt(
                f"{self._file} of {self._where} follows {gtid}, which was not seen in the files before"
            )
        state.take(listed)

    def _follow_place(self, header: events.EventHeader, payload: bytes) -> None:
        if header.type == events.ROTATE:
            self._move_to(*events.rotate_target(payload[events.HEADER_LENGTH :]))
            return
        high = self._offset & ~_LARGEST_OFFSET
        place = high | header.log_position
        self._offset = place if place >= self._offset else place + _LARGEST_OFFSET + 1

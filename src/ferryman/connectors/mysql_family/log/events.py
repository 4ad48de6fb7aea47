"""Binlog events: numbers, headers, and the bodies that are not rows.

Sources: MySQL internals manual, "Binlog Event"; MySQL ``libbinlogevents``; MariaDB ``sql/log_event.h``, MariaDB KB
"Replication Protocol". Every read is bounds-checked: malformed bytes are ``log.corrupt``.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from ferryman.foundation.errors import FerrymanError

HEADER_LENGTH = 19
_HEADER = struct.Struct("<IBIIIH")

QUERY = 2
STOP = 3
ROTATE = 4
EXECUTE_LOAD_QUERY = 18
FORMAT_DESCRIPTION = 15
XID = 16
TABLE_MAP = 19
INCIDENT = 26
HEARTBEAT = 27
GTID = 33
ANONYMOUS_GTID = 34
PREVIOUS_GTIDS = 35
XA_PREPARE = 38
PARTIAL_UPDATE_ROWS = 39
TRANSACTION_PAYLOAD = 40
HEARTBEAT_V2 = 41
GTID_TAGGED = 42
ANNOTATE_ROWS = 160
MARIADB_GTID = 162
GTID_LIST = 163
START_ENCRYPTION = 164
QUERY_COMPRESSED = 165

WRITE_ROWS = frozenset({23, 30, 166, 169})
UPDATE_ROWS = frozenset({24, 31, 167, 170})
DELETE_ROWS = frozenset({25, 32, 168, 171})
ROWS = WRITE_ROWS | UPDATE_ROWS | DELETE_ROWS
ROWS_V0 = frozenset({20, 21, 22})
"""Row events of MySQL 5.1's betas."""
GTIDS = frozenset({GTID, ANONYMOUS_GTID, GTID_TAGGED, MARIADB_GTID})
WITHOUT_CHANGES = frozenset(
    {
        0,
        1,
        STOP,
        ROTATE,
        5,
        6,
        7,
        8,
        9,
        11,
        12,
        13,
        14,
        FORMAT_DESCRIPTION,
        17,
        HEARTBEAT,
        28,
        29,
        PREVIOUS_GTIDS,
        36,
        37,
    }
    | {HEARTBEAT_V2, ANNOTATE_ROWS, 161, GTID_LIST, START_ENCRYPTION}
)
"""Events that change no row by themselves: INTVAR, RAND, USER_VAR and parts of LOAD DATA only serve a statement that
follows (and is refused there); ROWS_QUERY, ANNOTATE_ROWS tell the statement; the rest is about the log itself."""

IGNORABLE = 0x80
ARTIFICIAL = 0x20
STANDALONE = 0x01
"""Flag of a MariaDB GTID event: one statement without a COMMIT behind it."""
PREPARED = 0x40
"""Flag of a MariaDB GTID event: an XA transaction is prepared."""
START_ALTER, COMMIT_ALTER, ROLLBACK_ALTER = 0x02, 0x04, 0x08
"""Extra flags of a MariaDB GTID event: ALTER TABLE logged in two phases."""

PAYLOAD_UNCOMPRESSED = 255


class EventHeader(NamedTuple):
    """The common header; `log_position` is the low 32 bits of the place behind the event."""

    timestamp: int
    type: int
    server_id: int
    length: int
    log_position: int
    flags: int


@dataclass(frozen=True, slots=True)
class QueryEvent:
    """A statement.

    Attributes:
        database: The session's default database.
        sql: Its bytes in the client's character set.
        client_collation: Id of a collation of that character set, 0 when the event does not say.
        error_code: What the statement ended with at the source.
        sql_mode: Bits of its session's SQL mode.
        time_zone: Its session's, where the statement used it; else empty.
    """

    database: str
    sql: bytes
    client_collation: int
    error_code: int
    sql_mode: int = 0
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class GtidEvent:
    """The head of an event group. `standalone`, `prepared` (XA) and `alter` (extra flags) are MariaDB's only."""

    text: str
    standalone: bool = False
    prepared: bool = False
    alter: int = 0


def event_header(payload: bytes) -> EventHeader:
    """Read the common header."""
    if len(payload) < HEADER_LENGTH:
        raise corrupt(f"an event of {len(payload)} bytes")
    return EventHeader(*_HEADER.unpack_from(payload))


def corrupt(what: str) -> FerrymanError:
    """Make the error for bytes that cannot be an event."""
    return FerrymanError("log.corrupt", f"the source's binary log cannot be read: {what}")


def parse_query(body: bytes, *, compressed: bool = False, skipped: int = 0) -> QueryEvent:
    """Read the body of a QUERY event (of EXECUTE_LOAD_QUERY with 13 bytes `skipped` behind its post-header)."""
    if len(body) < 13 + skipped:
        raise corrupt("a statement is cut off")
    _, _, database_length, error_code, variables_length = struct.unpack_from("<IIBHH", body)
    place = 13 + skipped
    variables = body[place : place + variables_length]
    place += variables_length
    name = body[place : place + database_length]
    place += database_length + 1
    if place > len(body):
        raise corrupt("a statement is cut off")
    sql = uncompress(body[place:]) if compressed else body[place:]
    mode, collation, zone = (_variable(variables, code) for code in (_SQL_MODE, _CHARSET, _TIME_ZONE))
    return QueryEvent(
        name.decode("utf-8", "replace"),
        sql,
        int.from_bytes(collation[:2], "little"),
        error_code,
        int.from_bytes(mode, "little"),
        zone[1:].decode("ascii", "replace"),
    )


_FIXED_VARIABLES = {0: 4, 1: 8, 3: 4, 4: 6, 7: 2, 8: 2, 9: 8, 10: 4, 13: 3, 128: 3, 129: 8}
_TEXT_VARIABLES = {5: 1, 6: 1, 11: 2}
"""Variables made of so many texts with a length byte each."""
_CATALOG = 2
_SQL_MODE, _CHARSET, _TIME_ZONE = 1, 4, 5


def _variable(variables: bytes, wanted: int) -> bytes:
    """Find one among the status variables, empty if it is missing; they are ordered: later unknown ones do not matter."""
    place = 0
    while place < len(variables):
        code = variables[place]
        place += 1
        size = _variable_size(code, variables, place)
        if size is None or place + size > len(variables):
            return b""
        if code == wanted:
            return variables[place : place + size]
        place += size
    return b""


def _variable_size(code: int, variables: bytes, place: int) -> int | None:
    if code in _FIXED_VARIABLES:
        return _FIXED_VARIABLES[code]
    size = 0
    for _ in range(_TEXT_VARIABLES.get(code, 1 if code == _CATALOG else 0)):
        if place + size >= len(variables):
            return None
        size += 1 + variables[place + size]
    return size + 1 if code == _CATALOG else size or None


def uncompress(data: bytes) -> bytes:
    """Uncompress MariaDB's form: one byte ``1aaa0lll`` (algorithm, length's length), the length, zlib data."""
    size = data[0] & 0x07 if data else 0
    if not data or (data[0] & 0xF0) != 0x80 or not 1 <= size <= 4 or len(data) <= size:
        raise corrupt("a compressed event with an unknown head")
    expected = int.from_bytes(data[1 : 1 + size], "big")
    decompressor = zlib.decompressobj()
    try:
        out = decompressor.decompress(data[1 + size :], expected + 1)
    except zlib.error as error:
        raise corrupt(f"a compressed event: {error}") from error
    if len(out) != expected or not decompressor.eof:
        raise corrupt("a compressed event has another length than it says")
    return out


def parse_gtid(event_type: int, body: bytes, server_id: int) -> GtidEvent | None:
    """Read the head of an event group; `None` for an anonymous one."""
    if event_type == MARIADB_GTID:
        return _mariadb_gtid(body, server_id)
    if event_type != GTID or len(body) < 25:
        return None
    return GtidEvent(f"{uuid.UUID(bytes=body[1:17])}:{int.from_bytes(body[17:25], 'little')}")


def _mariadb_gtid(body: bytes, server_id: int) -> GtidEvent:
    if len(body) < 13:
        raise corrupt("a GTID is cut off")
    sequence, domain, flags = struct.unpack_from("<QIB", body)
    text, extra = f"{domain}-{server_id}-{sequence}", _extra_flags(body, flags)
    return GtidEvent(text, bool(flags & STANDALONE), bool(flags & PREPARED), extra)


def parse_gtid_list(body: bytes) -> list[str]:
    """Read MariaDB's GTID_LIST: the last transaction of each domain before a file."""
    count = int.from_bytes(body[:4], "little") & 0x0FFFFFFF
    if len(body) < 4 + 16 * count:
        raise corrupt("a list of GTIDs is cut off")
    last: dict[int, str] = {}
    for place in range(4, 4 + 16 * count, 16):
        domain, server_id, sequence = struct.unpack_from("<IIQ", body, place)
        last[domain] = f"{domain}-{server_id}-{sequence}"  # several servers of a domain: the latest one is listed last
    return list(last.values())


def _extra_flags(body: bytes, flags: int) -> int:
    """Read the extra flags behind a group commit id and an XA transaction's name, where there are any."""
    place = 13
    if flags & 0x02:
        place += 8
    if flags & 0xC0 and place + 6 <= len(body):
        place += 6 + body[place + 4] + body[place + 5]
    return body[place] if place < len(body) else 0


def rotate_target(body: bytes) -> tuple[str, int]:
    """Read the next file and offset of a ROTATE event."""
    if len(body) < 9:
        raise corrupt("a ROTATE event is cut off")
    return body[8:].decode("ascii", "replace"), int.from_bytes(body[:8], "little")


def has_checksum(body: bytes) -> bool:
    """Whether the events behind this FORMAT_DESCRIPTION carry a CRC32 (its own five last bytes: algorithm, CRC)."""
    if len(body) < 57:
        raise corrupt("a format description is cut off")
    version = body[2:52].rstrip(b"\0").decode("ascii", "replace")
    return knows_checksums(version) and body[-5] == 1


def knows_checksums(version: str) -> bool:
    """Whether a server of this version writes a checksum algorithm into its format descriptions."""
    numbers = tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
    return numbers >= ((5, 3) if "mariadb" in version.lower() else (5, 6, 1))


def payload_fields(body: bytes) -> tuple[int, int, bytes]:
    """Read a TRANSACTION_PAYLOAD: compression type, uncompressed size, payload (MySQL 8.0.20, WL#3549)."""
    place, found = 0, {2: PAYLOAD_UNCOMPRESSED, 3: 0}
    while True:
        kind, place = _packed_number(body, place)
        if kind == 0:
            return found[2], found[3], body[place:]
        length, place = _packed_number(body, place)
        if kind in (1, 2, 3):
            found[kind], _ = _packed_number(body, place)
        place += length


def _packed_number(data: bytes, place: int) -> tuple[int, int]:
    size = {252: 2, 253: 3, 254: 8}.get(data[place], 0) if place < len(data) else 9
    end = place + 1 + size
    if end > len(data):
        raise corrupt("a compressed transaction is cut off")
    return (int.from_bytes(data[place + 1 : end], "little") if size else data[place]), end

"""XA transactions in the order of their commits: what is prepared is put aside, and told where it is committed.

A prepared transaction is logged when it is prepared. Its XA COMMIT follows as a statement of its own, perhaps days later,
and only from there on do others see its rows. `CommitOrder` stands between a log and its decoder: it leaves the rows out
where they were prepared, and reads them once more, from where they lie, when they are committed. Which transactions are
open, and where each begins, is part of every place behind (`OPEN` in the token), so that a reader goes on from any
checkpoint; `Position.since` has the log store keep the oldest.

The rows told again have places of their own, between the record before the commit and the commit:
``(file, offset, 1)``, ``(file, offset, 2)`` …; so a large transaction is cut into parts there like any other.

Sources: MySQL manual, "Restrictions on XA Transactions"; MariaDB KB, "XA Transactions" (10.5 and later), "Gtid_Event".
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.payloads import unpacked
from ferryman.connectors.mysql_family.log.position import binlog_position, era_of, file_and_offset
from ferryman.connectors.mysql_family.log.statements import StatementKind, statement_kind
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.spi.source import LogRecord, RecordLog

OPEN = "prepared"
"""In a token: ``name@file/offset`` of each transaction that is prepared and not over, with blanks between."""
_HINT = "it was prepared before the project began: load the tables again (--fresh)"
_NAME = re.compile(r"X'([0-9a-f]*)'\s*,\s*X'([0-9a-f]*)'\s*,\s*(\d+)", re.IGNORECASE)
_OVER = re.compile(r"\s*XA\s+(COMMIT|ROLLBACK)\b", re.IGNORECASE)
_QUERIES = (events.QUERY, events.QUERY_COMPRESSED)
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 120.0
"""The store has what is read again; only a slow disk makes it wait."""


class CommitOrder:
    """See `ferryman.spi.source.PostponingSource`. One thread."""

    def __init__(self, log: RecordLog, start: Position, reopen: Callable[[Position], RecordLog]) -> None:
        """Stand before a log; arguments as in `PostponingSource.in_commit_order`."""
        self._log = log
        self._reopen = reopen
        self._border = self._last = start
        self._aside: Position | None = None
        """Where the prepared transaction begins that is being passed."""
        self._told: Iterator[LogRecord] = iter(())
        self._again: RecordLog | None = None
        self._set_open(_read(start.token.get(OPEN, "")))

    def poll(self, timeout: float) -> LogRecord | None:
        """Return the next record, or `None` when none comes in time."""
        told = next(self._told, None)
        if told is not None:
            return told
        record = self._log.poll(timeout)
        if record is None:
            return None
        passed = self._pass_aside(record) if self._aside is not None else self._pass(record)
        self._last = record.position
        if record.boundary:
            self._border, self._aside = record.position, None
        return passed

    def close(self) -> None:
        """Close the log, and what is being read again."""
        if self._again is not None:
            self._again.close()
        self._log.close()

    def _pass(self, record: LogRecord) -> LogRecord | None:
        kind = record.payload[4] if record.payload else 0
        if kind in events.GTIDS:
            if _is_prepared(kind, record.payload):
                return self._begin_aside(record)
        elif kind in _QUERIES and b"XA " in record.payload:
            return self._pass_statement(kind, record)
        elif kind == events.TRANSACTION_PAYLOAD:
            return self._pass_compressed(record)
        return self._stamped(record)

    def _pass_compressed(self, record: LogRecord) -> LogRecord | None:
        """MySQL 8 may pack all of a prepared transaction, or the statement that ends one, into one event."""
        inside = unpacked(record.payload[events.HEADER_LENGTH :], record.position)
        first = next(inside, b"")
        if not first or first[4] not in _QUERIES:
            return self._stamped(record)
        sql = _sql(first[4], first)
        if _OVER.match(sql):
            return self._pass_statement(first[4], replace(record, payload=first))
        if statement_kind(sql) is not StatementKind.XA_START:
            return self._stamped(record)
        end = deque(inside, maxlen=1)
        if not end or end[0][4] != events.XA_PREPARE:
            raise events.corrupt(f"a compressed XA transaction before {record.position} does not end with XA PREPARE")
        return self._end_prepared(self._border, end[0], record)

    def _pass_statement(self, kind: int, record: LogRecord) -> LogRecord | None:
        sql = _sql(kind, record.payload)
        if statement_kind(sql) is StatementKind.XA_START:
            return self._begin_aside(record)
        over, name = _OVER.match(sql), _named(sql)
        if over is None or name is None:
            return self._stamped(record)
        begun = self._open.get(name)
        self._set_open({other: place for other, place in self._open.items() if other != name})
        if over[1].upper() == "ROLLBACK":
            return self._stamped(record)
        if begun is None:
            raise FerrymanError(
                "log.unsupported_event", f"XA COMMIT before {record.position} of a transaction not followed", hint=_HINT
            )
        return self._tell_again(begun, record)

    # What is prepared -------------------------------------------------------------------------------------------------

    def _begin_aside(self, record: LogRecord) -> LogRecord:
        self._aside = self._border
        return self._silent(record)

    def _pass_aside(self, record: LogRecord) -> LogRecord | None:
        assert self._aside is not None
        if not record.payload or record.payload[4] != events.XA_PREPARE:
            return self._silent(record)
        return self._end_prepared(self._aside, record.payload, record)

    def _end_prepared(self, begun: Position, end: bytes, record: LogRecord) -> LogRecord | None:
        name, one_phase = _prepared(end[events.HEADER_LENGTH :])
        if one_phase:  # MySQL logs ``XA COMMIT … ONE PHASE`` so: which it is shows at the end
            return self._tell_again(begun, record)
        self._set_open(self._open | {name: begun})
        return self._silent(record)

    def _silent(self, record: LogRecord) -> LogRecord:
        return self._stamped(replace(record, payload=b""))

    # What is committed ------------------------------------------------------------------------------------------------

    def _tell_again(self, begun: Position, commit: LogRecord) -> LogRecord | None:
        """Tell a transaction's records, then its commit as if it were any other's."""
        self._told = self._records(begun, commit)
        return next(self._told)

    def _records(self, begun: Position, commit: LogRecord) -> Iterator[LogRecord]:
        before, number = self._last, count(1)
        with closing(self._reopen(begun)) as self._again:
            for payload in _without_marks(_transaction(self._again)):
                order = (*before.order, next(number))
                place = self._stamp(replace(before, order=order, time=commit.position.time))
                yield LogRecord(payload=payload, position=place, boundary=False)
        head = commit.payload[:4] + bytes([events.XID]) + commit.payload[5 : events.HEADER_LENGTH]
        yield replace(commit, payload=head + bytes(8), position=self._stamp(commit.position))

    # Places -----------------------------------------------------------------------------------------------------------

    def _set_open(self, found: dict[str, Position]) -> None:
        self._open = found
        self._since = min((place.order for place in found.values()), default=())
        self._text = " ".join(f"{name}@{_place(position)}" for name, position in found.items())

    def _stamped(self, record: LogRecord) -> LogRecord:
        return replace(record, position=self._stamp(record.position)) if self._open else record

    def _stamp(self, position: Position) -> Position:
        if not self._open:
            return position
        return replace(position, token=position.token | {OPEN: self._text}, since=self._since)


def _transaction(log: RecordLog) -> Iterator[bytes]:
    """Yield what a prepared transaction holds, unpacked, up to its XA PREPARE."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        record = log.poll(_LOOK_SECONDS)
        if record is None:
            if time.monotonic() > deadline:
                raise events.corrupt("a prepared transaction that was there cannot be read again")
            continue
        if not record.payload:
            continue  # the source was idle before
        kind = record.payload[4]
        if kind == events.XA_PREPARE:
            return
        if kind == events.TRANSACTION_PAYLOAD:
            yield from unpacked(record.payload[events.HEADER_LENGTH :], record.position)
            return
        if record.boundary:
            raise events.corrupt(f"a prepared transaction ends before {record.position} without XA PREPARE")
        yield record.payload


def _without_marks(payloads: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out what marks begin and end of a transaction."""
    for payload in payloads:
        kind = payload[4]
        is_mark = kind in events.GTIDS or kind == events.XA_PREPARE or (kind in _QUERIES and _is_xa(kind, payload))
        if not is_mark:
            yield payload


def _is_prepared(kind: int, payload: bytes) -> bool:
    if kind != events.MARIADB_GTID:
        return False
    head = events.parse_gtid(kind, payload[events.HEADER_LENGTH :], 0)
    return head is not None and head.prepared


def _is_xa(kind: int, payload: bytes) -> bool:
    return _sql(kind, payload).lstrip()[:3].upper() == "XA "


def _sql(kind: int, payload: bytes) -> str:
    query = events.parse_query(payload[events.HEADER_LENGTH :], compressed=kind == events.QUERY_COMPRESSED)
    return query.sql.decode("latin-1")


def _named(sql: str) -> str | None:
    """Return the name in ``XA … X'…',X'…',n``."""
    found = _NAME.search(sql)
    return f"{found[3]}:{found[1].lower()}:{found[2].lower()}" if found else None


def _prepared(body: bytes) -> tuple[str, bool]:
    """Read an XA_PREPARE event: one-phase flag, format, lengths of both parts, the parts; returns name and flag."""
    if len(body) < 13:
        raise events.corrupt("an XA PREPARE is cut off")
    number, first, second = (int.from_bytes(body[place : place + 4], "little") for place in (1, 5, 9))
    end = 13 + first
    return f"{number}:{body[13:end].hex()}:{body[end : end + second].hex()}", body[:1] == b"\x01"


def _read(text: str) -> dict[str, Position]:
    found = {}
    for entry in text.split():
        name, _, place = entry.partition("@")
        file, offset, *era = place.split("/")
        found[name] = binlog_position(file, int(offset), era=int(era[0]) if era else 0)
    return found


def _place(position: Position) -> str:
    parts = [*map(str, file_and_offset(position)), *([str(era)] if (era := era_of(position)) else [])]
    return "/".join(parts)

"""Records of the log store: whole messages in frames, each frame readable by itself.

A frame begins with a Relation message for every table it changes, as the server described it last, so that a reader may
begin at any frame; twice where the server has described the table anew since the frame before. A small transaction is
one frame. Layout: for each message its length (4 bytes, big-endian) and its bytes. Frames are numbered in steps of `STEP`
inside their transaction: the places between two of them are free for what must come before the second (tables that have
changed their columns, see `changes`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ferryman.connectors.postgresql.log import messages
from ferryman.connectors.postgresql.log.position import lsn_position
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.spi.source import LogRecord

FRAME_BYTES = 1 << 20
"""A frame ends at about this size; a greater message is a frame of its own."""
STEP = 1 << 16
LAST_STEP = 1 << 48
"""A transaction has fewer frames than this, so that places before its last frame can be counted from here."""
_LENGTH = struct.Struct(">I")
_CHANGES = frozenset({messages.INSERT, messages.UPDATE, messages.DELETE})
_NEEDLESS = frozenset({messages.TYPE, messages.ORIGIN, messages.MESSAGE})


def messages_of(payload: bytes) -> Iterator[bytes]:
    """Yield the messages of a frame."""
    place, end = 0, len(payload)
    while place < end:
        if end - place < 4:
            raise messages.corrupt("a frame is cut off")
        length = _LENGTH.unpack_from(payload, place)[0]
        place += 4
        if not 0 < length <= end - place:
            raise messages.corrupt("a frame is cut off")
        yield payload[place : place + length]
        place += length


class Framer:
    """Turns the messages of one stream into records."""

    def __init__(self, slot: str, frame_bytes: int = FRAME_BYTES, *, skips_marked: bool = False) -> None:
        """Begin between two transactions; with `skips_marked`, those that bear a mark become records without changes."""
        self._skips_marked = skips_marked
        self._is_marked = False
        self._slot = slot
        self._frame_bytes = frame_bytes
        self._relations: dict[int, bytes] = {}
        self._described: dict[int, bytes] = {}
        """As they stand in a frame already; by identity, for the server describes a table anew when it may have changed."""
        self._begin: messages.BeginMessage | None = None
        self._clear()
        self._number = STEP

    def _clear(self) -> None:
        self._parts: list[bytes] = []
        self._known: dict[int, bytes] = {}
        self._size = 0

    @property
    def is_between(self) -> bool:
        """Whether no transaction is open."""
        return self._begin is None

    def add(self, message: bytes) -> list[LogRecord]:
        """Take the next message; returns the records that are whole now."""
        kind = message[0] if message else 0
        if kind in _CHANGES:
            return [] if self._is_marked else self._change(message)
        if kind == messages.RELATION:
            self._relations[messages.relation_id(message)] = message
            return []
        if kind == messages.BEGIN:
            return self._open(message)
        if kind == messages.COMMIT:
            return self._commit(message)
        if kind == messages.TRUNCATE:
            return [] if self._is_marked else self._truncate(message)
        if kind == messages.MESSAGE and self._begin is not None and messages.is_mark(message):
            self._is_marked = self._skips_marked
        if kind in _NEEDLESS:
            return []
        raise FerrymanError("log.unsupported_event", f"message {chr(kind)!r} of pgoutput is not known")

    def _open(self, message: bytes) -> list[LogRecord]:
        if self._begin is not None:
            raise messages.corrupt("a transaction begins inside another one")
        self._begin = messages.parse_begin(message)
        self._is_marked = False
        self._number = STEP
        self._append(message)
        return []

    def _change(self, message: bytes) -> list[LogRecord]:
        oid = messages.relation_id(message)
        out = [self._cut()] if self._is_altered(oid) else []
        self._describe(oid)
        self._append(message)
        return [*out, self._cut()] if self._size >= self._frame_bytes else out

    def _is_altered(self, oid: int) -> bool:
        """Whether the frame describes the table as it was before: a frame knows one shape of each table only."""
        return oid in self._known and self._known[oid] is not self._relations.get(oid)

    def _describe(self, oid: int) -> None:
        """Put the table's description into the frame, unless it stands there as it is now."""
        relation = self._relations.get(oid)
        if relation is None:
            raise messages.corrupt(f"a change of table {oid} that was not described")
        if self._known.get(oid) is not relation:
            self._known[oid] = relation
            self._append(relation)
            if self._described.get(oid) is not relation:
                self._described[oid] = relation
                self._append(relation)

    def _append(self, message: bytes) -> None:
        self._parts += (_LENGTH.pack(len(message)), message)
        self._size += len(message) + 4

    def _truncate(self, message: bytes) -> list[LogRecord]:
        """A truncation is a frame of its own: it is a schema statement for the target."""
        out = [self._cut()] if self._parts else []
        for oid in messages.parse_truncate(message).relations:
            self._describe(oid)
        self._append(message)
        return [*out, self._cut()]

    def _cut(self) -> LogRecord:
        begin = self._opened()
        position = lsn_position(begin.final_lsn, self._number, slot=self._slot, time=begin.time)
        self._number += STEP
        return self._record(position, boundary=False)

    def _commit(self, message: bytes) -> list[LogRecord]:
        begin = self._opened()
        self._append(message)
        position = lsn_position(messages.parse_commit(message), slot=self._slot, time=begin.time)
        self._begin = None
        return [self._record(position, boundary=True)]

    def _record(self, position: Position, *, boundary: bool) -> LogRecord:
        payload = b"".join(self._parts)
        self._clear()
        return LogRecord(payload=payload, position=position, boundary=boundary)

    def _opened(self) -> messages.BeginMessage:
        if self._begin is None:
            raise messages.corrupt("a change outside a transaction")
        return self._begin

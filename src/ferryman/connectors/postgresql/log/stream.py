"""The stream of a slot as raw records (`ferryman.spi.source.Source.log`)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from ferryman.connectors.postgresql.log import slot as slots
from ferryman.connectors.postgresql.log.position import lsn_position, place_of, slot_of
from ferryman.connectors.postgresql.log.records import Framer
from ferryman.connectors.postgresql.log.replication import Piece, Replication
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.spi.source import LogRecord

PULSE_SECONDS = 1.0
SILENCE_SECONDS = 300.0
"""A server that was asked to answer and is not heard for so long is gone. Before version 15 a server says nothing while it
passes over a great transaction that does not concern us; one that has vanished is noticed by TCP long before."""

Durable = Callable[[], Position]


@contextlib.contextmanager
def stream(
    endpoint: Endpoint, start: Position, durable: Durable | None, *, skips_marked: bool = False
) -> Iterator[Iterator[LogRecord | None]]:
    """Stream a slot's log from a position on, without end.

    Args:
        endpoint: The server and database.
        start: Between two transactions; names the slot.
        durable: Says up to where the log is kept here: the server may remove what lies before.
        skips_marked: Leave out transactions that Ferryman wrote there (`marks`).

    Raises:
        FerrymanError: ``source.slot_lost``, ``position.purged``, ``endpoint.connection_lost`` (also while another
            reader has not left the slot yet), ``log.corrupt``, ``log.unsupported_event``.
    """
    connection = Replication(endpoint)
    try:
        yield SlotStream(connection, start, durable or (lambda: start), skips_marked=skips_marked).records()
    finally:
        connection.close()


class SlotStream:
    """Reads one slot over one connection."""

    def __init__(
        self, connection: Replication, start: Position, durable: Durable, *, skips_marked: bool = False
    ) -> None:
        """Make a stream; `records` begins it."""
        self._connection = connection
        self._slot = slot_of(start)
        self._start = start
        self._durable = durable
        self._skips_marked = skips_marked
        self._framer = Framer(self._slot, skips_marked=skips_marked)
        self._border = place_of(start)[0]
        self._asked = self._heard = 0.0

    def records(self) -> Iterator[LogRecord | None]:
        """Yield records; pulses and `None` when nothing comes."""
        slots.check(self._connection, self._slot, self._border)
        self._connection.start(self._slot, self._slot, self._border, messages=self._skips_marked)
        self._heard = time.monotonic()
        while True:
            piece = self._connection.next(0.2)
            self._say()
            if piece is None:
                self._check_silence()
                yield None
                continue
            self._heard = time.monotonic()
            yield from self._taken(piece)

    def _taken(self, piece: Piece) -> Iterator[LogRecord | None]:
        if piece.message is None:
            yield self._pulse(piece)
            return
        for record in self._framer.add(piece.message):
            if record.boundary:
                self._border = max(self._border, record.position.order[0])
            yield record

    def _pulse(self, piece: Piece) -> LogRecord | None:
        """A sign of life between two transactions is a border of its own: nothing before it is still to come."""
        if not self._framer.is_between:
            return None
        self._border = max(self._border, piece.end)
        position = lsn_position(self._border, slot=self._slot, time=piece.clock)
        return LogRecord(payload=b"", position=position, boundary=True)

    def _say(self) -> None:
        """About once a second: say what is durable, ask for a sign of life."""
        now = time.monotonic()
        if now - self._asked >= PULSE_SECONDS:
            self._asked = now
            self._connection.confirm(min(place_of(self._durable())[0], self._border), ask=True)

    def _check_silence(self) -> None:
        if time.monotonic() - self._heard > SILENCE_SECONDS:
            raise FerrymanError(
                "endpoint.connection_lost", f"{self._connection.where} has not been heard for {SILENCE_SECONDS:.0f} s"
            )

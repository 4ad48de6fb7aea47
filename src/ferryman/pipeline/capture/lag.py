"""How many bytes of its log the source has written that have not been read yet; asked for beside capture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.spi.source import MeasuredSource, Source

PERIOD_SECONDS = 5.0


class Lag:
    """What the source said last.

    Attributes:
        bytes_waiting: Bytes behind the place read up to; `None` while that is not known.
    """

    def __init__(self) -> None:
        """Begin without knowledge."""
        self.bytes_waiting: int | None = None

    @contextmanager
    def measured(self, source: Source, place: Callable[[], Position]) -> Iterator[None]:
        """Ask every few seconds while the caller captures; a source whose log has no length is left alone."""
        if not isinstance(source, MeasuredSource):
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._ask, args=(ended, source, place), name="capture-lag", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=PERIOD_SECONDS)  # it may hang at a source that is away

    def _ask(self, ended: threading.Event, source: MeasuredSource, place: Callable[[], Position]) -> None:
        while not ended.wait(PERIOD_SECONDS):
            try:
                self.bytes_waiting = source.log_bytes_behind(place())
            except FerrymanError:
                self.bytes_waiting = None  # capture itself says what is wrong

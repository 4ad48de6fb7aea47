"""How far away the target is, and how many streams make up for the waiting."""

from __future__ import annotations

import threading

NEAR_STREAMS = 4
"""Streams into a target that answers at once: past four the targets measured gain nothing."""

FAR_STREAMS = 16
"""Streams into a target that takes `FAR_SECONDS` and longer to begin a transaction."""

NEAR_SECONDS = 0.02
"""Up to here waiting costs less than a tenth: nothing is done about it."""

FAR_SECONDS = 0.1
SAMPLES = NEAR_STREAMS
"""Transactions that have to begin before their times are believed: the first of each stream."""


class Distance:
    """The least time a transaction took to begin; thread-safe.

    The least, because a busy target answers late now and then, a far one always. It only falls: so from the first choice on
    streams are taken back at most, and never come and go.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples = 0
        self._least = FAR_SECONDS

    def began(self, seconds: float) -> None:
        """Note how long a transaction took to begin: its statements write nothing, and wait for nobody."""
        with self._lock:
            self._samples += 1
            self._least = min(self._least, seconds)

    @property
    def streams(self) -> int:
        """How many streams to use while nobody has chosen."""
        if self._samples < SAMPLES:
            return NEAR_STREAMS
        share = max(0.0, self._least - NEAR_SECONDS) / (FAR_SECONDS - NEAR_SECONDS)
        return NEAR_STREAMS + int((FAR_STREAMS - NEAR_STREAMS) * share)

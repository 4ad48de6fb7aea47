"""How many calls a second an account may make: a bucket for each, filled at that rate, with room for ten seconds' worth.

Calls without a login (the login itself, the console's files) count by address. ``FERRYMAN_CALLS_PER_SECOND`` sets the rate; 0
sets none. In memory, of this service.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from ferryman.foundation.errors import FerrymanError, UsageError

VARIABLE = "FERRYMAN_CALLS_PER_SECOND"
USUAL_RATE = 200
BURST_SECONDS = 10.0
MOST_BUCKETS = 10_000


class CallRates:
    """Thread-safe."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow so many calls a second to each; 0: any number."""
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        """Caller → calls left, and when that was so."""

    @classmethod
    def of_environment(cls) -> CallRates:
        """Return the limit of the environment; ``usage.wrong_option`` for what is no number."""
        text = os.environ.get(VARIABLE, "").strip() or str(USUAL_RATE)
        if not (text.isascii() and text.isdigit() and len(text) < 8):
            raise UsageError("usage.wrong_option", f"{VARIABLE} must be a whole number of calls; 0 sets no limit")
        return cls(int(text))

    def take(self, caller: str) -> None:
        """Count a call; ``api.too_many_calls`` when there is none left."""
        if not self._rate:
            return
        with self._lock:
            left = self._left(caller)
            self._buckets[caller] = (left - 1 if left >= 1 else left, self._clock())
            if len(self._buckets) > MOST_BUCKETS:
                self._forget_full()
        if left < 1:
            seconds = max(1, round((1 - left) / self._rate))
            message = f"{caller} makes more than {self._rate} calls a second: the next one is taken in {seconds} s"
            raise FerrymanError("api.too_many_calls", message, context={"retry_after": seconds})

    def _left(self, caller: str) -> float:
        most = self._rate * BURST_SECONDS
        left, then = self._buckets.get(caller, (most, 0.0))
        return min(most, left + (self._clock() - then) * self._rate)

    def _forget_full(self) -> None:
        """Whoever calls from made-up places must not make us remember them all: full buckets mean nothing."""
        most = self._rate * BURST_SECONDS - 1
        kept = {caller: bucket for caller, bucket in self._buckets.items() if self._left(caller) < most}
        self._buckets = kept if len(kept) <= MOST_BUCKETS else {}

"""Trying again: how long to wait after a failure that mends itself, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ferryman.foundation.errors import FerrymanError, LeaseLostError, Retry


def is_transient(error: FerrymanError) -> bool:
    """Whether trying again may help: a lost connection, a deadlock, a server that is just starting."""
    if isinstance(error, LeaseLostError):
        return False  # I7: who has lost its lease stops
    return error.retry is Retry.AUTO or error.code == "endpoint.unreachable"


class Backoff:
    """Waits that double, with jitter, for one piece of work.

    Args:
        give_up_seconds: How long failures may go on without a success between them.
        first: The first wait in seconds.
        most: The longest wait in seconds.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        give_up_seconds: float,
        *,
        first: float = 0.2,
        most: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._give_up_seconds = give_up_seconds
        self._first = first
        self._most = most
        self._clock = clock
        self._failing_since: float | None = None
        self._wait = first

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self._failing_since = None
        self._wait = self._first

    def failed(self, error: FerrymanError) -> float:
        """Return how many seconds to wait; raises `error` when it does not mend itself or has lasted too long."""
        if not is_transient(error):
            raise error
        now = self._clock()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since >= self._give_up_seconds:
            raise error
        wait, self._wait = self._wait, min(self._wait * 2, self._most)
        return wait * random.uniform(0.5, 1.0)

"""Slows down guessing: after some wrong logins in a row the next ones are refused unseen for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_TRIES = 5
"""Wrong logins in a row of one account from one address before the first pause."""

FREE_TRIES_OF_ADDRESS = 30
"""Wrong logins in a row from one address, whatever the account."""

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 900.0
MOST_ENTRIES = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    blocked_until: float = 0.0


class Throttle:
    """Counts wrong logins by account and address, and by address alone. Thread-safe, in memory.

    Nobody can lock an account for others: what counts is the pair, so another address may still log in.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str], _Failures] = {}

    def blocked_seconds(self, account: str, address: str) -> float:
        """Return how long the next try has to wait; 0 when it may be made now."""
        with self._lock:
            until = [self._failures[key].blocked_until for key in _keys(account, address) if key in self._failures]
        return max([0.0, *(moment - self._clock() for moment in until)])

    def failed(self, account: str, address: str) -> None:
        """Count a wrong login."""
        with self._lock:
            if len(self._failures) > MOST_ENTRIES:
                self._forget_old()
            for key, free in zip(_keys(account, address), (FREE_TRIES, FREE_TRIES_OF_ADDRESS), strict=True):
                entry = self._failures.setdefault(key, _Failures())
                entry.count += 1
                over = entry.count - free
                if over >= 0:
                    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(over, 16), LONGEST_PAUSE_SECONDS)
                    entry.blocked_until = self._clock() + pause

    def succeeded(self, account: str, address: str) -> None:
        """Forget the wrong logins of this account from this address."""
        with self._lock:
            self._failures.pop((account, address), None)

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._failures.clear()

    def _forget_old(self) -> None:
        now = self._clock()
        kept = {key: entry for key, entry in self._failures.items() if entry.blocked_until > now}
        # Whoever floods us with made-up names must not make us remember them all.
        self._failures = kept if len(kept) <= MOST_ENTRIES else {}


def _keys(account: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (account, address), ("", address)

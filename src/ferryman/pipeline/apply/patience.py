"""What is borne of failures that pass by themselves."""

from __future__ import annotations

import time

from ferryman.foundation.errors import AWAY, FerrymanError, Retry
from ferryman.spi.task import TaskContext

PATIENCE_SECONDS = 600.0
"""So long a lost server is waited for, counted from the first failure since something was committed."""


class Patience:
    """Bears failures that pass by themselves, with growing pauses, as long as something works now and then."""

    def __init__(self, context: TaskContext) -> None:
        """Begin patient."""
        self._context = context
        self._pause = 0.1
        self._failing_since: float | None = None

    def succeeded(self) -> None:
        """Note that something was committed."""
        self._pause = 0.1
        self._failing_since = None

    def bear(self, error: FerrymanError) -> None:
        """Wait a moment; raises the error when it does not pass by itself or has lasted too long."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        passes = error.retry is Retry.AUTO or error.code in AWAY
        if not passes or now - self._failing_since > PATIENCE_SECONDS:
            raise error
        self._context.event("warning", f"apply begins again at its checkpoint: {error.message}", code=error.code)
        self._context.wait(self._pause)
        self._pause = min(self._pause * 2, 5.0)

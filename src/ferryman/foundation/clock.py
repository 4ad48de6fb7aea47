"""Time as the program keeps it: Unix seconds in UTC inside, aware datetimes at the borders."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def unix_now() -> float:
    """Return the time now in Unix seconds."""
    return time.time()


def as_datetime(seconds: float) -> datetime:
    """Turn Unix seconds into an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def as_optional_datetime(seconds: float | None) -> datetime | None:
    """Turn Unix seconds into an aware datetime in UTC; `None` stays `None`."""
    return None if seconds is None else as_datetime(seconds)

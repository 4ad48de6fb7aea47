"""Dates and times of canonical text in the forms that formats want."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_SECONDS = 86_400
_ZERO = b"0000-00-00 00:00:00"


@lru_cache(maxsize=4096)
def days(value: bytes) -> int | None:
    """Return the days since 1970-01-01 of ``YYYY-MM-DD``; `None` for a day that is none (``0000-00-00``)."""
    try:
        return date(int(value[:4]), int(value[5:7]), int(value[8:10])).toordinal() - _EPOCH
    except ValueError:
        return None


def seconds(value: bytes) -> int | None:
    """Return the Unix seconds of ``YYYY-MM-DD HH:MM:SS``, taken as UTC; `None` for a day that is none."""
    day = days(value[:10])
    if day is None:
        return None
    return day * _DAY_SECONDS + int(value[11:13]) * 3600 + int(value[14:16]) * 60 + int(value[17:19])


def trimmed(value: bytes) -> bytes:
    """Return a time without zeros at the end of its fraction."""
    return value.rstrip(b"0").rstrip(b".") if b"." in value else value


def epoch_text(value: bytes) -> bytes:
    """Return a TIMESTAMP as ``seconds[.fraction]``; the zero timestamp stays as it is."""
    found = seconds(value)
    return _ZERO if found is None else b"%d%b" % (found, trimmed(value[19:]))


def epoch_days(value: bytes) -> bytes:
    """Return a DATE as days since 1970-01-01; ``null`` for a day that is none."""
    found = days(value)
    return b"null" if found is None else b"%d" % found


def epoch_milliseconds(value: bytes) -> bytes:
    """Return a DATETIME as milliseconds since 1970-01-01 without zone; ``null`` for a day that is none."""
    found = seconds(value)
    return b"null" if found is None else b"%d" % (found * 1000 + int((value[20:23] or b"0").ljust(3, b"0")))


def microseconds(value: bytes) -> bytes:
    """Return a TIME as microseconds since midnight; negative ones and those past a day stay what they are."""
    sign, text = (-1, value[1:]) if value[:1] == b"-" else (1, value)
    whole, _, fraction = text.partition(b".")
    hours, minutes, secs = whole.split(b":")
    total = (int(hours) * 3600 + int(minutes) * 60 + int(secs)) * 1_000_000 + int((fraction or b"0").ljust(6, b"0"))
    return b"%d" % (sign * total)


def zoned(value: bytes) -> bytes:
    """Return a TIMESTAMP as ``YYYY-MM-DDTHH:MM:SS[.n]Z``."""
    return trimmed(value).replace(b" ", b"T", 1) + b"Z"


def six_digits(value: bytes) -> bytes:
    """Return a date and time with exactly six digits of fraction."""
    return value[:19] + b"." + value[20:].ljust(6, b"0")

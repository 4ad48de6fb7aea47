"""Numbers and times as people read them."""

from __future__ import annotations


def count(value: float) -> str:
    """1234567 → ``1,234,567``."""
    return f"{round(value):,}"


def size(value: float) -> str:
    """Bytes → ``1.5 MB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("not reached")


def rate(value: float) -> str:
    """Rows a second → ``12,300/s``; nothing when there are none."""
    return f"{count(value)}/s" if value >= 0.5 else ""


def duration(seconds: float) -> str:
    """Seconds → ``4.2 s``, ``3 m 05 s``, ``2 h 03 m``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def latency(seconds: float | None) -> str:
    """Seconds behind, or a dash when not known."""
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else duration(seconds)


def plural(number: int, noun: str) -> str:
    """1, ``table`` → ``1 table``; 2 → ``2 tables``."""
    return f"{count(number)} {noun}" + ("" if number == 1 else "s")


def differing(number: int) -> str:
    """1 → ``1 row differs``; 2 → ``2 rows differ``."""
    return f"{plural(number, 'row')} differ" + ("s" if number == 1 else "")

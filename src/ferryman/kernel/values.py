"""Reference: canonical bytes of single values, shared by the decoders of the binary protocol and of the binlog.

Every function is pure and raises `ValueError` (or one of its kin) for bits no server writes; the decoders turn that into
a `KernelError` that says where. The layout of the text is fixed by `ferryman.model.types`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

_EPOCH = date(1970, 1, 1)
_SINGLE = struct.Struct("<f")
_TINY_SINGLE = 2.0**-126
"""Below this, singles are denormal: fewer than six digits may already be too many."""
_INVERTED = bytes(255 - byte for byte in range(256))
_GROUP_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Bytes that hold so many decimal digits in a packed decimal."""
_FRACTION_UNIT = (0, 10_000, 10_000, 100, 100, 1, 1)
"""Microseconds in one unit of the packed fraction, by fraction digits."""


def integer_text(value: int) -> bytes:
    """Return decimal ASCII."""
    return b"%d" % value


def year_text(value: int) -> bytes:
    """Return four digits."""
    if not 0 <= value <= 9999:
        raise ValueError("year out of range")
    return b"%04d" % value


def double_text(value: float) -> bytes:
    """Return the shortest decimal that reads back to the same bits: `repr` without a trailing ``.0``."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return repr(value).removesuffix(".0").encode()


def single_text(value: float) -> bytes:
    """Return the shortest decimal that, read as a double and rounded to single, is `value` (which is a single).

    Precisely: with the least number of digits `n` for which the `n`-digit decimal nearest to `value` reads back.
    """
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    # Up to six digits a decimal names its single alone, so that dropping zeros of the six-digit form is shortest.
    for digits in range(1 if abs(value) < _TINY_SINGLE else 6, 10):
        short = float(f"{value:.{digits}g}")
        if _as_single(short) == value:
            return double_text(short)
    raise ValueError("not a single")


def _as_single(value: float) -> float:
    try:
        single: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.inf
    return single


def single_of_double(value: float) -> bytes:
    """Return `single_text` of a double that holds a single's value (``FLOAT * 1e0``)."""
    if _as_single(value) != value:
        raise ValueError("not a single")
    return single_text(value)


def bit_text(big_endian: bytes) -> bytes:
    """Return the unsigned number that the bits of a BIT column are."""
    return b"%d" % int.from_bytes(big_endian, "big")


def packed_decimal_size(precision: int, scale: int) -> int:
    """Return the bytes of a packed decimal (``decimal2bin``)."""
    if not 0 <= scale <= precision or not 1 <= precision <= 65:
        raise ValueError("impossible precision")
    whole = precision - scale
    return whole // 9 * 4 + _GROUP_BYTES[whole % 9] + scale // 9 * 4 + _GROUP_BYTES[scale % 9]


@lru_cache(maxsize=1024)
def _decimal_groups(precision: int, scale: int) -> tuple[tuple[tuple[int, int], ...], int]:
    """Return ((bytes, digits) of each group, how many groups stand before the point)."""
    whole = precision - scale
    before: tuple[tuple[int, int], ...] = ((_GROUP_BYTES[whole % 9], whole % 9),) if whole % 9 else ()
    before += ((4, 9),) * (whole // 9)
    after: tuple[tuple[int, int], ...] = ((4, 9),) * (scale // 9)
    after += ((_GROUP_BYTES[scale % 9], scale % 9),) if scale % 9 else ()
    return before + after, len(before)


def decimal_text(packed: bytes, precision: int, scale: int) -> bytes:
    """Return a packed decimal as text with exactly `scale` digits after the point."""
    negative = packed[0] < 0x80
    plain = packed.translate(_INVERTED) if negative else packed
    plain = bytes((plain[0] ^ 0x80,)) + plain[1:]
    groups, before = _decimal_groups(precision, scale)
    parts: list[bytes] = []
    place = 0
    for size, digits in groups:
        part = b"%0*d" % (digits, int.from_bytes(plain[place : place + size], "big"))
        if len(part) != digits:
            raise ValueError("decimal digits out of range")
        parts.append(part)
        place += size
    whole = b"".join(parts[:before]).lstrip(b"0") or b"0"
    text = whole + b"." + b"".join(parts[before:]) if scale else whole
    return b"-" + text if negative else text


def fraction_text(micros: int, fraction: int) -> bytes:
    """Return ``.ffffff`` cut to `fraction` digits, empty for none; refuses digits that would be lost."""
    if not 0 <= micros <= 999_999 or micros % 10 ** (6 - fraction):
        raise ValueError("fraction of a second out of range")
    return b"." + (b"%06d" % micros)[:fraction] if fraction else b""


def date_text(year: int, month: int, day: int) -> bytes:
    """Return ``YYYY-MM-DD``; zero and partly zero dates are kept."""
    if year > 9999 or month > 12 or day > 31:
        raise ValueError("date out of range")
    return b"%04d-%02d-%02d" % (year, month, day)


def clock_text(hour: int, minute: int, second: int) -> bytes:
    """Return ``HH:MM:SS`` with at least two hour digits."""
    if hour > 838 or minute > 59 or second > 59:
        raise ValueError("time out of range")
    return b"%02d:%02d:%02d" % (hour, minute, second)


def time_text(negative: bool, hour: int, minute: int, second: int, micros: int, fraction: int) -> bytes:
    """Return ``[-]HH:MM:SS[.f…]``; zero has no sign."""
    text = clock_text(hour, minute, second) + fraction_text(micros, fraction)
    return b"-" + text if negative and (hour or minute or second or micros) else text


def datetime_text(
    year: int, month: int, day: int, hour: int, minute: int, second: int, micros: int, fraction: int
) -> bytes:
    """Return ``YYYY-MM-DD HH:MM:SS[.f…]``."""
    if hour > 23:
        raise ValueError("time out of range")
    return date_text(year, month, day) + b" " + clock_text(hour, minute, second) + fraction_text(micros, fraction)


@lru_cache(maxsize=65536)
def _day_text(days: int) -> bytes:
    return (_EPOCH + timedelta(days)).isoformat().encode()


def timestamp_text(seconds: int, micros: int, fraction: int) -> bytes:
    """Return seconds since 1970 in UTC as ``YYYY-MM-DD HH:MM:SS[.f…]``; 0 is the zero date."""
    if not seconds and not micros:
        return b"0000-00-00 00:00:00" + fraction_text(0, fraction)
    days, rest = divmod(seconds, 86400)
    clock = b" %02d:%02d:%02d" % (rest // 3600, rest // 60 % 60, rest % 60)
    return _day_text(days) + clock + fraction_text(micros, fraction)


def packed_fraction_size(fraction: int) -> int:
    """Return the bytes of the fraction in TIMESTAMP2, DATETIME2 and TIME2."""
    if not 0 <= fraction <= 6:
        raise ValueError("impossible fraction")
    return (fraction + 1) // 2


def packed_timestamp_text(packed: bytes, fraction: int) -> bytes:
    """Return a TIMESTAMP2: 4 bytes of seconds, then the fraction, all big-endian."""
    micros = int.from_bytes(packed[4:], "big") * _FRACTION_UNIT[fraction]
    return timestamp_text(int.from_bytes(packed[:4], "big"), micros, fraction)


def packed_datetime_text(packed: bytes, fraction: int) -> bytes:
    """Return a DATETIME2: 5 bytes (sign, year * 13 + month, day, hour, minute, second), then the fraction, big-endian."""
    value = int.from_bytes(packed[:5], "big") - 0x8000000000
    if value < 0:
        raise ValueError("negative datetime")
    year, month = divmod(value >> 22, 13)
    micros = int.from_bytes(packed[5:], "big") * _FRACTION_UNIT[fraction]
    day, hour, minute, second = value >> 17 & 31, value >> 12 & 31, value >> 6 & 63, value & 63
    return datetime_text(year, month, day, hour, minute, second, micros, fraction)


def packed_time_text(packed: bytes, fraction: int) -> bytes:
    """Return a TIME2: sign and clock in 3 bytes, then the fraction, one big-endian number offset by its half."""
    bits = 8 * (len(packed) - 3)
    value = int.from_bytes(packed, "big") - (0x800000 << bits)
    size = abs(value)
    clock, micros = size >> bits, (size & ((1 << bits) - 1)) * _FRACTION_UNIT[fraction]
    return time_text(value < 0, clock >> 12, clock >> 6 & 63, clock & 63, micros, fraction)


def small_date_text(packed: int) -> bytes:
    """Return a DATE of the binlog: ``year << 9 | month << 5 | day``."""
    return date_text(packed >> 9, packed >> 5 & 15, packed & 31)


def old_datetime_text(digits: int) -> bytes:
    """Return a DATETIME of the binlog before 5.6: the number YYYYMMDDHHMMSS."""
    day, clock = divmod(digits, 1_000_000)
    return datetime_text(
        day // 10000, day // 100 % 100, day % 100, clock // 10000, clock // 100 % 100, clock % 100, 0, 0
    )


def old_time_text(digits: int) -> bytes:
    """Return a TIME of the binlog before 5.6: the signed number HHMMSS."""
    size = abs(digits)
    return time_text(digits < 0, size // 10000, size // 100 % 100, size % 100, 0, 0)


def set_text(bits: int, labels: Sequence[bytes]) -> bytes:
    """Return the labels of the set bits, joined by commas in the order of the definition."""
    if bits >> len(labels):
        raise ValueError("SET bit without a label")
    return b",".join([label for place, label in enumerate(labels) if bits >> place & 1])


def uuid_text(record: bytes) -> bytes:
    """Return a MariaDB UUID as stored in records, which the binlog copies.

    Versions 1 to 5 of the RFC variant are stored with their five segments in reverse order so that they sort by time;
    all others as they are (MDEV-29959). Which of the two a record holds is decided just as the server does.
    """
    if len(record) != 16:
        raise ValueError("UUID length")
    swapped = record[6] & 0x80 and 0 < record[8] <= 0x80
    plain = record[12:16] + record[10:12] + record[8:10] + record[6:8] + record[0:6] if swapped else record
    digits = plain.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()


def inet4_text(record: bytes) -> bytes:
    """Return an INET4 as dotted digits."""
    return b"%d.%d.%d.%d" % struct.unpack("4B", record)


def inet6_text(record: bytes) -> bytes:
    """Return an INET6 as MariaDB spells it.

    The first longest run of zero words is folded, even a single one; IPv4-mapped and -compatible addresses are dotted.
    """
    words = struct.unpack(">8H", record)
    start, size = _longest_zeros(words)
    if start == 0 and (size == 6 or (size == 5 and words[5] == 0xFFFF)):
        return (b"::ffff:" if size == 5 else b"::") + inet4_text(record[12:])
    head, tail = words[:start], words[start + size :]
    fold = b"::" if size else b""
    return b":".join([b"%x" % word for word in head]) + fold + b":".join([b"%x" % word for word in tail])


def _longest_zeros(words: Sequence[int]) -> tuple[int, int]:
    """Return start and length of the first longest run of zeros; (number of words, 0) when there is none."""
    best = (len(words), 0)
    run = 0
    for place, word in enumerate(words):
        run = 0 if word else run + 1
        if run > best[1]:
            best = (place + 1 - run, run)
    return best

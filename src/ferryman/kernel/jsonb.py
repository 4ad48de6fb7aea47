"""Reference: MySQL's binary JSON (binlog type 245) to JSON text.

Source: MySQL server sources, ``sql-common/json_binary.h`` (the format) and ``json_dom.cc`` (the text of opaque values).
"""

from __future__ import annotations

import base64
import json
import struct

from ferryman.kernel import values

_MAX_DEPTH = 100
"""The server's own limit of nesting."""
_LITERALS = {0: "null", 1: "true", 2: "false"}
_NUMBERS = {5: "<h", 6: "<H", 7: "<i", 8: "<I", 9: "<q", 10: "<Q", 11: "<d"}
_OPAQUE, _STRING = 15, 12
_NEWDECIMAL, _DATE, _TIME, _DATETIMES = 246, 10, 11, (7, 12, 17, 18)


def json_text(data: bytes) -> bytes:
    """Return the JSON text of a binary document, spaced as the server prints it.

    Raises:
        ValueError: (or its kin) for bytes no server writes.
    """
    if not data:
        return b"null"  # what the server makes of an empty value in a NOT NULL column
    return _Document(len(data)).value(data[0], memoryview(data)[1:], 0).encode()


class _Document:
    """Reads one document, whose every byte is used at most once: offsets that share bytes could make a few kB endless."""

    def __init__(self, size: int) -> None:
        self._left = size

    def value(self, kind: int, data: memoryview, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise ValueError("JSON nested too deep")
        self._use(1)
        if kind in (0, 1, 2, 3):
            return self._container(kind >= 2, 4 if kind & 1 else 2, data, depth)
        if kind == 4:
            return _LITERALS[data[0]]
        if kind in _NUMBERS:
            return _number(struct.unpack_from(_NUMBERS[kind], data)[0])
        if kind == _STRING:
            return self._quoted(_sized(data, 0))
        if kind == _OPAQUE:
            return _opaque(data[0], self._used(_sized(data, 1)))
        raise ValueError("JSON value of an unknown type")

    def _use(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError("JSON values that share bytes")

    def _used(self, data: memoryview) -> memoryview:
        self._use(len(data))
        return data

    def _quoted(self, text: memoryview) -> str:
        return json.dumps(str(self._used(text), "utf-8"), ensure_ascii=False)

    def _container(self, is_array: bool, width: int, data: memoryview, depth: int) -> str:
        count, size = _field(data, 0, width), _field(data, width, width)
        data = _slice(data, 0, size)
        place = 2 * width
        keys = [] if is_array else [self._key(data, place + index * (width + 2), width) for index in range(count)]
        place += len(keys) * (width + 2)
        items = [self._entry(data, place + index * (width + 1), width, depth) for index in range(count)]
        if is_array:
            return "[" + ", ".join(items) + "]"
        return "{" + ", ".join([f"{key}: {item}" for key, item in zip(keys, items, strict=True)]) + "}"

    def _key(self, data: memoryview, place: int, width: int) -> str:
        return self._quoted(_slice(data, _field(data, place, width), _field(data, place + width, 2)))

    def _entry(self, data: memoryview, place: int, width: int, depth: int) -> str:
        """Read a value entry: small values stand in it, others at the offset it gives."""
        kind = _field(data, place, 1)
        if kind in (4, 5, 6) or (width == 4 and kind in (7, 8)):
            return self.value(kind, _slice(data, place + 1, width), depth + 1)
        offset = _field(data, place + 1, width)
        if not 2 * width <= offset < len(data):
            raise ValueError("JSON offset out of range")
        return self.value(kind, data[offset:], depth + 1)


def _number(number: float) -> str:
    if isinstance(number, int):
        return str(number)
    values.double_text(number)
    return repr(number)


def _sized(data: memoryview, place: int) -> memoryview:
    """Read a variable-length size (seven bits a byte, low ones first) and so many bytes."""
    size = shift = 0
    while True:
        byte = data[place]
        place += 1
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
        if shift > 28:
            raise ValueError("JSON size out of range")
    return _slice(data, place, size)


def _slice(data: memoryview, place: int, size: int) -> memoryview:
    if place + size > len(data):
        raise ValueError("JSON value past its end")
    return data[place : place + size]


def _field(data: memoryview, place: int, width: int) -> int:
    return int.from_bytes(_slice(data, place, width), "little")


def _opaque(field_type: int, data: memoryview) -> str:
    if field_type == _NEWDECIMAL:
        precision, scale = data[0], data[1]
        packed = bytes(_slice(data, 2, values.packed_decimal_size(precision, scale)))
        return values.decimal_text(packed, precision, scale).decode()
    if field_type == _TIME:
        return f'"{_packed_time(int.from_bytes(_slice(data, 0, 8), "little", signed=True))}"'
    if field_type == _DATE or field_type in _DATETIMES:
        text = _packed_datetime(int.from_bytes(_slice(data, 0, 8), "little", signed=True))
        return f'"{text[:10] if field_type == _DATE else text}"'
    return f'"base64:type{field_type}:{base64.b64encode(data).decode()}"'


def _packed_time(packed: int) -> str:
    clock, micros = abs(packed) >> 24, abs(packed) & 0xFFFFFF
    return values.time_text(packed < 0, clock >> 12, clock >> 6 & 63, clock & 63, micros, 6).decode()


def _packed_datetime(packed: int) -> str:
    if packed < 0:
        raise ValueError("negative datetime")
    clock, micros = packed >> 24, packed & 0xFFFFFF
    year, month = divmod(clock >> 22, 13)
    return values.datetime_text(
        year, month, clock >> 17 & 31, clock >> 12 & 31, clock >> 6 & 63, clock & 63, micros, 6
    ).decode()

r"""Reference: the normal form of JSON, in which documents that are equal as JSON are equal as bytes (I5).

Stores keep JSON in two ways: MariaDB keeps the text, MySQL and OceanBase take it apart and print it anew, with keys in
another order, other spacing and other spelling of numbers. Equal means:

- objects: the same keys with equal values, in any order; of a key given twice the last counts;
- arrays: equal items in the same order;
- strings: the same characters, however escaped (``"é"`` = ``"\u00e9"``, ``"/"`` = ``"\/"``);
- numbers: the same value *as those stores keep it*: an integer literal from -2**63 to 2**64-1 exactly, every other
  number as the nearest double. So ``1E5`` = ``100000.0`` = ``100000`` and ``0.10`` = ``0.1``, ``-0`` = ``0``, but
  ``9007199254740993`` ≠ ``9007199254740992``. Numbers beyond the doubles (``1e999``) are equal only as the same text;
- spacing between tokens never counts.

Bytes that are no JSON document (or are nested deeper than Python reads) are their own normal form.
"""

from __future__ import annotations

import json
import math

_BEYOND = "\0number:"
"""Marks a number no double holds; a document's own string would have to begin so to be mistaken for one."""


def normal_json(document: bytes) -> bytes:
    """Return the normal form of a JSON document."""
    try:
        value = _DECODER.decode(document.decode().strip(" \t\n\r"))
        return _ENCODER.encode(value).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return document


def _integer(text: str) -> int | float | str:
    if len(text) > 20:
        return _real(text)
    value = int(text)
    return value if -(2**63) <= value < 2**64 else _real(text)


def _real(text: str) -> int | float | str:
    value = float(text)
    if math.isinf(value):
        return _BEYOND + text.lower().replace("+", "")
    return int(value) if value.is_integer() and abs(value) < 2.0**64 else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer, parse_float=_real, parse_constant=_refuse)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)

"""Reference: JSON documents as SQL literals that OceanBase reads exactly (I5).

OceanBase reads a number within JSON *text* with one rounding too many: ``0.9987226627904077`` becomes ``…076`` (measured:
one in three doubles of random bits, one in eight of 16 digits in 0..1, and every integer beyond 64 bits). A number that SQL has
parsed is kept exactly. So a document with a number at risk is written as ``JSON_OBJECT('k', 0.9987226627904077e0)``; all
others, and those are nearly all, as text. MySQL and MariaDB read either form to the same value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

_SUSPECT = re.compile(rb"[0-9][eE][-+0-9]|[0-9.]{17}")
"""Every number at risk matches; what else matches is looked at closely."""
_EXACT_SIGNIFICAND, _EXACT_POWER = 2**53, 22
"""A double holds both exactly, so that multiplying or dividing them rounds once."""
_MAX_DECIMAL_DIGITS = 65


class _Number(str):
    """The text of a number."""

    __slots__ = ()


def constructor(document: bytes, text_literal: Callable[[bytes], bytes]) -> bytes | None:
    """Return the SQL expression of a document with a number at risk, or `None` when its text will do.

    Args:
        document: JSON text.
        text_literal: Quotes a string.
    """
    if not _SUSPECT.search(document):
        return None
    try:
        value = _DECODER.decode(document.decode().strip(" \t\n\r"))
        if not _at_risk(value):
            return None
        expression = _expression(value, text_literal)
    except (ValueError, RecursionError):
        return None  # not JSON, or a string that is no text, or a number no double holds: let the server judge
    if isinstance(value, list | dict):
        return expression
    return b"JSON_EXTRACT(JSON_ARRAY(" + expression + b"),'$[0]')"


def _at_risk(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_at_risk, value.values()))
    if isinstance(value, list):
        return any(map(_at_risk, value))
    return isinstance(value, _Number) and _is_rounded_twice(value)


def _is_rounded_twice(number: str) -> bool:
    if _is_integer(number) and -(2**63) <= int(number) < 2**64:
        return False
    mantissa, _, power = number.lower().lstrip("-").partition("e")
    whole, _, part = mantissa.partition(".")
    if len(whole) + len(part) > 16 or len(power) > 4:
        return True
    return int(whole + part) > _EXACT_SIGNIFICAND or abs(int(power or 0) - len(part)) > _EXACT_POWER


def _is_integer(number: str) -> bool:
    return len(number) <= _MAX_DECIMAL_DIGITS and number.lstrip("-").isdigit()


def _expression(value: Any, text_literal: Callable[[bytes], bytes]) -> bytes:
    if isinstance(value, dict):
        pairs = [text_literal(key.encode()) + b"," + _expression(item, text_literal) for key, item in value.items()]
        return b"JSON_OBJECT(" + b",".join(pairs) + b")"
    if isinstance(value, list):
        return b"JSON_ARRAY(" + b",".join([_expression(item, text_literal) for item in value]) + b")"
    if isinstance(value, _Number):
        return _number(value)
    if isinstance(value, str):
        return text_literal(value.encode())
    return {None: b"NULL", True: b"true", False: b"false"}[value]


def _number(number: str) -> bytes:
    if _is_integer(number):
        return number.encode()
    double = float(number)
    if math.isinf(double):
        raise ValueError("no double")
    text = repr(double)
    return (text if "e" in text else text + "e0").encode()


_DECODER = json.JSONDecoder(strict=False, parse_int=_Number, parse_float=_Number)

"""Folding of key values: values that a server may hold for equal get the same fold.

Collations ignore case, accents and trailing blanks, so two values with other bytes can be one key to the server. The
exact rules of every collation are not needed: a fold only *groups* (I4), and too large a group costs parallelism, never
correctness. Where a collation's rules are not known for sure, the fold is `WILD`: it may equal anything.

Source: Unicode UAX #15 (NFKD), UTS #10; MySQL manual, "Unicode Character Sets" (expansions, supplementary characters).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import partial

from ferryman.model.changes import UNKNOWN_VALUE
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind

Fold = Callable[[bytes], bytes]

WILD = UNKNOWN_VALUE
"""May equal any value: it is no UTF-8, so that no text folds to it by itself."""

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_GENERIC = re.compile(
    r"(?:(?:utf8|utf8mb3|utf8mb4|ucs2|utf16|utf16le|utf32)_)?"
    r"(?:general|unicode|unicode_520|uca1400|general1400|0900)(?:_nopad)?(?:_a[is])?_c[is]"
)
_LETTERS = re.compile(r"[ -~\u0391-\u03c9\u0400-\u045f\u4e00-\u9fff\u1100-\u11ff]*", re.ASCII)
"""What a fold may hold after decomposition: ASCII, Greek, Cyrillic, CJK ideographs, Hangul letters. All of them have
weights of their own in every generic collation; anything else (kana, emoji, ß, æ …) has exceptions somewhere."""


def fold_of(type_: ColumnType) -> Fold | None:
    """Return how to fold values of a column, or `None` when equal means equal bytes."""
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return _fold_zero
    if type_.kind is Kind.DECIMAL and type_.precision is None:
        return _fold_scale
    if type_.kind is Kind.JSON:
        return _fold_wild  # PostgreSQL's jsonb: {"a": 1.0} equals {"a": 1.00}
    if type_.kind not in CHARACTER_KINDS:
        return None
    collation = (type_.collation or "").casefold()
    if collation.startswith("pg_catalog.") and "." not in type_.native:
        return None  # PostgreSQL's own collations are deterministic; types of others (citext) have rules of their own
    if collation == "binary" or collation.endswith(("_bin", "_nopad_bin")):
        return _fold_blanks
    if _GENERIC.fullmatch(collation):
        return _fold_generic
    return _fold_ascii if collation in _ASCII_SAFE else _fold_wild


def prefixed(fold: Fold | None, type_: ColumnType, prefix: int) -> Fold:
    """Return a fold of the first `prefix` characters (bytes, for binary kinds) only."""
    if type_.kind in CHARACTER_KINDS:
        return partial(_fold_characters, fold, prefix)
    return partial(_fold_bytes, fold, prefix)


_ASCII_SAFE = frozenset({"latin1_swedish_ci", "ascii_general_ci"})
"""Collations whose plain ASCII part is known to fold by case alone."""


def _fold_zero(value: bytes) -> bytes:
    return b"0" if value == b"-0" else value


def _fold_scale(value: bytes) -> bytes:
    """PostgreSQL's numeric without a scale keeps the zeros it was given: 1.0 and 1.00 are one key."""
    return value.rstrip(b"0").rstrip(b".") if b"." in value else value


def _fold_blanks(value: bytes) -> bytes:
    return value.rstrip(b" ")


def _fold_wild(value: bytes) -> bytes:
    return WILD


def _fold_ascii(value: bytes) -> bytes:
    if value.isascii() and not _CONTROL.search(value):
        return value.rstrip(b" ").lower()
    return WILD


def _fold_generic(value: bytes) -> bytes:
    if value.isascii() and not _CONTROL.search(value):
        return value.rstrip(b" ").lower()
    text = unicodedata.normalize("NFKD", value.decode("utf-8", "replace"))
    letters = "".join([char for char in text if not unicodedata.combining(char)])
    return letters.casefold().rstrip(" ").encode() if _LETTERS.fullmatch(letters) else WILD


def _fold_characters(fold: Fold | None, prefix: int, value: bytes) -> bytes:
    cut = value.decode("utf-8", "replace")[:prefix].encode("utf-8", "replace")
    return fold(cut) if fold is not None else cut


def _fold_bytes(fold: Fold | None, prefix: int, value: bytes) -> bytes:
    cut = value[:prefix]
    return fold(cut) if fold is not None else cut

"""How servers compare characters, as far as it can be done here exactly.

Binary collations compare code points: that is done here for UTF-8 and ASCII, with or without the padding blanks. Labels of
an ENUM are few and known: where all are printable ASCII, and the literal, too, the common collations that know no case
compare them as ASCII without case. Everything else depends on weight tables of the very server, and is refused.

Source: MySQL manual, "The Effect of Collation", "Binary Collations", "Trailing Space Handling"; PostgreSQL manual,
"Collation Support" (deterministic collations: equal means equal bytes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind

_GENERIC = re.compile(
    r"(?:utf8|utf8mb3|utf8mb4|latin1|ascii)_"
    r"(?:general|unicode|unicode_520|uca1400|general1400|0900|swedish)(?:_nopad)?(?:_a[is])?_ci"
)
"""Collations that compare printable ASCII by letters without case, and by nothing else."""
_UTF8 = frozenset({"utf8", "utf8mb3", "utf8mb4", "ascii"})
_PLAIN = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextForm:
    """How a column's characters compare.

    Attributes:
        key: Only columns of the same key may be compared with each other.
        pads: Trailing blanks do not count.
        orders: Whether ``<`` and its like are those of the bytes.
        matches: Whether LIKE compares characters by their bytes.
        folds: Letters compare without case: labels only.
        charset: Character set, as far as literals must fit it.
    """

    key: str
    pads: bool
    orders: bool
    matches: bool
    folds: bool = False
    charset: str = ""

    def takes(self, text: str) -> bool:
        """Whether a literal can be compared under this form."""
        if self.folds:
            return _PLAIN.fullmatch(text) is not None
        if text.isascii():
            return True
        if self.charset in ("utf8", "utf8mb3"):
            return max(text) < "\U00010000"
        return self.charset in ("utf8mb4", "")

    def brought(self, value: bytes) -> bytes:
        """Return a value so that equal values are equal bytes."""
        if self.pads:
            value = value.rstrip(b" ")
        return value.lower() if self.folds else value


def form_of(type_: ColumnType, collation: str | None = None) -> TextForm | None:
    """Return how a column compares, under its own collation or the one named; `None` when that cannot be told here."""
    if type_.kind not in CHARACTER_KINDS or type_.kind is Kind.SET:
        return None
    name, charset = (collation or type_.collation or "").casefold(), (type_.charset or "").casefold()
    if name.startswith("pg_catalog.") or (not name and not charset):
        pads = type_.kind is Kind.CHAR
        return TextForm(key=f"{name} {pads}", pads=pads, orders=False, matches=not pads)
    if collation is not None and not name.startswith(f"{charset}_"):
        return None
    if name.endswith("_bin"):
        pads = "_0900_" not in name and "_nopad_" not in name
        orders = charset in _UTF8 and type_.kind is not Kind.ENUM
        return TextForm(key=name, pads=pads, orders=orders, matches=True, charset=charset)
    if type_.kind is Kind.ENUM and _GENERIC.fullmatch(name) and all(map(_PLAIN.fullmatch, type_.values)):
        return TextForm(key=name, pads=True, orders=False, matches=False, folds=True, charset=charset)
    return None

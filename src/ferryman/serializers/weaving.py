"""Texts for rows, put together late: literal parts and columns are joined first, and filled in one go by the kernel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.kernel import JsonForm, fill_rows
from ferryman.model.batch import ColumnData

_SIGN = re.compile(rb"%([%b])")


@dataclass(frozen=True, slots=True)
class Woven:
    """A text for each row, not yet put together: a part, a value of the first column, a part, and so on."""

    parts: tuple[bytes, ...]
    columns: tuple[ColumnData | list[bytes], ...]
    forms: tuple[JsonForm, ...]

    def texts(self, count: int) -> list[bytes]:
        """Return the texts of so many rows."""
        return fill_rows(self.parts, self.columns, self.forms, count)


Piece = bytes | list[bytes] | Woven
"""The same for every row; a text a row; or what makes one."""


def woven(pieces: Sequence[Piece]) -> Woven:
    """Join pieces."""
    parts = [b""]
    columns: list[ColumnData | list[bytes]] = []
    forms: list[JsonForm] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            parts[-1] += piece
            continue
        inner = piece if isinstance(piece, Woven) else Woven((b"", b""), (piece,), (JsonForm.PLAIN,))
        parts[-1] += inner.parts[0]
        parts += inner.parts[1:]
        columns += inner.columns
        forms += inner.forms
    return Woven(tuple(parts), tuple(columns), tuple(forms))


def lines(template: bytes, pieces: Sequence[Piece], count: int) -> list[bytes]:
    """Fill the holes (``%b``) of a template with the n-th text of each piece, for every n."""
    literals = _literals(template)
    mixed: list[Piece] = [literals[0]]
    for piece, literal in zip(pieces, literals[1:], strict=True):
        mixed += [piece, literal]
    return woven(mixed).texts(count)


def _literals(template: bytes) -> list[bytes]:
    found, place = [b""], 0
    for sign in _SIGN.finditer(template):
        found[-1] += template[place : sign.start()]
        place = sign.end()
        if sign[1] == b"%":
            found[-1] += b"%"
        else:
            found.append(b"")
    found[-1] += template[place:]
    return found

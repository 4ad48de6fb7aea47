"""Positions of kind ``scn``: a moment of the database, and how far its schema statements have been handed out.

``order`` is ``(scn, ddl, step)``: rows as of `scn`, schema as of version `ddl`; `step` counts the records of the window
that begins there. Windows end at step 0 of their new SCN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

KIND = "scn"
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """What a position of kind ``scn`` says.

    Attributes:
        scn: Rows are as of this SCN (nanoseconds since the Unix epoch).
        ddl: Schema statements up to this version are behind us.
        since: Amid a window whose schema statements have been handed out: the version before them, else `ddl`.
        step: Records since `scn`.
        again: The record empties a table that is read anew: it is no statement of the source.
    """

    scn: int
    ddl: int
    since: int
    step: int = 0
    again: bool = False

    @property
    def seconds(self) -> float:
        """The SCN as Unix seconds."""
        return self.scn / _NANOSECONDS

    def position(self) -> Position:
        """Return it as a position."""
        token = {"scn": str(self.scn), "ddl": str(self.ddl)}
        if self.since != self.ddl:
            token["since"] = str(self.since)
        if self.again:
            token["again"] = "1"
        return Position(kind=KIND, token=token, order=(self.scn, self.ddl, self.step), time=self.seconds)

    def next(self, *, ddl: int | None = None, again: bool = False) -> Place:
        """Return the place of the next record before the window's end."""
        return replace(self, ddl=self.ddl if ddl is None else ddl, step=self.step + 1, again=again)


def place_of(position: Position) -> Place:
    """Read a position; ``position.other_log`` for one of another kind."""
    if position.kind != KIND:
        raise FerrymanError("position.other_log", f"a {position.kind} position cannot be one of OceanBase's SCNs")
    token = position.token
    ddl = int(token["ddl"])
    return Place(
        scn=int(token["scn"]),
        ddl=ddl,
        since=int(token.get("since", ddl)),
        step=position.order[2],
        again="again" in token,
    )


def first_place(scn: int, ddl: int) -> Place:
    """Return a place between two windows."""
    return Place(scn=scn, ddl=ddl, since=ddl)


def scn_of(unix_seconds: float) -> int:
    """Return the SCN of a moment."""
    return int(unix_seconds * _NANOSECONDS)

"""Places in a source's log."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import total_ordering


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in one source's log, between two transactions (or two events, inside the log store).

    Attributes:
        kind: What `token` holds: ``binlog`` (MySQL family), ``lsn`` (PostgreSQL), ``scn`` (OceanBase).
        token: The place in the source's own words. ``binlog``: ``file``, ``offset`` (both as text) and, where the
            server has them, ``gtid`` (all transactions before the place), ``server`` (its UUID) and ``begun`` (the
            Unix second at which it began the file): by these another log under the same names is noticed (MariaDB:
            ``server_id``); ``era`` counts how often the log went on in another server's files; ``prepared``
            names transactions that are open there. ``lsn``:
            ``lsn``, ``record`` (its number inside its transaction) and ``slot`` (what keeps the log from there on).
        order: Compares places of one log: ``binlog``: ``(era and file number, offset)``.
        time: When the transaction before the place was committed, Unix seconds; 0 when not known.
        since: The order of an earlier place whose log is still needed by who goes on from here (a transaction prepared
            there is not over); empty: none.
    """

    kind: str
    token: dict[str, str] = field(hash=False)
    order: tuple[int, ...]
    time: float = 0.0
    since: tuple[int, ...] = ()

    @property
    def earliest(self) -> Position:
        """The place from which on the log is still needed."""
        return replace(self, order=self.since, since=()) if self.since else self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Position) and (self.kind, self.order) == (other.kind, other.order)

    def __lt__(self, other: Position) -> bool:
        if self.kind != other.kind:
            raise ValueError(f"cannot compare a {self.kind} with a {other.kind} position")
        return self.order < other.order

    def __hash__(self) -> int:
        return hash((self.kind, self.order))

    def __str__(self) -> str:
        hidden = {"begun", "slot", "prepared", "server_id", "era"} | (
            {"server", "gtid"} if "server" in self.token else set()
        )
        return "/".join(value for key, value in self.token.items() if key not in hidden)

"""MySQL's GTID sets: which transactions, by the server they came from.

Sources: MySQL manual, "GTID Sets"; MySQL ``sql/rpl_gtid_set.cc`` (``Gtid_set::encode``).
"""

from __future__ import annotations

import struct
import uuid
from bisect import bisect_right

from ferryman.connectors.mysql_family.log.events import corrupt

Intervals = list[tuple[int, int]]
"""First and last number of each run, both included, in order."""


class GtidSet:
    """Transactions ``server:number``; sets with tags (MySQL 8.3) are not known: see `read` and `of_event`."""

    def __init__(self, intervals: dict[str, Intervals]) -> None:
        """Make a set of intervals by server, in order and without overlaps."""
        self._intervals = intervals
        self._texts = {server: _text(server, runs) for server, runs in intervals.items()}
        self.text = self._joined()

    @classmethod
    def read(cls, text: str) -> GtidSet | None:
        """Read ``uuid:1-5:7,uuid:3``; `None` when it holds tags."""
        found: dict[str, Intervals] = {}
        for part in filter(None, "".join(text.split()).lower().split(",")):
            server, *runs = part.split(":")
            if not all(run.replace("-", "").isdigit() for run in runs):
                return None
            for run in runs:
                first, _, last = run.partition("-")
                _insert(found.setdefault(server, []), int(first), int(last or first))
        return cls(found)

    @classmethod
    def of_event(cls, body: bytes) -> GtidSet | None:
        """Read the body of a PREVIOUS_GTIDS event; `None` when it holds tags; ``log.corrupt`` when it is cut off."""
        try:
            return cls._of_event(body)
        except struct.error as error:
            raise corrupt("a list of GTIDs is cut off") from error

    @classmethod
    def _of_event(cls, body: bytes) -> GtidSet | None:
        (count,) = struct.unpack_from("<Q", body)
        if count >> 56:
            return None
        place, found = 8, dict[str, Intervals]()
        for _ in range(count):
            server, runs = struct.unpack_from("<16sQ", body, place)
            place += 24
            mine = found.setdefault(str(uuid.UUID(bytes=server)), [])
            for _ in range(runs):
                first, behind = struct.unpack_from("<QQ", body, place)
                place += 16
                _insert(mine, first, behind - 1)
        return cls(found)

    def add(self, gtid: str) -> None:
        """Take ``uuid:number`` in."""
        server, _, number = gtid.partition(":")
        runs = self._intervals.setdefault(server, [])
        _insert(runs, int(number), int(number))
        self._texts[server] = _text(server, runs)
        self.text = self._joined()

    @property
    def servers(self) -> frozenset[str]:
        """The servers whose transactions these are."""
        return frozenset(server for server, runs in self._intervals.items() if runs)

    def within(self, other: GtidSet) -> bool:
        """Whether `other` has all of these transactions."""
        return all(_covered(run, other._intervals.get(s, [])) for s, runs in self._intervals.items() for run in runs)

    def _joined(self) -> str:
        return ",".join(self._texts[server] for server in sorted(self._texts) if self._intervals[server])


def _insert(runs: Intervals, first: int, last: int) -> None:
    """Add a run, joined with those it touches."""
    if runs and runs[-1][0] <= first <= runs[-1][1] + 1:  # as good as always: the next number
        runs[-1] = (runs[-1][0], max(runs[-1][1], last))
        return
    touching = [run for run in runs if run[0] <= last + 1 and first <= run[1] + 1]
    merged = (min([first, *(run[0] for run in touching)]), max([last, *(run[1] for run in touching)]))
    kept = [run for run in runs if run not in touching]
    runs[:] = sorted([*kept, merged])


def _covered(run: tuple[int, int], runs: Intervals) -> bool:
    place = bisect_right(runs, run[0], key=lambda each: each[0]) - 1
    return place >= 0 and run[1] <= runs[place][1]


def _text(server: str, runs: Intervals) -> str:
    return ":".join([server, *(str(first) if first == last else f"{first}-{last}" for first, last in runs)])

"""Rates of tables: what they had a few seconds ago, and what they have now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ferryman.model.project import TableProgress

WINDOW_SECONDS = 5.0


class Rates:
    """Rows per second of each table over the last few seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def see(self, tables: Iterable[TableProgress], now: float) -> None:
        """Remember how far the tables are."""
        for table in tables:
            if table.state != "running":
                self._seen.pop(table.table, None)
                continue
            seen = self._seen.setdefault(table.table, deque())
            seen.append((now, table.rows))
            while len(seen) > 2 and now - seen[0][0] > WINDOW_SECONDS:
                seen.popleft()

    def rate(self, table: str) -> float:
        """Return rows per second; 0 when not known yet."""
        seen = self._seen.get(table)
        if not seen or seen[-1][0] <= seen[0][0]:
            return 0.0
        (began, first), (ended, last) = seen[0], seen[-1]
        return max(0.0, (last - first) / (ended - began))

    def seconds_left(self, table: TableProgress) -> float | None:
        """Return seconds until the table is done, as things go; `None` when that cannot be said."""
        rate = self.rate(table.table)
        if rate <= 0 or table.rows_total <= table.rows:
            return None
        return (table.rows_total - table.rows) / rate

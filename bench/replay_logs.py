"""Logs that are applied in the benchmarks, and the same changes as statements made beforehand.

``sets``: transactions of a hundred rows, 60 % updates, 20 % deletes, 20 % inserts, over one table. ``mix``: sysbench's way
to write: each transaction updates two rows, deletes one and inserts one, at random, in one of four tables; a row event holds
one row. ``hot``: one row updated again and again, in transactions of a hundred.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from bench.tables import SYSBENCH_COLUMNS, SYSBENCH_VALUES, BenchTable

WINDOW = 5_000
_ROWS_A_STATEMENT = 1000
_ROWS_A_TRANSACTION = 100
_UPSERT = b" ON DUPLICATE KEY UPDATE k = VALUES(k), c = VALUES(c), pad = VALUES(pad)"
_C, _PAD = "0123456789ab" * 10, "0123456789" * 6


def _table(name: str) -> BenchTable:
    return BenchTable(name, SYSBENCH_COLUMNS, SYSBENCH_VALUES)


@dataclass(slots=True)
class Window:
    """What so many changes leave behind, by table: keys that are gone, and rows that are there."""

    gone: dict[str, list[int]]
    there: dict[str, list[int]]

    def statements(self, dialect: str) -> Iterator[bytes]:
        """Yield the statements that bring it about: the rows' texts are of their size, not of their content."""
        for name, keys in self.gone.items():
            if keys:
                yield b"DELETE FROM sb.%s WHERE id IN (%s)" % (name.encode(), ",".join(map(str, keys)).encode())
        for name, keys in self.there.items():
            remaining = iter(keys)
            while part := list(islice(remaining, _ROWS_A_STATEMENT)):
                values = ",".join(f"({key},{key % 500000},'{_C}','{_PAD}')" for key in part).encode()
                yield b"INSERT INTO sb.%s VALUES %s%s" % (name.encode(), values, _suffix(dialect))


def _suffix(dialect: str) -> bytes:
    if dialect == "PostgreSQL":
        return b" ON CONFLICT (id) DO UPDATE SET k = excluded.k, c = excluded.c, pad = excluded.pad"
    return _UPSERT


class Sets:
    """A hundred rows a transaction, over one table."""

    tables = (_table("sbtest"),)

    def rows(self, changes: int) -> int:
        """Return how many rows each table holds before so many changes."""
        return changes

    def statements(self, count: int) -> Iterator[str]:
        """Yield statements of a hundred changes each: per thousand rows 600 updated, 200 deleted, 200 new."""
        for first in range(1, count + 1, 1000):
            for start in range(first, first + 600, _ROWS_A_TRANSACTION):
                end = start + _ROWS_A_TRANSACTION - 1
                yield f"UPDATE sbtest SET k = k + 1 WHERE id BETWEEN {start} AND {end}"
            for start in range(first + 600, first + 800, _ROWS_A_TRANSACTION):
                new = count + start
                yield f"DELETE FROM sbtest WHERE id BETWEEN {start} AND {start + _ROWS_A_TRANSACTION - 1}"
                yield f"INSERT INTO sbtest SELECT {SYSBENCH_VALUES} FROM seq_{new}_to_{new + _ROWS_A_TRANSACTION - 1}"

    def windows(self, count: int) -> Iterator[Window]:
        """Yield, per window, what it leaves behind."""
        for first in range(1, count + 1, WINDOW):
            gone: list[int] = []
            there: list[int] = []
            for thousand in range(first, first + WINDOW, 1000):
                there += range(thousand, thousand + 600)
                gone += range(thousand + 600, thousand + 800)
                there += range(count + thousand + 600, count + thousand + 800)
            yield Window({"sbtest": gone}, {"sbtest": there})


class Mix:
    """Four changes of one row a transaction, over four tables."""

    tables = tuple(_table(f"sbtest{number}") for number in range(1, 5))
    _together = 250
    """Transactions sent at once."""

    def rows(self, changes: int) -> int:
        """Return how many rows each table holds before so many changes."""
        return max(10_000, changes // 4)

    def statements(self, count: int) -> Iterator[str]:
        """Yield statements, many in one text."""
        parts: list[str] = []
        for table, (one, other, old, new) in self._transactions(count):
            parts.append(
                f"BEGIN;UPDATE {table} SET k=k+1 WHERE id={one};UPDATE {table} SET c=REVERSE(c) WHERE id={other};"
                f"DELETE FROM {table} WHERE id={old};INSERT INTO {table} VALUES({new},{new % 500000},'{_C}','{_PAD}');"
                "COMMIT"
            )
            if len(parts) >= self._together:
                yield ";".join(parts)
                parts.clear()
        if parts:
            yield ";".join(parts)

    def _transactions(self, count: int) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
        """Yield the table of each transaction, and the keys of: two updates, a delete, an insert."""
        dice = random.Random(1)
        rows = self.rows(count)
        live = {table.name: list(range(1, rows + 1)) for table in self.tables}
        fresh = rows
        for _ in range(count // 4):
            name = dice.choice(self.tables).name
            keys = live[name]
            one, other, place = dice.choice(keys), dice.choice(keys), dice.randrange(len(keys))
            fresh += 1
            old, keys[place] = keys[place], fresh
            yield name, (one, other, old, fresh)

    def windows(self, count: int) -> Iterator[Window]:
        """Yield, per window, what it leaves behind."""
        transactions = self._transactions(count)
        while part := list(islice(transactions, WINDOW // 4)):
            state: dict[str, dict[int, bool]] = {}
            for name, (one, other, old, new) in part:
                state.setdefault(name, {}).update({one: True, other: True, old: False, new: True})
            yield Window(
                {name: [key for key, there in keys.items() if not there] for name, keys in state.items()},
                {name: [key for key, there in keys.items() if there] for name, keys in state.items()},
            )


class Hot:
    """One row, again and again."""

    tables = (_table("sbtest"),)

    def rows(self, changes: int) -> int:
        """Return how many rows each table holds before so many changes."""
        return 1000

    def statements(self, count: int) -> Iterator[str]:
        """Yield transactions of a hundred updates, ten in one text."""
        one = "BEGIN;" + "UPDATE sbtest SET k=k+1 WHERE id=1;" * _ROWS_A_TRANSACTION + "COMMIT"
        yield from [";".join([one] * 10)] * (count // (10 * _ROWS_A_TRANSACTION))

    def windows(self, count: int) -> Iterator[Window]:
        """Yield, per window, what it leaves behind."""
        for _ in range(0, count, WINDOW):
            yield Window({}, {"sbtest": [1]})


LOGS = {"sets": Sets, "mix": Mix, "hot": Hot}

"""How a database says what the `_ferryman` schema needs: the connection and the words that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from ferryman.foundation.errors import FerrymanError


class Connection(Protocol):
    """A connection with ``%s`` for each argument; every failure is a `FerrymanError`."""

    def query(self, sql: str, args: Sequence[Any] = (), *, table: str = "") -> list[tuple[Any, ...]]:
        """Run a statement and return all its rows."""
        ...

    def execute(self, sql: str, args: Sequence[Any] = (), *, table: str = "") -> int:
        """Run a statement and return the number of rows it affected."""
        ...

    def abort(self) -> None:
        """End the connection at once, and with it an open transaction."""
        ...

    def close(self) -> None:
        """End the connection; never raises."""
        ...

    def __enter__(self) -> Self:
        """Hold the connection."""
        ...

    def __exit__(self, *exc_info: object) -> None:
        """End the connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The SQL that differs.

    Attributes:
        schema: The quoted name of `_ferryman`.
        now: The server's clock, as the tables keep it.
        greater_epoch: The greater one of the epoch that stands there and the new one, within `upsert`.
        upsert: Makes an INSERT's end that updates columns of the row that has the key: ``(key, columns)``.
        is_missing: Tells an error that says: no such schema or table.
    """

    schema: str
    now: str
    greater_epoch: str
    upsert: Callable[[Sequence[str], Mapping[str, str | None]], str]
    is_missing: Callable[[FerrymanError], bool]

    def table(self, name: str) -> str:
        """Return the quoted name of one of the tables."""
        return f"{self.schema}.{name}"

    def query_or_nothing(self, connection: Connection, sql: str, args: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Query; no rows where there is no `_ferryman` at all."""
        try:
            return connection.query(sql, args)
        except FerrymanError as error:
            if self.is_missing(error):
                return []
            raise

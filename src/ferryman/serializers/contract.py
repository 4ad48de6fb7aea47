"""What a serializer does: events in, bytes out; pure, fast by column, one thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ferryman.spi.sink import Origin, RowEvent, StatementEvent


class Serializer(Protocol):
    """One format."""

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row, in order."""
        ...

    def statement(self, event: StatementEvent) -> bytes | None:
        """Return a schema statement's message; `None` where the format has none."""
        ...

    def heartbeat(self, origin: Origin) -> bytes | None:
        """Return a heartbeat; `None` where the format has none."""
        ...


@runtime_checkable
class TransactionSerializer(Protocol):
    """A format with records for the begin and the end of a transaction."""

    def border(self, origin: Origin, *, begins: bool) -> bytes:
        """Return the record of a begin or an end."""
        ...


@runtime_checkable
class KeySerializer(Protocol):
    """A format with a form of its own for keys, too; the others' are JSON objects. Partitions are chosen by these."""

    def keys(self, event: RowEvent, places: Sequence[int]) -> list[bytes]:
        """Return each row's key: the columns at these places."""
        ...


@runtime_checkable
class ColumnarFormat(Protocol):
    """A format of columns: its rows go to the sink as they are."""

    keeps_rows: bool


@runtime_checkable
class Checked(Protocol):
    """A format that stands on something outside."""

    def check(self) -> None:
        """Raise what hinders it."""
        ...

"""``incrSyncCheckpoint`` of the older operation: a string in one of three formats, by the source (oms-behaviour §1.14).

Every source that can be connected to has the first. The other two are written and read as OMS does, so that a checkpoint
of such a project can be passed on; there is no connector for their sources.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.foundation.errors import UsageError


@dataclass(frozen=True, slots=True)
class UnixSeconds:
    """Every source but the two below: digits."""

    seconds: int

    def __str__(self) -> str:
        return str(max(0, self.seconds))


@dataclass(frozen=True, slots=True)
class SybasePlace:
    """Sybase: ``fileId,fileOffset``."""

    file_id: int
    file_offset: int

    def __str__(self) -> str:
        return f"{self.file_id},{self.file_offset}"


@dataclass(frozen=True, slots=True)
class GeaBaseText:
    """GeaBase: text whose format was never published; it is passed on as it is."""

    text: str

    def __str__(self) -> str:
        return self.text


SyncCheckpoint = UnixSeconds | SybasePlace | GeaBaseText


def read_checkpoint(source_type: str, text: str) -> SyncCheckpoint:
    """Read a checkpoint of a source's type (OMS's names); ``api.wrong_parameter`` where it is none."""
    kind = source_type.strip().upper()
    if kind == "GEABASE":
        return GeaBaseText(text)
    numbers = text.split(",") if kind == "SYBASE" else [text]
    if len(numbers) != (2 if kind == "SYBASE" else 1) or not all(part.isascii() and part.isdigit() for part in numbers):
        raise UsageError("api.wrong_parameter", f"parameter incrSyncCheckpoint: this is none of a {kind} source")
    return SybasePlace(int(numbers[0]), int(numbers[1])) if kind == "SYBASE" else UnixSeconds(int(numbers[0]))

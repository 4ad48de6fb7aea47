"""Durable progress of the apply task: position, the schema that decodes what follows it (I9), and the window under way."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.model.position import Position
from ferryman.model.schema import Schema

VERSION = 1
"""Of the stored form; raise it together with a golden file and a migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A window about to be applied: after a crash the *same* window is applied again.

    A transaction larger than memory is applied in parts; each part is written down here as a window of its own, which
    begins at `applied` instead of the checkpoint's position.

    Attributes:
        end: The place behind the window's last transaction; with a transaction in parts, behind the part under way.
        ddl: A schema statement that is the whole window, else `None`.
        consistent: Whether the load's end had been passed when the window was cut.
        applied: Inside a transaction in parts: everything up to here is applied already, keyless tables included.
            Equal to `end` when no part is under way.
        steps: How many of the schema statement's steps (`spi.dialect.DdlStep`) are done; the next one may be.
    """

    end: Position
    ddl: str | None = None
    consistent: bool = False
    applied: Position | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Stored in the target, in the same transaction as the rows it covers (I2, I3).

    Attributes:
        position: Everything before it is applied; nothing behind it, but for parts of `intent`.
        schema: The source's schema at `position`.
        intent: The window under way, or `None`.
        skipped: Schema statements an operator chose to skip or mark as done: positions as text.
    """

    position: Position
    schema: Schema
    intent: Intent | None = None
    skipped: tuple[str, ...] = ()

"""How a run is shown while it goes on: live in a terminal, as plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from ferryman.cli.plain import PlainScreen
from ferryman.control.views import ProjectView


class Screen(Protocol):
    """Shows a project again and again."""

    @property
    def most_tables(self) -> int:
        """How many tables of a step it has room for."""
        ...

    def show(self, project: ProjectView) -> None:
        """Show how it stands."""
        ...

    def say(self, text: str) -> None:
        """Say something that stays."""
        ...


@contextmanager
def opened_screen(*, plain: bool, out: TextIO) -> Iterator[Screen]:
    """Return the screen that fits: live only in a terminal."""
    if plain or not out.isatty():
        yield PlainScreen(out)
        return
    from ferryman.cli.live import live_screen

    with live_screen() as screen:
        yield screen


def standard_output() -> TextIO:
    """Return where people read."""
    return sys.stdout

"""The capture step: spools the source's log into a log store, from second zero until it is told to stop."""

from __future__ import annotations

from ferryman.pipeline.capture.sharing import Sharing
from ferryman.spi.task import TaskContext

__all__ = ["run"]


def run(context: TaskContext) -> None:
    """Capture until a stop is requested.

    Raises:
        FerrymanError: ``position.purged`` (the source no longer has what follows), ``disk.full`` (for longer than
            `pull.FULL_SECONDS`), ``source.privilege`` …; a lost connection is not an error: it is made again for ever.
    """
    Sharing(context).run()

"""Upkeep of the log store beside capture: closed segments are compressed, and deleted once nobody needs them."""

from __future__ import annotations

import threading
from pathlib import Path

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.position import Position
from ferryman.model.serial import from_json
from ferryman.pipeline.logstore import LogWriter
from ferryman.pipeline.logstore.retention import compress_closed, delete_passed
from ferryman.spi.task import TaskContext, apply_options

PERIOD_SECONDS = 10.0


class Upkeep:
    """A thread that looks after the closed segments of a store while its writer is open."""

    def __init__(self, context: TaskContext, writer: LogWriter) -> None:
        """Make the thread; `start` starts it."""
        self._context = context
        self._writer = writer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logstore-upkeep", daemon=True)

    def __enter__(self) -> Upkeep:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            try:
                tend(self._context, self._writer)
            except LeaseLostError:
                return  # the writer finds out by itself, and stops the task
            except (FerrymanError, OSError) as error:
                # Nothing depends on upkeep but disk space: say so, and try again.
                self._context.event("warning", f"the log store could not be tidied up: {error}")


def tend(context: TaskContext, writer: LogWriter) -> None:
    """Compress and delete what can be."""
    directory: Path = writer.directory
    active = writer.sequence
    compress_closed(directory, active, writer.check)
    document = context.note("apply.position")
    needed = from_json(Position, document).earliest if document is not None else None
    delete_passed(directory, active, needed, apply_options(context).log_kept_hours * 3600.0, writer.check)

"""Upkeep of the log store beside capture: closed segments are compressed, and deleted once nobody needs them."""

from __future__ import annotations

import threading
from pathlib import Path

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.position import Position
from ferryman.model.serial import from_json
from ferryman.pipeline.logstore import LogWriter
from ferryman.pipeline.logstore.retention import Kept, compress_closed, delete_passed, store_bytes
from ferryman.pipeline.logstore.writer import SEGMENT_BYTES
from ferryman.spi.task import TaskContext, apply_options

PERIOD_SECONDS = 10.0


class Upkeep:
    """A thread that looks after the closed segments of a store while its writer is open."""

    def __init__(self, context: TaskContext, writer: LogWriter) -> None:
        """Make the thread; `start` starts it."""
        self._context = context
        self._writer = writer
        self._is_full = False
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
                self.look_after()
            except LeaseLostError:
                return  # the writer finds out by itself, and stops the task
            except (FerrymanError, OSError) as error:
                # Nothing depends on upkeep but disk space: say so, and try again.
                self._context.event("warning", f"the log store could not be tidied up: {error}")

    def look_after(self) -> None:
        """Do what is due."""
        self._tell_size(tend(self._context, self._writer))

    def _tell_size(self, excess: int) -> None:
        """Say, once each time, that what apply still needs is more than the store is meant to hold."""
        if excess > 0 and not self._is_full:
            self._context.event(
                "warning",
                f"the log store is {excess:,} bytes over log_kept_bytes: apply needs all of it, so nothing is deleted",
            )
        self._is_full = excess > 0


def tend(context: TaskContext, writer: LogWriter) -> int:
    """Compress and delete what can be; returns by how many bytes the store is larger than it is meant to be."""
    directory: Path = writer.directory
    active = writer.sequence
    compress_closed(directory, active, writer.check)
    document = context.note("apply.position")
    needed = from_json(Position, document).earliest if document is not None else None
    options = apply_options(context)
    kept = Kept(options.log_kept_hours * 3600.0, options.log_kept_bytes)
    delete_passed(directory, active, needed, kept, writer.check)
    return store_bytes(directory) - kept.bytes - SEGMENT_BYTES  # the one being written is no excess

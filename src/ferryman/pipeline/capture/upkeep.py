"""Upkeep of the log store beside capture: closed segments are compressed, and deleted once nobody needs them."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.pipeline.logstore import LogWriter, renew_claim
from ferryman.pipeline.logstore.claims import first_needed, held_still, kept_for, read_claims
from ferryman.pipeline.logstore.joining import claim_of
from ferryman.pipeline.logstore.retention import compress_closed, delete_passed, store_bytes
from ferryman.pipeline.logstore.writer import SEGMENT_BYTES
from ferryman.spi.task import TaskContext

PERIOD_SECONDS = 10.0


class Upkeep:
    """A thread that looks after the closed segments of a store while its writer is open."""

    def __init__(self, context: TaskContext, writer: LogWriter) -> None:
        """Make the thread; `start` starts it."""
        self._context = context
        self._writer = writer
        self._is_full = False
        self.bytes = store_bytes(writer.directory)
        """What the store takes on disk, as of the last look."""
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
        renew(self._context, self._writer.directory)
        limit = tend(self._writer)
        self.bytes = store_bytes(self._writer.directory)
        self._tell_size(self.bytes - limit - SEGMENT_BYTES)  # the segment being written is no excess

    def _tell_size(self, excess: int) -> None:
        """Say, once each time, that what is still needed is more than the store is meant to hold, and by whom."""
        if excess > 0 and not self._is_full:
            claims = read_claims(self._writer.directory)
            project, place = min(
                ((name, claim.needed) for name, claim in claims.items() if claim and claim.needed),
                key=lambda each: each[1],
                default=("?", None),
            )
            self._context.event(
                "warning",
                f"the log store {self._writer.directory.name} is {excess:,} bytes over log_kept_bytes: {project} needs it"
                f" from {place} on, so nothing more is deleted",
            )
        self._is_full = excess > 0


def renew(context: TaskContext, directory: Path, *, ended: bool = False) -> None:
    """Say anew what the project needs of a store; `ended`: nothing more."""
    claim = claim_of(context)
    renew_claim(directory, context.project_id, replace(claim, needed=None) if ended else claim)


def tend(writer: LogWriter) -> int:
    """Compress and delete what can be; returns how many bytes the store is meant to hold at most."""
    directory, active = writer.directory, writer.sequence
    compress_closed(directory, active, writer.check)
    with held_still(directory):
        kept = kept_for(directory)
        delete_passed(directory, active, first_needed(directory), kept, writer.check)
    return kept.bytes

"""The sink: ``DIR/<topic>/full-<lane>-<n>.jsonl`` from the load, then ``DIR/<topic>/incremental-<n>.jsonl``.

Exactly once: the journal says how many bytes of each file count; a writer that begins cuts the rest off. A reader that
stays behind the journal (or reads a project at rest) sees each message once.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ferryman.connectors.file.journal import read_state
from ferryman.connectors.file.layout import OURS, folder_of, journals_of
from ferryman.connectors.file.writer import FileWriter
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import GatheringWriter, SinkWriter, TopicPlan


class FileSink:
    """A directory."""

    exactly_once = True
    keeps_marks = True

    def __init__(self, endpoint: Endpoint, options: PublishOptions) -> None:
        path = endpoint.options.get("path", "")
        if not path.startswith("/"):
            raise UsageError("usage.bad_url", "a file endpoint needs an absolute path: file:///some/directory")
        self._directory = Path(path)
        self._options = options

    def check(self) -> None:
        """Make the directory if need be; ``endpoint.unreachable`` when that cannot be."""
        with _converted(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)

    def prepare(self) -> None:
        """Make the place for the journals."""
        with _converted(self._directory):
            (self._directory / OURS).mkdir(parents=True, exist_ok=True)

    def topics(self, names: Iterable[str]) -> dict[str, int]:
        """Return the topics that have a folder; each is one partition."""
        return {name: 1 for name in names if folder_of(self._directory, name).is_dir()}

    def make_topic(self, plan: TopicPlan) -> None:
        """Make a folder."""
        with _converted(self._directory):
            folder_of(self._directory, plan.name).mkdir(parents=True, exist_ok=True)

    def writer(self, task: str, epoch: int, lane: int) -> SinkWriter:
        """Open a writer with a journal of its own."""
        project, _, kind = task.partition("/")
        with _converted(self._directory):
            journals = self._journals(project)
            journals.mkdir(parents=True, exist_ok=True)
            return self._writer(journals / f"{kind}-{lane:02d}.journal", epoch)

    def _writer(self, journal: Path, epoch: int) -> FileWriter:
        kind, _, lane = journal.stem.partition("-")
        prefix = f"full-{lane}" if kind == "load" else "incremental"
        if self._options.format != "PARQUET":
            return FileWriter(self._directory, journal, prefix, epoch)
        from ferryman.connectors.file.lake import LakeWriter  # Arrow takes its time to import

        return LakeWriter(self._directory, journal, prefix, epoch, times_as_text=self._options.times_as_text)

    def latest(self, topics: Iterable[str]) -> dict[tuple[str, int], str]:
        """Return nothing: no message comes twice."""
        del topics
        return {}

    def marks(self, project: str) -> dict[str, Any]:
        """Return the marks of all writers."""
        found: dict[str, Any] = {}
        with _converted(self._directory):
            for path in sorted(self._journals(project).glob("*.journal")):
                found |= read_state(path).marks
        return found

    def forget(self, project: str) -> None:
        """Remove the journals; the messages stay, and no other project will write behind them."""
        with _converted(self._directory):
            for path in self._journals(project).glob("*.journal"):
                self._show(path)
            shutil.rmtree(self._journals(project), ignore_errors=True)

    def _show(self, journal: Path) -> None:
        """Let readers see what is committed, where a killed task has left it in a stage."""
        writer = self._writer(journal, read_state(journal).epoch)
        with contextlib.closing(writer):
            if isinstance(writer, GatheringWriter):
                writer.show(everything=True)

    def close(self) -> None:
        """Nothing is held."""

    def _journals(self, project: str) -> Path:
        return journals_of(self._directory, project)


@contextlib.contextmanager
def _converted(directory: Path) -> Any:
    try:
        yield
    except FerrymanError:
        raise
    except (OSError, json.JSONDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a journal cannot be read"
        raise FerrymanError("endpoint.unreachable", f"the directory {directory} cannot be used: {reason}") from error

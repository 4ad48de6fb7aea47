"""The marks of a task: kept by the sink where it can, else in a note of the project, written behind the messages."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from ferryman.spi.sink import Sink, SinkWriter
from ferryman.spi.task import TaskContext


class Marks:
    """All marks of one project, as one task sees them; thread-safe.

    Read once, after the task has taken its lanes over: from then on nobody else writes those of this task.
    """

    def __init__(self, context: TaskContext, sink: Sink) -> None:
        self._context = context
        self._sink = sink
        self._note = f"publish.marks/{context.step.value}"
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None

    def all(self) -> dict[str, Any]:
        """Return the marks."""
        with self._lock:
            return dict(self._read())

    def _read(self) -> dict[str, Any]:
        if self._known is None:
            kept = self._sink.marks(self._context.project_id) if self._sink.keeps_marks else None
            self._known = kept if kept is not None else dict(self._context.note(self._note) or {})
        return self._known

    def commit(self, writer: SinkWriter, marks: Mapping[str, Any]) -> None:
        """Make a writer's messages durable, and the marks behind them (I1)."""
        writer.commit(marks if self._sink.keeps_marks else {})
        with self._lock:
            known = self._read()
            known.update(marks)
            if not self._sink.keeps_marks and marks:
                self._context.set_note(self._note, known)

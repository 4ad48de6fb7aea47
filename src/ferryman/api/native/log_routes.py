"""The route of a step's log."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from ferryman.api.native.routes import project_id_of
from ferryman.control.service import Service
from ferryman.executor.context import log_path
from ferryman.foundation.errors import UsageError
from ferryman.foundation.log_reading import LogEntry, entries_after, last_entries
from ferryman.metadb.tasks import TaskKey

Step = Literal["precheck", "schema", "capture", "load", "index", "apply", "verify", "release"]


class LogEntryDocument(BaseModel):
    """One entry; `at` is in UTC, empty (as level and logger) for lines of no known form."""

    at: str
    level: str
    logger: str
    message: str


class LogDocument(BaseModel):
    """Entries of a log, oldest first; `next` sent as `after` shows what comes behind them."""

    entries: list[LogEntryDocument]
    next: str


def log_router(service: Service) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/projects/{project_id}/logs", tags=["details"])
    def show_log(
        project_id: str,
        step: Step,
        after: Annotated[str, Query(max_length=64)] = "",
        last: Annotated[int, Query(ge=1, le=2000)] = 200,
    ) -> LogDocument:
        """Show the last entries of a step's log, or those behind a cursor; names and numbers, never row values."""
        project = service.project(project_id_of(service, project_id), tables=False)
        path = log_path(service.data_dir, TaskKey(project.id, step))
        try:
            found, cursor = entries_after(path, after) if after else last_entries(path, last)
        except OSError as error:
            raise UsageError("log.unreadable", f"the log of {step} cannot be read: {error.strerror}") from error
        return LogDocument(entries=[_document(entry) for entry in found], next=cursor)

    return router


def _document(entry: LogEntry) -> LogEntryDocument:
    return LogEntryDocument(at=entry.at, level=entry.level, logger=entry.logger, message=entry.message)

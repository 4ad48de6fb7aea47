"""Routes about following the source: how far behind a project is and why, and which changes were set aside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from ferryman.api.native.routes import project_id_of
from ferryman.control.service import Service
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.serial import to_json


class LatencyDocument(BaseModel):
    """Latencies of the changes of the last `seconds`."""

    model_config = ConfigDict(extra="forbid")

    changes: int
    p50: float
    p99: float
    seconds: float


class LagDocument(BaseModel):
    """How far a project is behind, and what holds it up."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(description="The bottleneck in a word: source, statement, transaction, target …; or caught-up.")
    message: str
    latency_seconds: float | None
    latency: LatencyDocument | None
    capture_seconds: float | None = Field(description="The log store behind the source.")
    apply_seconds: float | None = Field(description="The target behind the log store.")
    source_bytes_waiting: int | None = Field(description="Log at the source that has not been read.")
    log_bytes_waiting: int | None = Field(description="Log in the store that has not been applied.")
    evidence: dict[str, Any]


class DeadLetterDocument(BaseModel):
    """A change that the target refused."""

    model_config = ConfigDict(extra="forbid")

    number: int
    state: str = Field(description="open, superseded (by a later change of the row), applied, skipped.")
    position: str
    source: str
    target: str
    operation: str
    reason: str
    message: str
    key: list[str] = Field(description="Names of the key columns; the values stand in the target only.")


class LetterDecision(BaseModel):
    """What to do with a dead letter."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["retry", "skip"]


def following_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/projects/{project_id}/lag", tags=["details"])
    def explain_lag(project_id: str) -> LagDocument:
        """Say how far a project is behind its source, and name the bottleneck with its evidence."""
        return LagDocument(**to_json(service.lag(project_id_of(service, project_id))))

    @router.get("/projects/{project_id}/dead-letters", tags=["details"])
    def list_dead_letters(
        project_id: str,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        all: bool = False,  # noqa: A002 - the name of the parameter
    ) -> list[DeadLetterDocument]:
        """Show changes the target refused and that were set aside, in log order; their values stand in the target only."""
        found = service.dead_letters(project_id_of(service, project_id), after=after, limit=limit, open_only=not all)
        return [_letter(letter) for letter in found]

    @router.post("/projects/{project_id}/dead-letters/{number}", tags=["life cycle"], status_code=204)
    def decide_dead_letter(
        project_id: str, number: Annotated[int, PathParameter(ge=1, le=2**62)], asked: LetterDecision
    ) -> None:
        """Have a dead letter tried again, or given up; apply does so within a second or two while it runs."""
        service.decide_letter(project_id_of(service, project_id), number, asked.action)

    return router


def _letter(letter: DeadLetter) -> DeadLetterDocument:
    return DeadLetterDocument(
        number=letter.number,
        state=letter.state.value,
        position=letter.position,
        source=str(letter.source),
        target=str(letter.target),
        operation=letter.operation.value,
        reason=letter.reason,
        message=letter.message,
        key=list(letter.key_columns),
    )

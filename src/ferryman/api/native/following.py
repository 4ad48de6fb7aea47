"""Routes about following the source: how far behind a project is and why."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ferryman.api.native.routes import project_id_of
from ferryman.control.service import Service
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


def following_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/projects/{project_id}/lag", tags=["details"])
    def explain_lag(project_id: str) -> LagDocument:
        """Say how far a project is behind its source, and name the bottleneck with its evidence."""
        return LagDocument(**to_json(service.lag(project_id_of(service, project_id))))

    return router

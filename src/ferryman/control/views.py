"""What the control plane shows: records for the API, the command line and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ferryman.metadb.alerts import AlertSummary
from ferryman.model.object_change import ObjectChange
from ferryman.model.project import (
    Endpoint,
    ProjectSpec,
    ProjectStatus,
    StepName,
    StepProgress,
    StepStatus,
    TableProgress,
)
from ferryman.model.switchover import Switchover


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """A configured endpoint (OMS: data source), id ``e_…``."""

    id: str
    name: str
    endpoint: Endpoint
    description: str = ""
    region: str = ""
    created_at: datetime
    changed_at: datetime
    api_document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """What stopped a step or a project; `context`: names and numbers (where apply stopped, what may be chosen)."""

    code: str
    message: str
    hint: str = ""
    retry: str = "manual"
    failed_at: datetime
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step as it stands; `order` counts all steps of the project type from 1, enabled or not.

    `more_tables`: how many there are besides `tables`, where only some were asked for.
    """

    order: int
    name: StepName
    status: StepStatus
    progress: StepProgress
    tables: tuple[TableProgress, ...] = ()
    more_tables: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float = 0.0
    error: ErrorView | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    """A project as it stands, id ``np_…``; `revision` is raised by each change of status or settings."""

    id: str
    spec: ProjectSpec
    status: ProjectStatus
    steps: tuple[StepView, ...]
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: ErrorView | None = None
    alarm_count: int = 0
    revision: int = 1
    owner: str = ""
    alerts: AlertSummary = AlertSummary()
    notes: dict[str, Any] = field(default_factory=dict)
    change: ObjectChange | None = None
    """The change of its objects under way."""
    parent_id: str = ""
    """Of a sub-project: whose objects it brings up, or moves back."""
    switchover: Switchover | None = None
    """Under way or done."""

    def step(self, name: StepName) -> StepView | None:
        """Return a step, or `None` when the project does not have it."""
        return next((step for step in self.steps if step.name is name), None)

    @property
    def current_step(self) -> StepView | None:
        """The step a person would name: the failed one, else the first unfinished one in order, else the last."""
        failed = next((s for s in self.steps if s.status is StepStatus.FAILED), None)
        open_ = next((s for s in self.steps if s.status not in {StepStatus.FINISHED, StepStatus.MONITORING}), None)
        return failed or open_ or (self.steps[-1] if self.steps else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a listing: `total` entries match in all."""

    items: tuple[Any, ...]
    total: int
    number: int
    size: int

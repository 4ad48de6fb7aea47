"""The one door to the control plane: what the API and the command line may ask for.

Decides, never moves a row. State lives in the metadb; tasks run in child processes through an executor. One service
per data directory (a lock file says so). Every method is thread-safe; names, times and identifiers as in `views`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ferryman.control.views import EndpointView, Page, ProjectView
from ferryman.model.mismatch import Mismatch
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, ProjectType


class Service:
    """Projects and endpoints of one data directory."""

    def __init__(self, data_dir: Path, *, executor: str = "local") -> None:
        """Open the metadb (made and upgraded as needed); ``service.data_dir_in_use`` when another service has it."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to reconcile in a thread of its own: running projects go on from their checkpoints (I8)."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop reconciling and end the tasks; projects stay RUNNING and go on at the next start."""
        raise NotImplementedError

    # Endpoints ----------------------------------------------------------------------------------------------------

    def create_endpoint(
        self,
        name: str,
        endpoint: Endpoint,
        *,
        description: str = "",
        region: str = "",
        api_document: dict[str, Any] | None = None,
        check: bool = True,
    ) -> EndpointView:
        """Keep an endpoint; `check` connects first. ``endpoint.name_taken``, and so on."""
        raise NotImplementedError

    def endpoint(self, endpoint_id: str) -> EndpointView:
        """Return one endpoint; ``endpoint.unknown``."""
        raise NotImplementedError

    def endpoints(
        self,
        *,
        search: str = "",
        schemes: Sequence[str] = (),
        sort: str = "created",
        descending: bool = True,
        page: int = 1,
        size: int = 10,
    ) -> Page:
        """List endpoints (`EndpointView`)."""
        raise NotImplementedError

    # Projects -----------------------------------------------------------------------------------------------------

    def create_project(self, spec: ProjectSpec) -> ProjectView:
        """Keep a project in INIT; ``project.name_taken``, ``project.invalid``."""
        raise NotImplementedError

    def find_project(self, name: str) -> ProjectView | None:
        """Return the (not deleted) project of that name."""
        raise NotImplementedError

    def project(self, project_id: str) -> ProjectView:
        """Return one project; ``project.unknown``."""
        raise NotImplementedError

    def projects(
        self,
        *,
        search: str = "",
        type_: ProjectType | None = None,
        statuses: Sequence[ProjectStatus] = (),
        labels: Sequence[str] = (),
        source_schemes: Sequence[str] = (),
        target_schemes: Sequence[str] = (),
        sort: str = "created",
        descending: bool = True,
        page: int = 1,
        size: int = 10,
    ) -> Page:
        """List projects (`ProjectView`), deleted ones left out unless asked for by status."""
        raise NotImplementedError

    def start_project(self, project_id: str) -> None:
        """INIT → RUNNING; ``project.wrong_status`` names the status and what is allowed in it."""
        raise NotImplementedError

    def stop_project(self, project_id: str) -> None:
        """RUNNING → SUSPEND; tasks end at once, progress is kept."""
        raise NotImplementedError

    def resume_project(self, project_id: str) -> None:
        """SUSPEND or FAILED → RUNNING, from where it stood."""
        raise NotImplementedError

    def release_project(self, project_id: str) -> None:
        """SUSPEND, FAILED or FINISHED → RELEASING → RELEASED: frees the log store and the marks in the target."""
        raise NotImplementedError

    def delete_project(self, project_id: str) -> None:
        """INIT or RELEASED → DELETED."""
        raise NotImplementedError

    def update_project(self, project_id: str, spec: ProjectSpec) -> ProjectView:
        """Replace the spec of a project that is not running (``ferryman run`` again with other steps or options)."""
        raise NotImplementedError

    def choose(self, project_id: str, choice: str, *, sql: str = "") -> None:
        """Decide about a schema statement at which apply has stopped: ``skip``, ``apply`` (with `sql`) or ``done``."""
        raise NotImplementedError

    def mismatches(self, project_id: str, table: str | None = None, *, page: int = 1, size: int = 10) -> Page:
        """List settled differences (`Mismatch`)."""
        raise NotImplementedError

    def events(self, project_id: str, *, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        """Return events of a project, oldest first: id, at, level, step, message, fields."""
        raise NotImplementedError

    def wait(self, project_id: str, timeout_seconds: float | None = None) -> ProjectView:
        """Return when the project is no longer RUNNING (or after the timeout)."""
        raise NotImplementedError


__all__ = ["Mismatch", "Service"]

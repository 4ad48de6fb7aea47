"""The switchover of a project: ``/api/v1/projects/{id}/switchover``."""

from __future__ import annotations

from fastapi import APIRouter

from ferryman.api.native.naming import project_id_of
from ferryman.api.native.switchover_documents import (
    Action,
    NewSwitchover,
    SwitchoverDecision,
    SwitchoverDocument,
    switchover_document,
)
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.model.switchover import Proof


def add_switchover_routes(router: APIRouter, service: Service) -> None:
    """Add the routes."""

    @router.get("/projects/{project_id}/switchover", tags=["switchover"])
    def show_switchover(project_id: str) -> SwitchoverDocument:
        """Show the switchover of a project, under way or done."""
        found = service.switchovers.of_project(project_id_of(service, project_id))
        if found is None:
            raise UsageError("switchover.wrong_stage", f"project {project_id} is not being switched over")
        return switchover_document(found)

    @router.post("/projects/{project_id}/switchover", tags=["switchover"], status_code=201)
    def begin_switchover(project_id: str, asked: NewSwitchover) -> SwitchoverDocument:
        """Let the application go over from the source to the target: precheck, drain, prove, reverse."""
        made = service.switchovers.start(
            project_id_of(service, project_id),
            source_stopped=asked.source_stopped,
            proof=Proof(asked.proof),
            skip=asked.skip,
        )
        return switchover_document(made)

    @router.post("/projects/{project_id}/switchover/{action}", tags=["switchover"])
    def decide_switchover(
        project_id: str, action: Action, asked: SwitchoverDecision | None = None
    ) -> SwitchoverDocument:
        """Confirm that nobody writes to the source, try again what failed, accept differences, or cancel."""
        found, told = project_id_of(service, project_id), service.switchovers
        if action == "retry":
            return switchover_document(told.retry(found, asked.skip if asked else ()))
        decide = {"confirm": told.confirm, "accept": told.accept, "cancel": told.cancel}
        return switchover_document(decide[action](found))

"""One action on many projects: each succeeds or fails by itself, and the answer says which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError, UsageError

ACTIONS: dict[str, Callable[[Service, str], None]] = {
    "start": lambda service, project: service.start_project(project),
    "stop": lambda service, project: service.stop_project(project),
    "resume": lambda service, project: service.resume_project(project),
    "release": lambda service, project: service.release_project(project),
    "delete": lambda service, project: service.delete_project(project),
}
"""What can be done to many."""

MOST_PROJECTS = 1000
PAGE = 100


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one project; without an error it has been done."""

    project_id: str
    error: FerrymanError | None = None


def act_on(service: Service, action: str, project_ids: Sequence[str]) -> list[Item]:
    """Do one thing to each project, in order; one that cannot take it keeps no other from it.

    Raises:
        UsageError: ``api.wrong_parameter`` for more than `MOST_PROJECTS`, before anything is done.
    """
    wanted = list(dict.fromkeys(project_ids))
    if len(wanted) > MOST_PROJECTS:
        raise UsageError("api.wrong_parameter", f"{len(wanted)} projects in one call; at most {MOST_PROJECTS}")
    return [_act(service, action, project_id) for project_id in wanted]


def ids_with_label(service: Service, label: str) -> list[str]:
    """Return the projects that have a label, oldest first; all of them before the first is acted on."""
    ids: list[str] = []
    number = 1
    while True:
        page = service.projects(labels=[label], sort="created", descending=False, page=number, size=PAGE)
        ids += [project.id for project in page.items]
        if not page.items or len(ids) >= page.total:
            return ids
        number += 1


def _act(service: Service, action: str, project_id: str) -> Item:
    try:
        ACTIONS[action](service, project_id)
    except FerrymanError as error:
        return Item(project_id, error)
    return Item(project_id)

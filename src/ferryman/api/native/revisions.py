"""ETags of projects: so that of two people who change one project at once, the second is told.

The tag names the project's status and settings, not its progress, which changes every second.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from ferryman.control.views import ProjectView
from ferryman.foundation.errors import UsageError

IfMatch = Annotated[str | None, Header(description="The ETag of the project as it was looked at; another one: 412.")]


def tag_of(project: ProjectView) -> str:
    """Return the ETag of a project."""
    return f'"{project.id}.{project.revision}"'


def expected_revision(if_match: str | None, project_id: str) -> int | None:
    """Read ``If-Match``: the revision the caller has seen, `None` when any will do.

    Raises:
        UsageError: ``project.changed_meanwhile`` for a tag that was never this project's.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    name, _, number = if_match.strip().strip('"').rpartition(".")
    if name != project_id or not (number.isascii() and number.isdecimal() and len(number) < 16):
        raise UsageError("project.changed_meanwhile", f"If-Match is no ETag of project {project_id or '(none)'}")
    return int(number)

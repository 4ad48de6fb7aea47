"""Projects are named by id, or by name."""

from __future__ import annotations

from ferryman.control.service import Service


def project_id_of(service: Service, wanted: str) -> str:
    """Take a project's name for its id."""
    if wanted.startswith(("np_", "p_")):
        return wanted
    found = service.find_project(wanted)
    return found.id if found else wanted

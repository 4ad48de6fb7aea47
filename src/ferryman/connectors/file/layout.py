"""Where things are in the directory."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

OURS = "_ferryman"


def folder_of(directory: Path, topic: str) -> Path:
    """Return a topic's folder; signs that a file name cannot have are percent-encoded."""
    name = topic.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")
    return directory / (name.replace(".", "%2E") if not name.strip(".") or name == OURS else name)


def journals_of(directory: Path, project: str) -> Path:
    """Return the folder of a project's journals."""
    return directory / OURS / quote(project, safe="")

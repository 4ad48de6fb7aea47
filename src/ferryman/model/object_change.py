"""Objects that join or leave a project while it lives."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class ObjectChangeKind(enum.Enum):
    """What happens to the objects (OMS names)."""

    ADD = "INCREASE_OBJECT"
    REMOVE = "DECREASE_OBJECT"


class ObjectChangeStatus(enum.Enum):
    """Where a change of objects stands (OMS names)."""

    PENDING = "PENDING"
    """Waits until the project has caught up, or runs again."""
    RUNNING = "RUNNING"
    """A sub-project makes and loads the new tables, and follows their changes."""
    MERGING = "MERGING"
    """Both follow: the tables are being handed over."""
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    """The sub-project has failed; the project itself goes on without the new tables."""
    TERMINATED = "TERMINATED"
    """Given up by the user."""
    CANCEL = "CANCEL"
    """Taken back before it began."""


ACTIVE = frozenset({ObjectChangeStatus.PENDING, ObjectChangeStatus.RUNNING, ObjectChangeStatus.MERGING})
"""What control sees to."""

OPEN = ACTIVE | {ObjectChangeStatus.FAILED}
"""While one of a project is in these, no other change of its objects can begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """One change of a project's objects.

    Attributes:
        objects: Patterns that are added or removed.
        rename: New names of what is added, as in a `Selection`.
        sub_project_id: Who brings added tables up; empty before that and for a removal.
        error: Why it failed: code, message, hint.
        created_at: Unix seconds, as `changed_at`.
    """

    id: str
    project_id: str
    kind: ObjectChangeKind
    status: ObjectChangeStatus
    objects: tuple[str, ...]
    rename: dict[str, str] = field(default_factory=dict)
    sub_project_id: str = ""
    error: dict[str, Any] | None = None
    created_at: float = 0.0
    changed_at: float = 0.0

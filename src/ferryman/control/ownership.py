"""Whose project a project is: its owner and admins act on it, everybody else looks on.

Who calls is known for the length of a call (`ACTING`); nobody is known where the service itself or ``ferryman run`` acts.
"""

from __future__ import annotations

from contextvars import ContextVar

from ferryman.control.roles import Principal, Role
from ferryman.control.trail import changed
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError, UsageError, cited
from ferryman.metadb import accounts, events, object_changes, projects, switchovers
from ferryman.metadb.database import Transaction

ACTING: ContextVar[Principal | None] = ContextVar("acting", default=None)


def maker() -> str:
    """Return whose a project is that is made now; nobody's (so everybody's) when the service makes it."""
    acting = ACTING.get()
    return acting.account if acting else ""


def require_owner(tx: Transaction, project_id: str) -> None:
    """Refuse who is neither its owner nor an admin; a project without an owner is every operator's. ``project.not_owner``."""
    acting = ACTING.get()
    if acting is None or acting.role is Role.ADMIN:
        return
    parent = object_changes.parent_of(tx, project_id) or switchovers.parent_of(tx, project_id)
    owner = projects.owner(tx, parent or project_id)
    if owner and owner != acting.account:
        raise FerrymanError(
            "project.not_owner", f"project {project_id} belongs to {owner}: {acting.account} may look on"
        )


def give(tx: Transaction, project_id: str, account: str) -> None:
    """Give a project to an account, or (empty) to everybody; ``account.unknown``, ``account.invalid``."""
    require_owner(tx, project_id)
    if account:
        row = accounts.get(tx, account)
        if row is None:
            raise UsageError("account.unknown", f"there is no account {cited(account)}")
        if not Role(row.role).covers(Role.OPERATOR):
            raise UsageError(
                "account.invalid", f"{account} is {row.role}: the owner of a project is an operator or admin"
            )
    before = projects.owner(tx, project_id)
    if not projects.set_owner(tx, project_id, account):
        raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
    events.add(tx, project_id, unix_now(), "info", f"project belongs to {account or 'everybody'} now")
    changed(f"project {project_id}", {"owner": before}, {"owner": account})

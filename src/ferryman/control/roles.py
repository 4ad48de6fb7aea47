"""Who calls, and what the role allows."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.Enum):
    """What an account may do; each role may do what the one before may."""

    VIEWER = "viewer"
    """Look at everything but accounts and the audit log."""
    OPERATOR = "operator"
    """Make and change endpoints, projects and labels."""
    ADMIN = "admin"
    """Accounts, keys, alerts, the audit log."""

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what needs the other."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: place for place, role in enumerate(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a call comes from.

    Attributes:
        ticket: Digest of the session's token when the console calls; such calls need the CSRF token to change things.
    """

    account: str
    role: Role
    ticket: str = ""

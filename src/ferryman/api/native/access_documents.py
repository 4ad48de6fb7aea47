"""What the routes of access take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from ferryman.api.native.documents import Model
from ferryman.control.roles import Role


class Login(Model):
    """A login of the console."""

    user: str = Field(max_length=256)
    password: str = Field(max_length=1024)


class SessionDocument(Model):
    """Who is logged in; `csrf` and `expires_at` only for a session of the console."""

    user: str
    role: Role
    csrf: str | None = Field(description="Every change within the session sends this as X-CSRF-Token.")
    expires_at: datetime | None


class NewAccount(Model):
    """An account to make."""

    name: str
    password: str
    role: Role = Role.VIEWER


class AccountChange(Model):
    """What to change of an account; members left out stay as they are."""

    password: str | None = None
    role: Role | None = None
    disabled: bool | None = None


class AccountDocument(Model):
    """An account; never its password."""

    name: str
    role: Role
    disabled: bool
    created_at: datetime
    changed_at: datetime


class PasswordChange(Model):
    """One's own password."""

    old: str
    new: str


class NewKey(Model):
    """An API key to make, for the caller's own account."""

    name: str
    role: Role = Role.VIEWER
    days: float | None = Field(default=None, gt=0, le=3650, description="How long it holds; else until removed.")


class KeyDocument(Model):
    """An API key, without its text."""

    id: str
    name: str
    account: str
    role: Role
    created_at: datetime
    expires_at: datetime | None


class MadeKeyDocument(KeyDocument):
    """An API key as it was made."""

    key: str = Field(description="The key's text: answered this once, and kept nowhere.")


class AuditChange(Model):
    """What changed: of which thing (``project np_1``), what of it, from what to what; long values by their length."""

    of: str
    what: str
    before: Any
    after: Any


class AuditDocument(Model):
    """A change: who made it, from where, what was asked for without secrets, how it ended."""

    id: int
    at: datetime
    account: str
    address: str
    action: str
    outcome: str
    detail: dict[str, Any] = Field(description="What was asked for, secrets masked.")
    changes: list[AuditChange] = Field(description="What it changed; empty where nothing did, or something was made.")

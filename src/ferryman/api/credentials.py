"""The first account of a service: ``admin``, with the password of the environment, else a random one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from ferryman.control.access import Access
from ferryman.control.roles import Role
from ferryman.foundation.files import write_private
from ferryman.metadb.store import MetaDb

USER = "admin"
PASSWORD_VARIABLE = "FERRYMAN_ADMIN_PASSWORD"
PASSWORD_FILE = "admin-password"


@dataclass(frozen=True, slots=True)
class OpenedAccess:
    """Who may call; `new_password` is set when this start has made a random one.

    Attributes:
        chosen: Whether a person has chosen the admin's password: it is not the random one any more.
    """

    access: Access
    chosen: bool
    new_password: str | None = None


def open_access(metadb: MetaDb, given: str | None = None) -> OpenedAccess:
    """Open the accounts of a service; at its first start ``admin`` is made.

    Args:
        metadb: The service's state.
        given: A password that takes the place of the stored one, from ``FERRYMAN_ADMIN_PASSWORD``.
    """
    access, place = Access(metadb), metadb.data_dir / PASSWORD_FILE
    exists = any(row.name == USER for row in access.accounts())
    if given:
        _take(access, given, exists=exists)
        place.unlink(missing_ok=True)  # the random one of an earlier start no longer opens
        return OpenedAccess(access, chosen=True)
    if exists:
        return OpenedAccess(access, chosen=not _is_random(access, place))
    if access.accounts():
        return OpenedAccess(access, chosen=True)  # admin was removed on purpose: others rule here
    return _made(access, place)


def _take(access: Access, given: str, *, exists: bool) -> None:
    # Whoever sets the environment of the service may choose a short one: it is theirs.
    if not exists:
        access.create_account(USER, given, Role.ADMIN, check=False)
    elif not access.known_password(USER, given):  # the same as before: sessions stay
        access.change_account(USER, password=given, role=Role.ADMIN, disabled=False, check=False)


def _made(access: Access, place: Path) -> OpenedAccess:
    """Make the random password; one that a start before this wrote down and did not get to use is taken."""
    password = _read(place) or secrets.token_urlsafe(12)
    write_private(place, f"{password}\n".encode())
    access.create_account(USER, password, Role.ADMIN)
    return OpenedAccess(access, chosen=False, new_password=password)


def _is_random(access: Access, place: Path) -> bool:
    password = _read(place)
    return bool(password) and access.known_password(USER, password)


def _read(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8").strip()
    except OSError:
        return ""

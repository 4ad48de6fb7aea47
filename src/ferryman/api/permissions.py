"""Which role a call needs: by its path and method, and for OMS operations by their name."""

from __future__ import annotations

from starlette.datastructures import QueryParams
from starlette.types import Scope

from ferryman.control.roles import Role

OPEN_PATHS = frozenset({"/healthz"})
"""Answered without a login: for load balancers, says nothing but that the service lives."""

CONSOLE_PATH = "/console"
"""The console's own files need no login: the login page is one of them, and they hold no data."""

OIDC_PATH = "/api/v1/session/oidc"
OIDC_RETURN = f"{OIDC_PATH}/callback"

OPEN_CALLS = frozenset(
    {("POST", "/api/v1/session"), ("GET", "/api/v1/session/providers"), ("GET", OIDC_PATH), ("GET", OIDC_RETURN)}
)
"""The login itself, by password or by a provider."""

ADMIN_PATHS = ("/api/v1/accounts", "/api/v1/keys", "/api/v1/audit")
"""Paths, with all below them, that only admins may see."""

ADMIN_CHANGES = ("/api/v1/alerts/rules", "/api/v1/alerts/channels")
"""Everybody may see these, with all below them; only admins change them."""

OWN_CALLS = frozenset({("DELETE", "/api/v1/session"), ("PUT", "/api/v1/session/password")})
"""Changes that everybody may make: to their own session and password."""

_READING_ACTIONS = ("list", "describe", "get")


def action_of(scope: Scope) -> str:
    """Return the OMS action a call names, empty when it names none; the first one counts, here and for who carries it out."""
    query = QueryParams(scope.get("query_string", b""))
    return next((value for name, value in query.multi_items() if name.strip().lower() == "action"), "")


def is_open(method: str, path: str) -> bool:
    """Whether a call needs no login."""
    return path in OPEN_PATHS or (method, path) in OPEN_CALLS or _is_console(method, path)


def _is_console(method: str, path: str) -> bool:
    reads = method in {"GET", "HEAD"}
    return reads and (path in {"/", CONSOLE_PATH} or path.startswith(f"{CONSOLE_PATH}/"))


def changes(method: str, path: str, action: str) -> bool:
    """Whether a call changes something, so that it belongs into the audit log."""
    if path.rstrip("/") == "/api/v2":
        return not action.strip().lower().startswith(_READING_ACTIONS)
    return method not in {"GET", "HEAD", "OPTIONS"} or path == OIDC_RETURN


def needed_role(method: str, path: str, action: str) -> Role:
    """Return the least role that may make a call."""
    if any(path == place or path.startswith(f"{place}/") for place in ADMIN_PATHS):
        return Role.ADMIN
    if (method, path) in OWN_CALLS or not changes(method, path, action):
        return Role.VIEWER
    return Role.ADMIN if path.startswith(ADMIN_CHANGES) else Role.OPERATOR

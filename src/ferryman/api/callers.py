"""Finds out who calls: HTTP Basic (OMS clients), an API key, or the console's session."""

from __future__ import annotations

import base64
import binascii
import hmac
from http.cookies import CookieError, SimpleCookie

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Scope

from ferryman.control.access import Access, Session
from ferryman.control.roles import Principal
from ferryman.foundation.errors import FerrymanError

COOKIE = "ferryman_session"
CSRF_HEADER = "x-csrf-token"
PRINCIPAL = "ferryman.principal"
"""Where a call's scope has its `Principal`."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def caller(access: Access, scope: Scope) -> Principal:
    """Return who calls; ``api.unauthorized``, ``api.too_many_logins``, ``api.csrf``."""
    headers = Headers(scope=scope)
    scheme, _, value = headers.get("authorization", "").partition(" ")
    found: Principal | None = None
    if scheme.lower() == "basic":
        found = await _by_password(access, value, address_of(scope))
    elif scheme.lower() == "bearer":
        found = await run_in_threadpool(access.of_key, value.strip())
    elif not scheme and (token := session_token(headers)):
        found = await _by_session(access, token, scope["method"], headers.get(CSRF_HEADER, ""))
    if found is None:
        raise FerrymanError("api.unauthorized", "the call has no login or a wrong one")
    return found


def address_of(scope: Scope) -> str:
    """Return the address a call comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "local"


def session_token(headers: Headers) -> str:
    """Return the token of the console's session, empty when there is none."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


async def _by_password(access: Access, value: str, address: str) -> Principal | None:
    login = basic_login(value)
    if login is None:
        return None
    known = await run_in_threadpool(access.known, *login)
    return known or await run_in_threadpool(access.login, *login, address)


async def _by_session(access: Access, token: str, method: str, csrf: str) -> Principal | None:
    session: Session | None = await run_in_threadpool(access.session, token)
    if session is None:
        return None
    # A browser sends the cookie by itself, whoever's page asks it to; the header only our own page can send.
    if method not in SAFE_METHODS and not hmac.compare_digest(session.csrf.encode(), csrf.encode("utf-8", "replace")):
        raise FerrymanError("api.csrf", "the change lacks its X-CSRF-Token, or has a wrong one")
    return session.principal


def basic_login(value: str) -> tuple[str, str] | None:
    """Read what follows ``Basic``: user and password, or `None` when it cannot be read."""
    try:
        raw = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    user, colon, password = text.partition(":")
    return (user, password) if colon else None

"""What stands before every call: login, size, origin, and the headers of every answer."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ferryman.api.auditing import CODE_HEADER, Outcome, record
from ferryman.api.callers import PRINCIPAL, SAFE_METHODS, address_of, caller
from ferryman.api.faults import fault_of
from ferryman.api.oms.envelope import Call
from ferryman.api.permissions import action_of, is_open, needed_role
from ferryman.control.access import Access
from ferryman.control.call_rates import CallRates
from ferryman.control.ownership import ACTING
from ferryman.control.trail import TRAIL
from ferryman.foundation.errors import FerrymanError

BODY_LIMIT = 8 * 2**20
"""Bytes of a request: some 10,000 tables with their columns."""

STREAMS = "/api/v1/live/"
"""Answers below do not end by themselves."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def error_response(path: str, error: FerrymanError, headers: dict[str, str] | None = None) -> Response:
    """Answer an error in the form of the API the path belongs to."""
    if path == "/api/v2" or path.startswith(("/api/v2/", "/api/omsp/")):
        return Call().failed(error, headers=headers)
    told = {**(headers or {}), CODE_HEADER.decode(): error.code}
    return JSONResponse({"error": error.to_json()}, status_code=fault_of(error).status, headers=told)


class Protection:
    """ASGI middleware: outermost of all."""

    def __init__(self, app: ASGIApp, access: Access, body_limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._access = access
        self._body_limit = body_limit
        self._rates = CallRates.of_environment()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the call through, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD" and not scope["path"].startswith(STREAMS):  # the server leaves the body out
            scope = {**scope, "method": "GET"}
        outcome = Outcome(_with_headers(send))
        if (refusal := await self._refusal(scope)) is not None:
            await refusal(scope, receive, outcome.send)
            if outcome.text != "api.too_many_calls":  # a flood must not wash the audit log away
                await record(self._access, scope, b"", outcome.text)
            return
        body = await _whole_body(receive, self._body_limit)
        if body is None:
            await self._too_large(scope)(scope, receive, outcome.send)
            return
        if _has_half_character(body):
            error = FerrymanError("api.malformed", "the request holds half a character (a lone surrogate)")
            await error_response(scope["path"], error)(scope, receive, outcome.send)
            await record(self._access, scope, body, outcome.text)
            return
        changed: list[dict[str, Any]] = []
        TRAIL.set(changed)
        try:
            await self._app(scope, _replay(body, receive), outcome.send)
        finally:
            await record(self._access, scope, body, outcome.text, changed)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        try:
            await self._admit(scope)
        except FerrymanError as error:
            return error_response(path, error, _login_headers(error, headers))
        if scope["method"] not in SAFE_METHODS and _from_other_site(headers):
            return error_response(path, FerrymanError("api.cross_site", "the call comes from another web site"))
        if _declared_length(headers) > self._body_limit:
            return self._too_large(scope)
        return None

    async def _admit(self, scope: Scope) -> None:
        """Find out who calls, and whether they may; ``api.unauthorized``, ``api.forbidden``, ``api.too_many_calls`` and so on."""
        method, path = scope["method"], scope["path"]
        ACTING.set(None)
        if is_open(method, path):
            self._rates.take(address_of(scope))
            return
        try:
            principal = await caller(self._access, scope)
        except FerrymanError:
            self._rates.take(address_of(scope))
            raise
        self._rates.take(f"account {principal.account}")
        scope[PRINCIPAL] = principal
        ACTING.set(principal)
        needed = needed_role(method, path, action_of(scope))
        if not principal.role.covers(needed):
            message = f"{principal.account} is {principal.role.value}; this call needs {needed.value}"
            raise FerrymanError("api.forbidden", message)

    def _too_large(self, scope: Scope) -> Response:
        limit = self._body_limit // 2**20
        error = FerrymanError("api.body_too_large", f"the request is larger than {limit} MiB")
        return error_response(scope["path"], error, {"Connection": "close"})


def _login_headers(error: FerrymanError, headers: Headers) -> dict[str, str]:
    """Return what makes a browser ask for a login; the console's own calls must not make it open its window."""
    if error.code in {"api.too_many_logins", "api.too_many_calls"}:
        return {"Retry-After": str(error.context["retry_after"])}
    from_script = headers.get("sec-fetch-mode", "navigate") != "navigate"
    if error.code != "api.unauthorized" or from_script:
        return {}
    return {"WWW-Authenticate": 'Basic realm="ferryman", charset="UTF-8"'}


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """Read the request's body; `None` when it is over the limit."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _has_half_character(body: bytes) -> bool:
    """Whether JSON carries a surrogate without its other half: no database and no answer can hold it."""
    if not _SURROGATE.search(body):
        return False
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):  # no JSON: whoever reads it says so
        return False
    return False


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that has been read once more, then what comes behind it (a disconnect)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def _from_other_site(headers: Headers) -> bool:
    """Whether a browser sent this from another site's page: it adds the stored login by itself (CSRF)."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


def _declared_length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending

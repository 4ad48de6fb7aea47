"""What stands before every call: login, size, origin, and the headers of every answer."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ferryman.api.credentials import Credentials
from ferryman.api.faults import fault_of
from ferryman.api.oms.envelope import Call
from ferryman.foundation.errors import FerrymanError

BODY_LIMIT = 8 * 2**20
"""Bytes of a request: some 10,000 tables with their columns."""

OPEN_PATHS = frozenset({"/healthz"})
"""Answered without a login: for load balancers, says nothing but that the service lives."""

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
    return JSONResponse({"error": error.to_json()}, status_code=fault_of(error).status, headers=headers)


class Protection:
    """ASGI middleware: outermost of all."""

    def __init__(self, app: ASGIApp, credentials: Credentials, body_limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._credentials = credentials
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the call through, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        if (refusal := await self._refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        body = await _whole_body(receive, self._body_limit)
        if body is None:
            await self._too_large(scope)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        if path not in OPEN_PATHS and not await self._logged_in(headers.get("authorization", "")):
            error = FerrymanError("api.unauthorized", "the call has no login or a wrong one")
            return error_response(path, error, {"WWW-Authenticate": 'Basic realm="ferryman", charset="UTF-8"'})
        if scope["method"] not in {"GET", "HEAD"} and _from_other_site(headers):
            return error_response(path, FerrymanError("api.cross_site", "the call comes from another web site"))
        if _declared_length(headers) > self._body_limit:
            return self._too_large(scope)
        return None

    async def _logged_in(self, header: str) -> bool:
        login = _basic_login(header)
        if login is None:
            return False
        return self._credentials.known(*login) or await run_in_threadpool(self._credentials.accepts, *login)

    def _too_large(self, scope: Scope) -> Response:
        limit = self._body_limit // 2**20
        error = FerrymanError("api.body_too_large", f"the request is larger than {limit} MiB")
        return error_response(scope["path"], error, {"Connection": "close"})


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


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that has been read once more, then what comes behind it (a disconnect)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def _basic_login(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
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

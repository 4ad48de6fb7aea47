"""Answers a POST that is sent again with the same ``Idempotency-Key`` as it was answered the first time."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ferryman.api.callers import PRINCIPAL
from ferryman.api.protection import error_response
from ferryman.control.repeats import Answer, Repeats
from ferryman.foundation.errors import FerrymanError

KEY_HEADER = "idempotency-key"
REPLAYED_HEADER = "Idempotency-Replayed"
_KEPT_HEADERS = frozenset({"content-type", "etag", "x-ferryman-code"})


class Repeating:
    """Stands before the routes, behind the login: keys are each account's own."""

    def __init__(self, app: ASGIApp, repeats: Repeats) -> None:
        self._app = app
        self._repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the call, or give its answer again."""
        key = Headers(scope=scope).get(KEY_HEADER) if scope["type"] == "http" else None
        if key is None or scope["method"] != "POST" or PRINCIPAL not in scope:
            await self._app(scope, receive, send)
            return
        asked = await receive()  # whole: `Protection` has read it
        request, account = _request(scope, asked.get("body", b"")), scope[PRINCIPAL].account
        try:
            mark, before = await run_in_threadpool(self._repeats.begin, account, key, request)
        except FerrymanError as error:
            await error_response(scope["path"], error)(scope, receive, send)
            return
        if before is None:
            await self._make(mark, scope, _given(asked, receive), send)
        else:
            headers = {**dict(before.headers), REPLAYED_HEADER: "true"}
            await Response(before.body, before.status, headers)(scope, receive, send)

    async def _make(self, mark: str, scope: Scope, receive: Receive, send: Send) -> None:
        heard = _Heard()
        try:
            await self._app(scope, receive, heard.hear)
        finally:  # a defect is answered, then raised
            if heard.messages:
                await run_in_threadpool(self._repeats.end, mark, heard.answer())  # kept first: what is told holds
            for message in heard.messages:
                await send(message)


class _Heard:
    """An answer as it is told, part by part."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def hear(self, message: Message) -> None:
        """Take a part."""
        self.messages.append(message)

    def answer(self) -> Answer:
        """Return the whole answer."""
        start = self.messages[0]
        headers = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"])
        body = b"".join(message.get("body", b"") for message in self.messages[1:])
        return Answer(start["status"], tuple(each for each in headers if each[0] in _KEPT_HEADERS), body)


def _request(scope: Scope, body: bytes) -> bytes:
    return b"\n".join([scope["path"].encode("utf-8", "surrogatepass"), scope.get("query_string", b""), body])


def _given(message: Message, receive: Receive) -> Receive:
    """Give a message that was taken, then what comes behind it."""
    waiting = [message]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving

"""One HTTP call as bytes to send and bytes that come: no socket in here, so that one piece of code serves both clients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import h11

from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError

PIECE = 65_536
"""Bytes asked of the socket at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask: `path` has its ``{names}``, filled from `within`; members of `query` that are `None` are left out."""

    method: str
    path: str
    within: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None
    kind: str = "application/json"

    def target(self) -> str:
        """Return path and query as they are sent."""
        path = self.path.format(**{name: quote(str(value), safe="") for name, value in self.within.items()})
        given = [(name, each) for name, value in self.query.items() for each in _listed(value)]
        return path + (f"?{urlencode(given)}" if given else "")

    def content(self) -> bytes:
        """Return the body as it is sent."""
        if self.body is None:
            return b""
        return str(self.body).encode() if self.kind != "application/json" else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is."""

    secure: bool
    host: str
    port: int
    prefix: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Read a service's URL; ``usage.bad_url``."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise FerrymanError("usage.bad_url", f"{url!r} is no URL of a service") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FerrymanError("usage.bad_url", f"{url!r} must begin with http:// or https://")
        secure = parts.scheme == "https"
        return cls(secure, parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"))

    @property
    def name(self) -> str:
        """Host and port as a header says them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Exchange:
    """One request and its answer."""

    def __init__(self, place: Place, login: str, request: Request) -> None:
        self._wire = h11.Connection(h11.CLIENT)
        self._parts: list[bytes] = []
        self.status = 0
        self.kind = ""
        self.done = False
        content = request.content()
        headers = {"Host": place.name, "Authorization": login, "Accept": "*/*", "Connection": "close"}
        if request.method not in {"GET", "HEAD", "DELETE"} or content:
            headers |= {"Content-Type": request.kind, "Content-Length": str(len(content))}
        headers |= {name: value for name, value in request.headers.items() if value is not None}
        try:
            sent = [
                self._wire.send(
                    h11.Request(
                        method=request.method, target=place.prefix + request.target(), headers=list(headers.items())
                    )
                ),
                self._wire.send(h11.Data(data=content)) if content else b"",
                self._wire.send(h11.EndOfMessage()),
            ]
        except h11.LocalProtocolError as error:
            raise FerrymanError("api.malformed", f"the call cannot be sent: {error}") from None
        self.outgoing = b"".join(part or b"" for part in sent)

    def feed(self, received: bytes) -> bytes:
        """Take what has come (nothing: the other side has ended); returns what of it is body."""
        came: list[bytes] = []
        try:
            self._wire.receive_data(received)
            while not isinstance(event := self._wire.next_event(), type(h11.NEED_DATA) | type(h11.PAUSED)):
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                    self.kind = dict(event.headers).get(b"content-type", b"").decode("latin-1").partition(";")[0]
                elif isinstance(event, h11.Data):
                    came.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                    self.done = True
                    break
        except h11.RemoteProtocolError as error:
            raise FerrymanError("api.unreachable", f"no service of ferryman answers: {error}") from None
        self._parts += came
        return b"".join(came)

    @property
    def good(self) -> bool:
        """Whether the call was carried out."""
        return 200 <= self.status < 300

    def result(self) -> Any:
        """Return the whole answer: parsed JSON, another text, or `None`; raises what the service tells of a failure."""
        raw = b"".join(self._parts)
        if not self.good:
            raise refusal(self.status, raw)
        if self.kind == "application/json":
            return json.loads(raw) if raw else None
        return raw.decode("utf-8") or None


class Events:
    """Server-sent events out of the pieces of a stream; JSON documents with their names."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[tuple[str, Any]]:
        """Take a piece; yields what is whole now."""
        *whole, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for block in whole:
            fields = [line.partition(": ") for line in block.decode("utf-8").split("\n") if line and line[0] != ":"]
            text = "\n".join(value for name, _, value in fields if name == "data")
            if text:
                yield next((value for name, _, value in fields if name == "event"), "message"), json.loads(text)


def refusal(status: int, raw: bytes) -> FerrymanError:
    """Turn an error answer into the error it stands for, that of an OMS operation as well."""
    try:
        document = json.loads(raw)
        told = (
            document["error"]
            if "error" in document
            else {**document, "hint": document["advice"] or "", "code": document["errorDetail"]["extraContext"]["code"]}
        )
        code, message, hint = str(told["code"]), str(told["message"]), str(told["hint"])
    except (ValueError, KeyError, TypeError):
        return FerrymanError("api.unreachable", f"the server answers with HTTP {status}, not as ferryman does")
    return FerrymanError(code if code in CODES else "internal.error", message, hint=hint)


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [str(each).lower() if isinstance(each, bool) else each for each in values]

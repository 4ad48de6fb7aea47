"""The client for programs with asyncio."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, cast

from ferryman.client import documents
from ferryman.client.calls import AsyncCalls
from ferryman.client.exchange import PIECE, Events, Exchange, Request
from ferryman.client.login import DEFAULT_URL, TIMEOUT_SECONDS, settings_of


class AsyncClient(AsyncCalls):
    """Calls a service, as `ferryman.client.Client` does; every method is awaited. Calls may run beside each other."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        user: str = "admin",
        password: str = "",
        key: str = "",
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Make a client; arguments and errors as of `Client`."""
        self._settings = settings_of(url, user, password, key, tls, timeout)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held open."""

    async def request(self, request: Request) -> Any:
        """Make a call that no method is for; raises what the service refuses, ``api.unreachable``."""
        exchange = self._exchange(request)
        async for _ in self._pieces(exchange):
            pass
        return exchange.result()

    async def oms(self, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call an operation of OMS; returns its envelope as it is, also when it says ``success: false``."""
        asked = Request(method="POST", path="/api/v2", query={"Action": action}, body=body or {})
        return cast("dict[str, Any]", await self.request(asked))

    async def all_projects(self, search: str = "", **query: Any) -> AsyncIterator[documents.ProjectDocument]:
        """Yield all projects, youngest first, page by page: none comes twice, none is passed over."""
        cursor: str | None = None
        while True:
            page = await self.list_projects(search=search, cursor=cursor, size=200, **query)
            for each in page["items"]:
                yield each
            cursor = page["next"]
            if not cursor:
                return

    async def follow(self, project_id: str) -> AsyncIterator[documents.ProjectDocument]:
        """Yield a project now and after each change, until the service ends or the caller stops."""
        exchange = self._exchange(Request(method="GET", path="/api/v1/live/projects/{id}", within={"id": project_id}))
        events = Events()
        async for piece in self._pieces(exchange):
            if exchange.good:
                for name, document in events.feed(piece):
                    if name == "project":
                        yield document
        if not exchange.good:
            exchange.result()

    async def _call(self, request: Request) -> Any:
        return await self.request(request)

    def _exchange(self, request: Request) -> Exchange:
        return Exchange(self._settings.place, self._settings.login, request)

    async def _pieces(self, exchange: Exchange) -> AsyncIterator[bytes]:
        """Send, and yield the body in pieces."""
        place, timeout = self._settings.place, self._settings.timeout
        try:
            opening = asyncio.open_connection(place.host, place.port, ssl=self._settings.context)
            reader, writer = await asyncio.wait_for(opening, timeout)
            try:
                writer.write(exchange.outgoing)
                await asyncio.wait_for(writer.drain(), timeout)
                while not exchange.done:
                    yield exchange.feed(await asyncio.wait_for(reader.read(PIECE), timeout))
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
        except (OSError, UnicodeError) as error:
            raise self._settings.unreachable(error) from error

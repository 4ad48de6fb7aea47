"""The client for programs without asyncio."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any, cast

from ferryman.client import documents
from ferryman.client.calls import Calls
from ferryman.client.exchange import PIECE, Events, Exchange, Request
from ferryman.client.login import DEFAULT_URL, TIMEOUT_SECONDS, settings_of


class Client(Calls):
    """Calls a service. Thread-safe: each call has a connection of its own, and nothing is kept between them."""

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
        """Make a client.

        Args:
            url: Of the service.
            user: Account that calls, with `password`.
            password: Of the account.
            key: An API key, instead of user and password.
            tls: For certificates of an authority of your own; else those the system trusts.
            timeout: Seconds to wait for a connection, and for each piece of an answer.

        Raises:
            FerrymanError: ``usage.bad_url``.
        """
        self._settings = settings_of(url, user, password, key, tls, timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def request(self, request: Request) -> Any:
        """Make a call that no method is for; raises what the service refuses, ``api.unreachable``."""
        exchange = self._exchange(request)
        for _ in self._pieces(exchange):
            pass
        return exchange.result()

    def oms(self, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call an operation of OMS; returns its envelope as it is, also when it says ``success: false``."""
        asked = Request(method="POST", path="/api/v2", query={"Action": action}, body=body or {})
        return cast("dict[str, Any]", self.request(asked))

    def all_projects(self, search: str = "", **query: Any) -> Iterator[documents.ProjectDocument]:
        """Yield all projects, youngest first, page by page: none comes twice, none is passed over."""
        cursor: str | None = None
        while True:
            page = self.list_projects(search=search, cursor=cursor, size=200, **query)
            yield from page["items"]
            cursor = page["next"]
            if not cursor:
                return

    def follow(self, project_id: str) -> Iterator[documents.ProjectDocument]:
        """Yield a project now and after each change, until the service ends or the caller stops."""
        exchange = self._exchange(Request(method="GET", path="/api/v1/live/projects/{id}", within={"id": project_id}))
        events = Events()
        for piece in self._pieces(exchange):
            if exchange.good:
                for name, document in events.feed(piece):
                    if name == "project":
                        yield document
        if not exchange.good:
            exchange.result()

    def _call(self, request: Request) -> Any:
        return self.request(request)

    def _exchange(self, request: Request) -> Exchange:
        return Exchange(self._settings.place, self._settings.login, request)

    def _pieces(self, exchange: Exchange) -> Iterator[bytes]:
        """Send, and yield the body in pieces."""
        place, context = self._settings.place, self._settings.context
        try:
            with socket.create_connection((place.host, place.port), self._settings.timeout) as plain:
                wire = context.wrap_socket(plain, server_hostname=place.host) if context else plain
                with wire:
                    wire.sendall(exchange.outgoing)
                    while not exchange.done:
                        yield exchange.feed(wire.recv(PIECE))
        except (OSError, UnicodeError) as error:
            raise self._settings.unreachable(error) from error

"""One HTTP call to a place outside, by the standard library: no redirections, no proxy, an answer of bounded length."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 15.0
ANSWER_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and the beginning of the body, at most `ANSWER_BYTES`."""

    status: int
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the call was carried out."""
        return 200 <= self.status < 300


def host_and_port(url: str) -> tuple[str, int]:
    """Return where a URL leads."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def call(method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, address: str = "") -> Answer:
    """Make one call; with `address` the connection goes there, in the name of the URL's host.

    Raises:
        OSError: No connection, no answer in time, a certificate that does not hold.
        http.client.HTTPException: The answer is no HTTP.
    """
    parts = urlsplit(url)
    host, port = host_and_port(url)
    connection = _Connection(host, port, address or host, secure=parts.scheme == "https")
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(ANSWER_BYTES))
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """Connects to an address that was looked at, in the name of its host."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self.default_port = 443 if secure else 80
        self._address = address
        self._tls = ssl.create_default_context() if secure else None

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), TIMEOUT_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain

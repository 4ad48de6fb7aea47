"""How a database is reached: straight, in a network the operator allows, or through an SSH server."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from ferryman.connectors.sql_family import tunnel
from ferryman.foundation.networks import allowed_address, is_restricted
from ferryman.model.project import Endpoint
from ferryman.spi.ssh import ssh_server_of


def socket_to(endpoint: Endpoint, seconds: float) -> socket.socket | None:
    """Return a connected socket, or `None` where the driver may connect by itself.

    Raises:
        FerrymanError: ``network.forbidden``, ``network.unknown_host``; those of `tunnel.open_socket`.
        OSError: The address that is allowed does not answer.
    """
    if way := _way(endpoint, seconds):
        return tunnel.open_socket(way)
    if not is_restricted():
        return None
    address = _address(endpoint)
    if "unix_socket" in endpoint.options:
        return None
    made = socket.create_connection((address, endpoint.port), seconds)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


@contextlib.contextmanager
def address_of(endpoint: Endpoint, seconds: float) -> Iterator[tuple[str, int] | None]:
    """Yield the address and port that lead to a database while a driver connects, or `None` for its own host and port."""
    if way := _way(endpoint, seconds):
        with tunnel.local_port(way) as port:
            yield "127.0.0.1", port
        return
    address = _address(endpoint) if is_restricted() else ""
    yield (address, endpoint.port) if address and "unix_socket" not in endpoint.options else None


def _way(endpoint: Endpoint, seconds: float) -> tunnel.Way | None:
    server = ssh_server_of(endpoint)
    return None if server is None else tunnel.Way(server, endpoint.host, endpoint.port, seconds)


def _address(endpoint: Endpoint) -> str:
    """Return an allowed address; a Unix socket is on this machine."""
    host = "127.0.0.1" if "unix_socket" in endpoint.options else endpoint.host
    return allowed_address(host, endpoint.port, what="the endpoint")

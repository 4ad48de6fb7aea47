"""Where the service may connect to on a user's word: everywhere, or the networks the operator has named.

``FERRYMAN_ALLOWED_NETWORKS=10.0.0.0/8,192.0.2.7`` keeps anybody with the right to make endpoints or channels from probing
other hosts. Names are resolved here, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from functools import cache

from ferryman.foundation.errors import FerrymanError

VARIABLE = "FERRYMAN_ALLOWED_NETWORKS"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_restricted() -> bool:
    """Whether the operator has named networks."""
    return bool(_networks(os.environ.get(VARIABLE, "")))


def allowed_address(host: str, port: int, *, what: str, resolve: bool = True) -> str:
    """Return an address of a host that may be connected to.

    Args:
        host: A name or an address.
        port: Where it will be connected to.
        what: Whose host it is, for messages.
        resolve: Whether a name is looked up where no networks are named; else it is returned as it is.

    Raises:
        FerrymanError: ``network.unknown_host``, ``network.forbidden``.
    """
    if not resolve and not is_restricted():
        return host
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FerrymanError("network.unknown_host", f"{what}: the host {host} has no address") from error
    networks = _networks(os.environ.get(VARIABLE, ""))
    addresses = [str(entry[4][0]) for entry in found]
    permitted = [address for address in addresses if not networks or _inside(address, networks)]
    if not permitted:
        raise FerrymanError("network.forbidden", f"{what}: {host} is in none of the networks this service may reach")
    return permitted[0]


def _inside(address: str, networks: tuple[Network, ...]) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


@cache
def _networks(text: str) -> tuple[Network, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in parts)
    except ValueError as error:
        raise FerrymanError("network.invalid", f"{VARIABLE}: {error}") from None

"""Endpoints as URLs: ``scheme://user:password@host:port/database?option=value``.

What stands between the scheme and the first ``/`` or ``?`` is the authority; its *last* ``@`` separates user and host,
so that OceanBase's ``user@tenant#cluster`` may stand there as it is. Every part may be percent-encoded; a ``/``, ``?``
or ``%`` in a user name or password must be, and a ``:`` in a user name.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, unquote, unquote_to_bytes

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint
from ferryman.spi.publishing import PUBLISH_OPTIONS
from ferryman.spi.ssh import SSH_OPTIONS, SSH_SECRETS, ssh_server_of

DEFAULT_PORTS = {
    "mysql": 3306, "mariadb": 3306, "oceanbase": 2881, "tidb": 4000, "postgresql": 5432, "postgres": 5432,
    "obbinlog": 2883,
}  # fmt: skip
"""Known schemes and their ports."""

OPTIONS = SSH_OPTIONS | {
    "unix_socket", "ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "connect_timeout", "server_id"
}  # fmt: skip
"""Options an endpoint may have; any other is refused, lest a misspelt ``ssl_mode`` pass unseen."""

QUEUE_PORTS = {"kafka": 9092, "rocketmq": 9876}
"""Message queues; several ``host:port`` may stand there, joined by commas."""

QUEUE_OPTIONS = PUBLISH_OPTIONS | {
    "security_protocol", "sasl_mechanism", "ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "ssl_check_host",
    "compression", "message_max_bytes", "linger_ms", "checkpoint_topic", "connect_timeout",
    "registry", "registry_user", "registry_password", "registry_ca",
}  # fmt: skip
"""Options of a queue, and of what is published there."""

SECRET_OPTIONS = SSH_SECRETS | {"ssl_key_password", "registry_password"}

_WAY_OPTIONS = SSH_OPTIONS | SECRET_OPTIONS | {
    "ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "ssl_check_host", "security_protocol", "sasl_mechanism",
    "registry_user", "registry_ca", "connect_timeout",
}  # fmt: skip
"""How a server is reached and who we are there, not which one it is."""

_DEFAULT_HOST = "127.0.0.1"


def parse_url(text: str) -> Endpoint:
    """Read an endpoint.

    Raises:
        UsageError: ``usage.bad_url`` with what is wrong; neither user nor password is ever shown.
    """
    scheme, found, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if not found:
        raise _bad("there is no '://' in it")
    if scheme == "file":
        return _file(rest)
    if scheme not in DEFAULT_PORTS and scheme not in QUEUE_PORTS:
        known = ", ".join(f"{name}://" for name in sorted([*DEFAULT_PORTS, *QUEUE_PORTS, "file"]))
        raise _bad(f"unknown scheme {scheme!r}; known are {known}" if scheme.isalnum() else "it has no known scheme")
    cut = min((place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest))
    path, _, query = rest[cut:].partition("?")
    if "@" in path or ("@" in query and "@" not in rest[:cut]):
        raise _bad("there is an '@' behind the host; in a user name or password write '/' as %2F and '?' as %3F")
    options = _options(query, QUEUE_OPTIONS if scheme in QUEUE_PORTS else OPTIONS)
    login, _, address = rest[:cut].rpartition("@")
    username, _, password = login.partition(":")
    if scheme in QUEUE_PORTS:
        host, port = _queue_address(address, scheme, path, options)
    else:
        host, port = _address(address, DEFAULT_PORTS[scheme])
    endpoint = Endpoint(
        scheme=scheme,
        host=host,
        port=port,
        username=_decode(username, "user name"),
        password=_decode(password, "password"),
        database=_database(path),
        options=options,
    )
    ssh_server_of(endpoint)
    return endpoint


def format_url(endpoint: Endpoint, *, password: bool = False) -> str:
    """Write an endpoint; what `parse_url` reads back. Secrets are left out unless `password`."""
    if endpoint.scheme == "file":
        return "file://" + quote(endpoint.options.get("path", ""))
    login = quote(endpoint.username, safe="@")
    if password and endpoint.password:
        login += ":" + quote(endpoint.password, safe="")
    host = f"[{endpoint.host}]" if ":" in endpoint.host else quote(endpoint.host, safe="")
    options = {name: value for name, value in endpoint.options.items() if name != "servers"}
    shown = {name: value for name, value in options.items() if password or name not in SECRET_OPTIONS}
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='/')}" for name, value in shown.items())
    address = endpoint.options.get("servers") or f"{host}:{endpoint.port}"
    place = f"{login}@{address}/" if login else f"{address}/"
    return f"{endpoint.scheme}://{place}{quote(endpoint.database, safe='')}" + (f"?{query}" if query else "")


def same_place(one: Endpoint, two: Endpoint) -> bool:
    """Whether two endpoints are one database, user and all, whatever the secrets and the way there."""
    return _place(one) == _place(two)


def _place(endpoint: Endpoint) -> Endpoint:
    options = {name: value for name, value in endpoint.options.items() if name not in _WAY_OPTIONS}
    return replace(endpoint, password="", options=options)


def with_secrets_of(new: Endpoint, old: Endpoint) -> Endpoint:
    """Give an endpoint without a password the secrets of the old one, if it is the same server by the same way."""
    secrets = {name: value for name, value in old.options.items() if name in SECRET_OPTIONS}
    whole = replace(new, password=old.password, options={**secrets, **new.options})
    same = replace(whole, database=old.database) == old
    return whole if same and not new.password else new


def _bad(problem: str) -> UsageError:
    return UsageError("usage.bad_url", f"this endpoint URL cannot be read: {problem}")


def _decode(text: str, part: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _bad(f"the {part} is not percent-encoded UTF-8") from None
    if "\x00" in decoded:
        raise _bad(f"there is a NUL character in the {part}")
    return decoded


def _address(text: str, default_port: int) -> tuple[str, int]:
    host, port = _split_port(text)
    if port and not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise _bad("the port must be a number from 1 to 65535 (write a '/' in a password as %2F, a '?' as %3F)")
    host = _decode(host, "host")
    if any(char in host for char in " /?#@"):
        raise _bad("there is a character in the host name that cannot be there")
    return host or _DEFAULT_HOST, int(port) if port else default_port


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise _bad("an IPv6 address stands in brackets: [::1]:3306")
        return host, rest[1:]
    if text.count(":") > 1:
        raise _bad("an IPv6 address stands in brackets: [::1]:3306")
    host, _, port = text.partition(":")
    return host, port


def _database(path: str) -> str:
    name = path.removeprefix("/").removesuffix("/")
    if "/" in name:
        raise _bad("only one database may follow the host; write a '/' in its name as %2F")
    return _decode(name, "database")


def _file(rest: str) -> Endpoint:
    """Read ``file:///directory?option=value``."""
    path, _, query = rest.partition("?")
    if not path.startswith("/"):
        raise _bad("a directory is written with three slashes and its whole path: file:///some/directory")
    options = _options(query, PUBLISH_OPTIONS)
    directory = "/" + _decode(path, "path").strip("/")
    return Endpoint(scheme="file", host="", port=0, options={**options, "path": directory})


def _queue_address(text: str, scheme: str, path: str, options: dict[str, str]) -> tuple[str, int]:
    """Return the first of several servers; all of them become the option ``servers``."""
    if path.strip("/"):
        raise _bad(f"nothing may follow the servers of {scheme}://; name topics by the option topic=")
    servers = [_address(part, QUEUE_PORTS[scheme]) for part in text.split(",")]
    if len(servers) > 1:
        options["servers"] = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in servers)
    return servers[0]


def _options(query: str, known: frozenset[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, found, value = part.partition("=")
        name = unquote_to_bytes(name).decode("utf-8", "replace")
        if name in SSH_OPTIONS - known:
            raise _bad(
                f"{name}: only databases are reached through an SSH server (brokers name addresses of their own)"
            )
        if name not in known:
            shown = repr(name) if name.isidentifier() else "(unreadable)"  # it may be a piece of a password
            raise _bad(f"unknown option {shown}; known are {', '.join(sorted(known))}")
        if not found or name in options:
            raise _bad(f"option {name!r} must stand there once, with a value")
        options[name] = _decode(value, f"option {name}")
    return options

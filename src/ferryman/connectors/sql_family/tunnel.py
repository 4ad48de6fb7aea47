"""Connections to databases through SSH servers.

Each process has its own: one SSH connection for a database, a channel of it for each database connection. They run in an
event loop in a thread of this process and end with it. What is handed out is a socket; when the SSH connection breaks, its
sockets end as a broken connection does, and the next one opens a new SSH connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.foundation.networks import allowed_address
from ferryman.spi.ssh import SshServer

if TYPE_CHECKING:
    import asyncssh

PIECE_BYTES = 1 << 18
IDLE_SECONDS = 30.0
"""How long an SSH connection without channels stays."""
KEEPALIVE_SECONDS = 15
KEEPALIVES = 4
"""A server that is silent for so many of them is gone: within about a minute, as for direct connections."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Way:
    """Where to, and through what; `seconds`: how long each connection may take to be made."""

    server: SshServer
    host: str
    port: int
    seconds: float

    @property
    def text(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port} through {self.server}"


def open_socket(way: Way) -> socket.socket:
    """Open a channel and return our end of it.

    Raises:
        FerrymanError: ``endpoint.unreachable`` (the SSH server, or the database behind it), ``ssh.host_key_unknown``,
            ``ssh.host_key_changed``, ``ssh.access_denied``, ``ssh.forbidden``, ``ssh.key_invalid``, ``ssh.not_installed``.
    """
    return _loop().run(_socket(way))


@contextlib.contextmanager
def local_port(way: Way) -> Iterator[int]:
    """Listen on a loopback port that leads to the database, while a driver that takes no socket connects.

    The first channel is opened before: errors are those of `open_socket`. Connections made meanwhile outlive the port.
    """
    loop = _loop()
    door = loop.run(_open_door(way))
    try:
        yield door.port
    finally:
        loop.run(door.close())


# The loop -----------------------------------------------------------------------------------------------------------


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@cache
def _only_loop() -> _Loop:
    logging.getLogger("asyncssh").setLevel(logging.ERROR)  # it tells every connection and key at INFO
    return _Loop()


_making = threading.Lock()


def _loop() -> _Loop:
    with _making:  # `cache` alone would make one for each thread that comes first
        return _only_loop()


# SSH connections ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Link:
    """One SSH connection and how many channels it has."""

    connecting: asyncio.Task[asyncssh.SSHClientConnection]
    channels: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def is_open(self) -> bool:
        """Whether it was made, and has not been seen to break."""
        return self.connecting.done() and not self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether a new one is needed."""
        task = self.connecting
        if not task.done():
            return False
        return task.cancelled() or task.exception() is not None or task.result().is_closed()


_links: dict[Way, _Link] = {}
"""Touched by the loop's thread only."""


async def _link(way: Way) -> _Link:
    """Return the SSH connection of a way, a new one where there is none; callers at the same time share it."""
    link = _links.get(way)
    if link is None or link.is_lost:
        link = _links[way] = _Link(asyncio.create_task(_connected(way)))
    await asyncio.shield(link.connecting)
    return link


async def _connected(way: Way) -> asyncssh.SSHClientConnection:
    ssh = _asyncssh()
    server = way.server
    seen: list[asyncssh.SSHKey] = []

    class Client(ssh.SSHClient):  # type: ignore[name-defined, misc]
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            seen.append(key)
            return key.get_fingerprint() in server.host_keys

    if not (server.key or server.key_file or server.password):  # a URL that was shown to somebody lacks its secrets
        raise UsageError("usage.bad_url", f"{server}: one of ssh_key, ssh_key_file and ssh_password is needed")
    keys = [_key(server)] if server.key or server.key_file else None
    address = await asyncio.to_thread(allowed_address, server.host, server.port, what=f"the SSH server of {way.host}")
    try:
        connection: asyncssh.SSHClientConnection = await ssh.connect(
            address,
            server.port,
            config=None,
            known_hosts=([], [], []),
            client_factory=Client,
            username=server.user,
            client_keys=keys,
            password=server.password or None,
            agent_path=None,
            connect_timeout=way.seconds,
            login_timeout=way.seconds,
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=KEEPALIVES,
        )
        return connection
    except (ssh.Error, OSError, TimeoutError) as error:
        raise _not_connected(error, way, seen) from error


def _asyncssh() -> Any:
    try:
        import asyncssh
    except ImportError:
        raise FerrymanError(
            "ssh.not_installed", "this endpoint is reached through an SSH server: that needs asyncssh"
        ) from None
    return asyncssh


def _key(server: SshServer) -> asyncssh.SSHKey:
    ssh = _asyncssh()
    try:
        text = Path(server.key_file).expanduser().read_bytes() if server.key_file else server.key.strip() + "\n"
        return ssh.import_private_key(text, server.key_password or None)  # type: ignore[no-any-return]
    except OSError as error:
        raise UsageError("ssh.key_invalid", f"{server}: ssh_key_file cannot be read: {error.strerror}") from None
    except (ssh.KeyImportError, ssh.KeyEncryptionError, ValueError):
        kind = (
            "its ssh_key_password does not open it" if server.key_password else "it may be encrypted, or no private key"
        )
        raise UsageError("ssh.key_invalid", f"{server}: the private key cannot be read: {kind}") from None


def _not_connected(error: BaseException, way: Way, seen: list[asyncssh.SSHKey]) -> FerrymanError:
    ssh, server = _asyncssh(), way.server
    if isinstance(error, ssh.HostKeyNotVerifiable):
        shown = " and ".join(f"{key.get_fingerprint()} ({key.get_algorithm()})" for key in seen[-1:]) or "no usable key"
        if server.host_keys:
            return FerrymanError("ssh.host_key_changed", f"{server} shows another key than it may have: {shown}")
        return FerrymanError("ssh.host_key_unknown", f"{server} shows a key that nobody has confirmed: {shown}")
    if isinstance(error, ssh.PermissionDenied):
        return FerrymanError("ssh.access_denied", f"{server} refused the login")
    number = getattr(error, "errno", None)  # asyncio's own words would repeat the address as a Python tuple
    reason = getattr(error, "reason", "") or (os.strerror(number) if number and number > 0 else str(error))
    return FerrymanError(
        "endpoint.unreachable",
        f"{server}, on the way to {way.host}:{way.port}, cannot be connected to: {reason or 'no answer in time'}",
        hint="check host and port of the SSH server, and that it runs",
    )


# Channels -----------------------------------------------------------------------------------------------------------

Channel = tuple["asyncssh.SSHReader[bytes]", "asyncssh.SSHWriter[bytes]"]


async def _socket(way: Way) -> socket.socket:
    link, channel = await _opened(way)
    ours, theirs = socket.socketpair()
    _carry(way, link, channel, ours)
    return theirs


async def _opened(way: Way) -> tuple[_Link, Channel]:
    """Open a channel to the database; where a kept SSH connection turns out to be broken, through a new one."""
    host = await asyncio.to_thread(allowed_address, way.host, way.port, what="the database", resolve=False)
    kept = link if (link := _links.get(way)) and link.is_open else None
    try:
        return await _opened_through(await _link(way), way, host)
    except FerrymanError:
        await asyncio.sleep(0)  # asyncssh refuses channels one step before it says that the connection is closed
        if kept is None or not kept.is_lost:
            raise
    return await _opened_through(await _link(way), way, host)


async def _opened_through(link: _Link, way: Way, host: str) -> tuple[_Link, Channel]:
    ssh, connection = _asyncssh(), link.connecting.result()
    try:
        async with asyncio.timeout(way.seconds):
            return link, await connection.open_connection(host, way.port, encoding=None)
    except ssh.ChannelOpenError as error:
        _close_when_idle(way, link)
        raise _not_opened(error, way) from error
    except (ssh.Error, OSError, TimeoutError) as error:
        connection.abort()
        reason = getattr(error, "reason", "") or "no answer in time"
        raise FerrymanError("endpoint.unreachable", f"{way.text} cannot be connected to: {reason}") from error


def _not_opened(error: asyncssh.ChannelOpenError, way: Way) -> FerrymanError:
    if error.code == _asyncssh().OPEN_ADMINISTRATIVELY_PROHIBITED:
        return FerrymanError(
            "ssh.forbidden", f"{way.server} does not let us on to {way.host}:{way.port}: {error.reason}"
        )
    return FerrymanError("endpoint.unreachable", f"{way.text} cannot be connected to: {error.reason}")


def _carry(way: Way, link: _Link, channel: Channel, ours: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    ours.setblocking(False)
    task = asyncio.create_task(_carried(channel, ours))
    link.channels.add(task)
    task.add_done_callback(lambda _task: _left(way, link, task))


def _left(way: Way, link: _Link, task: asyncio.Task[None]) -> None:
    link.channels.discard(task)
    _close_when_idle(way, link)


def _close_when_idle(way: Way, link: _Link) -> None:
    """Close an SSH connection that still has no channel after a while."""

    def close() -> None:
        if link.channels:
            return
        if _links.get(way) is link:
            del _links[way]
        if not link.is_lost:
            link.connecting.result().close()

    if not link.channels:
        asyncio.get_running_loop().call_later(IDLE_SECONDS, close)


async def _carried(channel: Channel, ours: socket.socket) -> None:
    reader, writer = channel
    there, back = asyncio.create_task(_outward(ours, writer)), asyncio.create_task(_homeward(reader, ours))
    try:
        await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (there, back):
            task.cancel()
        await asyncio.gather(there, back, return_exceptions=True)
        ours.close()
        writer.close()


async def _outward(ours: socket.socket, writer: asyncssh.SSHWriter[bytes]) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(ours, PIECE_BYTES):
        writer.write(data)
        await writer.drain()


async def _homeward(reader: asyncssh.SSHReader[bytes], ours: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(PIECE_BYTES):
        await loop.sock_sendall(ours, data)


# A door for libpq ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Door:
    """A loopback port; each connection to it gets a channel."""

    way: Way
    listener: socket.socket
    ready: list[tuple[_Link, Channel]]
    task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    async def serve(self) -> None:
        """Let connections in until cancelled; libpq may make a second one, without TLS."""
        loop = asyncio.get_running_loop()
        while True:
            guest, _ = await loop.sock_accept(self.listener)
            try:
                link, channel = self.ready.pop() if self.ready else await _opened(self.way)
            except FerrymanError:
                guest.close()
            else:
                _carry(self.way, link, channel, guest)

    async def close(self) -> None:
        """Let nobody in any more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        self.listener.close()
        for link, (_reader, writer) in self.ready:
            writer.close()
            _close_when_idle(self.way, link)


async def _open_door(way: Way) -> _Door:
    first = await _opened(way)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    door = _Door(way, listener, [first])
    door.task = asyncio.create_task(door.serve())
    return door

"""An SSH server of the tests' own, in this process: what passes through it can be counted, forbidden and cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from urllib.parse import quote

import asyncssh

USER, PASSWORD = "ferry", "through the gate"


class Bastion:
    """Listens on loopback while used as a context manager; `stop` and `start` keep its port and key."""

    def __init__(self) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self.forbidden = False
        self.passed: list[tuple[str, int]] = []
        self.on_lost: Callable[[], object] = lambda: None
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listener: asyncssh.SSHAcceptor | None = None

    def __enter__(self) -> Bastion:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint()

    @property
    def key_text(self) -> str:
        return self.user_key.export_private_key().decode()

    def options(self, **changed: str) -> str:
        """Options of an endpoint's URL; an empty value leaves one out."""
        usual = {
            "ssh_host": "127.0.0.1", "ssh_port": str(self.port), "ssh_user": USER,
            "ssh_password": PASSWORD, "ssh_host_key": self.fingerprint,
        }  # fmt: skip
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in (usual | changed).items() if value)

    def start(self) -> None:
        self._listener = self._do(self._listen())
        self.port = self._listener.get_port()

    def stop(self) -> None:
        """End without a word, and all that passes through."""
        if self._listener is not None:
            self._do(self._end(self._listener))
            self._listener = None

    def cut(self) -> None:
        """End all connections, but go on listening."""
        self._do(self._abort())

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[self.host_key],
            server_factory=lambda: _Guard(self),
            reuse_address=True,
        )

    async def _end(self, listener: asyncssh.SSHAcceptor) -> None:
        listener.close()
        await self._abort()

    async def _abort(self) -> None:
        for connection in list(self.connections):
            connection.abort()


class _Guard(asyncssh.SSHServer):
    def __init__(self, bastion: Bastion) -> None:
        self._bastion = bastion

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._bastion.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bastion.connections.discard(self._connection)
        self._bastion.on_lost()

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._bastion.user_key.convert_to_public()

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        if self._bastion.forbidden:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "forwarding is not allowed")
        self._bastion.passed.append((dest_host, dest_port))
        return True

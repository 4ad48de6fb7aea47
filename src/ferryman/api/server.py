"""``ferryman serve``: the service behind a web server, until it is told to end."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from ferryman.api.application import create_application
from ferryman.api.credentials import PASSWORD_VARIABLE, OpenedAccess, open_access
from ferryman.api.deadline import DeadlineProtocol
from ferryman.api.events import STREAMS
from ferryman.api.labels import Labels
from ferryman.api.metrics import Exposition
from ferryman.api.telemetry import Telemetry
from ferryman.api.telemetry import settings_of as telemetry_settings
from ferryman.control.alerts.book import Alerts
from ferryman.control.alerts.watch import AlertWatch
from ferryman.control.oidc.logins import OidcLogins
from ferryman.control.oidc.settings import settings_of
from ferryman.control.prechecks import Prechecks
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError

GRACE_SECONDS = 5


def serve(
    data_dir: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8089,
    executor: str = "local",
    metadb_url: str = "",
    tls: Certificate | None = None,
    ready: Callable[[str, OpenedAccess], None] = lambda _url, _opened: None,
) -> None:
    """Serve until SIGTERM or SIGINT; then end the tasks (projects stay RUNNING and go on at the next start).

    Args:
        data_dir: State of the service; made when it is not there.
        host: Address to listen at.
        port: Port to listen at; 0 takes a free one.
        executor: Where tasks run.
        metadb_url: The server that holds the state; empty: a file in `data_dir`.
        tls: Certificate and key to serve HTTPS with; plain HTTP without.
        ready: Called with the URL and the credentials once calls are answered.

    Raises:
        FerrymanError: ``serve.address_in_use``, ``oidc.settings``, ``serve.certificate``, ``serve.password_not_set``,
            ``service.data_dir_in_use``, ``telemetry.settings``, ``telemetry.not_installed``.
    """
    if tls is not None:
        tls.check()
    oidc, sending = settings_of(), telemetry_settings()
    with listening_socket(host, port) as listener:
        service = Service(data_dir, executor=executor, metadb_url=metadb_url)
        watch = AlertWatch(service.metadb, leads=service.leads)
        telemetry = (
            None if sending is None else Telemetry(sending, Exposition(Alerts(service.metadb)).render, service.leads)
        )
        try:
            opened = open_access(service.metadb, os.environ.get(PASSWORD_VARIABLE))
            _require_password(host, opened)
            metadb = service.metadb
            logins = OidcLogins(oidc, opened.access) if oidc else None
            application = create_application(
                service, Labels(metadb), opened.access, Prechecks(metadb), Alerts(metadb), oidc=logins
            )
            service.start()
            watch.start()
            if telemetry is not None:
                telemetry.start()
            url = _url(host, listener.getsockname()[1], secure=tls is not None)
            server = _Server(_config(application, tls), lambda: ready(url, opened))
            server.run(sockets=[listener])
        finally:
            if telemetry is not None:
                telemetry.close()
            watch.close()
            service.close()


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate (with its chain) and its key, in PEM."""

    chain: Path
    key: Path

    def check(self) -> None:
        """Refuse files that cannot be read or do not belong together; ``serve.certificate``."""
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key)
        except (OSError, ssl.SSLError) as error:
            raise FerrymanError("serve.certificate", f"{self.chain} with {self.key}: {error}") from None


def _require_password(host: str, opened: OpenedAccess) -> None:
    """Beyond this machine only with a password that somebody has chosen; ``serve.password_not_set``."""
    if opened.chosen or _is_loopback(host):
        return
    raise FerrymanError(
        "serve.password_not_set", f"{host} is reached from other machines, and no password has been set"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _config(application: object, tls: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        http=DeadlineProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=tls.chain if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


class _Server(uvicorn.Server):
    """Tells when it is ready, and takes a signal as a wish to end, not as an error."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams first: a console that is looking on is no reason to wait."""
        STREAMS.end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike the one of uvicorn, does not raise the signal again: ending when told to is success."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound socket; ``serve.address_in_use`` when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise FerrymanError(
            "serve.address_in_use", f"cannot listen at {host}:{port}: {error.strerror or error}"
        ) from error
    return listener


def _url(host: str, port: int, *, secure: bool) -> str:
    scheme = "https" if secure else "http"
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"

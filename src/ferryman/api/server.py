"""``ferryman serve``: the service behind a web server, until it is told to end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from ferryman.api.application import create_application
from ferryman.api.credentials import PASSWORD_VARIABLE, OpenedCredentials, open_credentials
from ferryman.api.labels import Labels
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError

GRACE_SECONDS = 5


def serve(
    data_dir: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8089,
    executor: str = "local",
    ready: Callable[[str, OpenedCredentials], None] = lambda _url, _opened: None,
) -> None:
    """Serve until SIGTERM or SIGINT; then end the tasks (projects stay RUNNING and go on at the next start).

    Args:
        data_dir: State of the service; made when it is not there.
        host: Address to listen at.
        port: Port to listen at; 0 takes a free one.
        executor: Where tasks run.
        ready: Called with the URL and the credentials once calls are answered.

    Raises:
        FerrymanError: ``serve.address_in_use``, ``service.data_dir_in_use``.
    """
    with listening_socket(host, port) as listener:
        service = Service(data_dir, executor=executor)
        try:
            opened = open_credentials(service.data_dir, os.environ.get(PASSWORD_VARIABLE))
            application = create_application(service, Labels(service.data_dir), opened.credentials)
            service.start()
            url = _url(host, listener.getsockname()[1])
            server = _Server(_config(application), lambda: ready(url, opened))
            server.run(sockets=[listener])
        finally:
            service.close()


def _config(application: object) -> uvicorn.Config:
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """Tells when it is ready, and takes a signal as a wish to end, not as an error."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

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


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

"""The client of a running service, as the commands use it: by path, with a local service's own password."""

from __future__ import annotations

import os
from typing import Any

from ferryman import client as library
from ferryman.cli.problems import default_data_dir
from ferryman.client.exchange import Request
from ferryman.client.login import DEFAULT_URL
from ferryman.foundation.errors import FerrymanError

HINT = "give --user and --password, or set FERRYMAN_PASSWORD (a random one lies in DIR/admin-password)"


class Client(library.Client):
    """Calls ``/api/v1`` of a service by the parts of a path."""

    def get(self, *path: str, **query: Any) -> Any:
        """Ask for something."""
        return self._at("GET", path, query={name: value for name, value in query.items() if value not in ("", [])})

    def post(self, *path: str, body: Any = None, **headers: str) -> Any:
        """Make something, or tell it to do something; `headers` as ``If_Match``."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._at("POST", path, body=body if body is not None else {}, headers=told)

    def patch(self, *path: str, body: Any) -> Any:
        """Change something."""
        return self._at("PATCH", path, body=body)

    def put(self, *path: str, body: Any) -> Any:
        """Set something."""
        return self._at("PUT", path, body=body)

    def delete(self, *path: str) -> Any:
        """Remove something."""
        return self._at("DELETE", path)

    def _at(self, method: str, parts: tuple[str, ...], **more: Any) -> Any:
        within = {f"part{number}": part for number, part in enumerate(parts)}
        path = "/api/v1/" + "/".join(f"{{{name}}}" for name in within)
        try:
            return self.request(Request(method=method, path=path, within=within, **more))
        except FerrymanError as error:
            if error.code == "api.unauthorized":
                error.hint = HINT
            raise


def client_of(url: str | None, user: str | None, password: str | None) -> Client:
    """Return a client; what is not given comes from the environment, then from the local service's own file."""
    return Client(
        url or os.environ.get("FERRYMAN_URL") or DEFAULT_URL,
        user=user or os.environ.get("FERRYMAN_USER") or "admin",
        password=password or os.environ.get("FERRYMAN_PASSWORD") or _local_password(),
        key=os.environ.get("FERRYMAN_KEY", "") if not (user or password) else "",
    )


def _local_password() -> str:
    """Return the password of this user's own service, when it made a random one."""
    given = os.environ.get("FERRYMAN_ADMIN_PASSWORD")
    if given:
        return given
    try:
        return (default_data_dir() / "admin-password").read_text(encoding="utf-8").strip()
    except OSError:
        return ""

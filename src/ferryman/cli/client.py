"""The client of a running service, by its native API."""

from __future__ import annotations

import base64
import http.client
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from ferryman.cli.problems import default_data_dir
from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError, UsageError

DEFAULT_URL = "http://127.0.0.1:8089"
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Calls ``/api/v1`` of a service."""

    url: str
    user: str
    password: str = field(repr=False)

    def get(self, *path: str, **query: Any) -> Any:
        """Ask for something."""
        return self._call("GET", path, query=query)

    def post(self, *path: str, body: Any = None, **headers: str) -> Any:
        """Make something, or tell it to do something; `headers` as ``If_Match``."""
        return self._call("POST", path, body=body if body is not None else {}, headers=headers)

    def patch(self, *path: str, body: Any) -> Any:
        """Change something."""
        return self._call("PATCH", path, body=body)

    def put(self, *path: str, body: Any) -> Any:
        """Set something."""
        return self._call("PUT", path, body=body)

    def delete(self, *path: str) -> Any:
        """Remove something."""
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        place = "/api/v1/" + "/".join(quote(part, safe="") for part in path)
        given = {name: value for name, value in (query or {}).items() if value not in (None, "", [])}
        address = self.url.rstrip("/") + place + (f"?{urlencode(given, doseq=True)}" if given else "")
        request = urllib.request.Request(address, method=method, headers=self._headers())
        for name, value in (headers or {}).items():
            request.add_header(name.replace("_", "-"), value)
        request.data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                raw, kind = answer.read(), answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise FerrymanError("api.unreachable", f"no service answers at {self.url}: {reason}") from error
        if kind != "application/json":
            return raw.decode("utf-8") or None
        return json.loads(raw) if raw else None

    def _headers(self) -> dict[str, str]:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {login}", "Content-Type": "application/json"}


def client_of(url: str | None, user: str | None, password: str | None) -> Client:
    """Return a client; what is not given comes from the environment, then from the local service's own file."""
    url = url or os.environ.get("FERRYMAN_URL") or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise UsageError("usage.wrong_option", f"--url {url!r} must begin with http:// or https://")
    password = password or os.environ.get("FERRYMAN_PASSWORD") or _local_password()
    return Client(url=url, user=user or os.environ.get("FERRYMAN_USER") or "admin", password=password)


def _local_password() -> str:
    """Return the password of this user's own service, when it made a random one."""
    given = os.environ.get("FERRYMAN_ADMIN_PASSWORD")
    if given:
        return given
    try:
        return (default_data_dir() / "admin-password").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _refusal(error: urllib.error.HTTPError) -> FerrymanError:
    """Turn an error answer into the error it stands for."""
    try:
        told = json.loads(error.read())["error"]
        code, message, hint = str(told["code"]), str(told["message"]), str(told["hint"])
    except (ValueError, KeyError, TypeError, OSError):
        code, message, hint = "api.unreachable", f"the server answers with HTTP {error.code}, not as ferryman does", ""
    if code == "api.unauthorized":
        hint = "give --user and --password, or set FERRYMAN_PASSWORD (a random one lies in DIR/admin-password)"
    return FerrymanError(code if code in CODES else "internal.error", message, hint=hint)

"""A program written for OMS: just enough of one to run a migration through the HTTP API."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint


@dataclass(frozen=True, slots=True)
class OmsClient:
    """Calls a service on loopback with HTTP Basic."""

    port: int
    password: str
    user: str = "admin"

    def act(self, action: str, **parameters: Any) -> Any:
        """Call ``POST /api/v2?Action=…`` and return its `data`; ``demo.refused`` with the service's own words."""
        return self._call("POST", f"/api/v2?Action={action}", json.dumps(parameters))["data"]

    def get(self, path: str) -> dict[str, Any]:
        """Call ``GET path`` and return the whole answer."""
        return dict(self._call("GET", path))

    def is_up(self) -> bool:
        """Whether the service answers at all."""
        try:
            self._call("GET", "/healthz")
        except (OSError, FerrymanError, http.client.HTTPException, ValueError):
            return False
        return True

    def create_endpoint(self, action: str, name: str, endpoint: Endpoint) -> str:
        """Register a database and return its ID."""
        made = self.act(
            action,
            name=name,
            ip=endpoint.host,
            port=endpoint.port,
            username=endpoint.username,
            password=base64.b64encode(endpoint.password.encode()).decode(),
        )
        return str(made)

    def steps(self, project: str) -> dict[str, Any]:
        """Return the project's steps by name, with all that the native API tells of them."""
        return {step["name"]: step for step in self._call("GET", f"/api/v1/projects/{project}/steps")}

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if isinstance(answer, dict) and answer.get("success") is False:
            raise FerrymanError("demo.refused", f"{path}: {answer.get('code')}: {answer.get('message')}")
        return answer

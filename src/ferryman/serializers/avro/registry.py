"""A schema registry: its HTTP interface is Confluent's, which Apicurio, Karapace, Redpanda and others speak, too."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ferryman.foundation.errors import FerrymanError, Retry, UsageError
from ferryman.foundation.networks import allowed_address
from ferryman.foundation.web import host_and_port

ANSWER_SECONDS = 15.0
_KIND = "application/vnd.schemaregistry.v1+json"
_CONFLICT, _UNKNOWN, _UNPROCESSABLE = 409, 404, 422


class Registry:
    """Asks one registry (or several that hold the same) for the numbers of schemas."""

    def __init__(self, options: Mapping[str, str], *, register: bool) -> None:
        """Read the endpoint's options.

        Args:
            options: ``registry`` (URLs, joined by commas), ``registry_user``, ``registry_password``, ``registry_ca``.
            register: Whether schemas may be registered; else they must be there.
        """
        self._urls = [url.strip().rstrip("/") for url in options["registry"].split(",") if url.strip()]
        if not self._urls or not all(url.startswith(("http://", "https://")) for url in self._urls):
            raise UsageError("usage.wrong_option", "registry= takes URLs that begin with http:// or https://")
        for url in self._urls:
            allowed_address(*host_and_port(url), what="the schema registry", resolve=False)
        self._register = register
        self._headers = {"Content-Type": _KIND, "Accept": f"{_KIND}, application/json"}
        if user := options.get("registry_user"):
            login = base64.b64encode(f"{user}:{options.get('registry_password', '')}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"
        self._tls = _tls(options.get("registry_ca"))
        self._numbers: dict[tuple[str, str], int] = {}

    def check(self) -> None:
        """Ask for anything; raises ``endpoint.unreachable`` or ``endpoint.access_denied``."""
        self._asked("GET", "/schemas/types", "asking for its types")

    def number_of(self, subject: str, schema: dict[str, Any]) -> int:
        """Return the number of a schema under its subject, registering it if need be.

        Raises:
            FerrymanError: ``registry.incompatible`` when the subject's rule of compatibility refuses it,
                ``registry.schema_missing`` when it is not there and may not be registered.
        """
        text = json.dumps(schema, separators=(",", ":"))
        at = (subject, text)
        if at not in self._numbers:
            path = f"/subjects/{quote(subject, safe='')}" + ("/versions" if self._register else "")
            answer = self._asked("POST", path, f"the schema of {subject}", {"schema": text})
            self._numbers[at] = int(answer["id"])
        return self._numbers[at]

    def _asked(self, method: str, path: str, what: str, body: Any = None) -> Any:
        """Ask one registry after the other until one answers."""
        data = json.dumps(body).encode() if body is not None else None
        failure = ""
        for url in self._urls:
            request = urllib.request.Request(url + path, data, self._headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=self._tls) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code < http.client.INTERNAL_SERVER_ERROR:
                    raise _refused(error, what) from None
                failure = f"{url} answers {error.code}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                failure = f"{url}: {getattr(error, 'reason', None) or type(error).__name__}"
        raise FerrymanError(
            "endpoint.unreachable",
            f"the schema registry does not answer: {failure}",
            hint="check registry= of the target, and that the registry runs: it is asked again by itself",
            retry=Retry.AUTO,
        )


def _tls(authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise UsageError("usage.wrong_option", f"registry_ca cannot be read: {error.strerror or error}") from None


def _refused(error: urllib.error.HTTPError, what: str) -> FerrymanError:
    reason = _reason(error)
    if error.code in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        return FerrymanError(
            "endpoint.access_denied",
            f"the schema registry refused the login: {what}",
            hint="check registry_user and registry_password of the target, and what they may do",
        )
    if error.code == _CONFLICT:
        return FerrymanError("registry.incompatible", f"{what} does not go with the one before it: {reason}")
    if error.code == _UNKNOWN:
        return FerrymanError("registry.schema_missing", f"{what} is not in the registry: {reason}")
    return FerrymanError("registry.refused", f"the registry refused {what} ({error.code}): {reason}")


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read()).get("message", error.reason))[:400]
    except (ValueError, AttributeError, OSError):
        return str(error.reason)

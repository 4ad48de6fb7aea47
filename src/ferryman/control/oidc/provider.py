"""The provider as we talk to it: discovery, the code's exchange, and whether what it says of a person holds."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from ferryman.control.oidc.settings import OidcSettings, require_secure
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.web import call

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key that only the provider has; never one by the client's secret, never none."""

LEEWAY_SECONDS = 60
FRESH_SECONDS = 3600.0
PATIENCE_SECONDS = 10.0
"""Least time between two looks at the provider's keys: a made-up key id must not make us ask again and again."""


class Provider:
    """One provider. Thread-safe; its description and keys are kept for an hour."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def authorization_url(self, redirect: str, state: str, nonce: str, challenge: str) -> str:
        """Return where a person's browser goes to log in."""
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect,
            "scope": self._settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        url = self._place("authorization_endpoint")
        return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"

    def claims(self, code: str, redirect: str, verifier: str, nonce: str) -> dict[str, Any]:
        """Exchange a code for what the provider says of the person; ``oidc.refused``, ``oidc.provider``."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        answer = self._tokens(asked)
        claims = self._verified(str(answer.get("id_token", "")), nonce)
        if self._settings.role_claim not in claims or self._settings.user_claim not in claims:
            claims = self._user_info(str(answer.get("access_token", "")), claims["sub"]) | claims
        return claims

    def _tokens(self, asked: dict[str, str]) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        named, secret = self._settings.client_id, self._settings.client_secret
        ways = self._description().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in ways:
            login = f"{quote(named, safe='')}:{quote(secret, safe='')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        else:
            asked = asked | {"client_id": named} | ({"client_secret": secret} if secret else {})
        return self._asked("POST", self._place("token_endpoint"), urlencode(asked).encode(), headers)

    def _user_info(self, token: str, subject: str) -> dict[str, Any]:
        url = self._description().get("userinfo_endpoint")
        if not url or not token:
            return {}
        told = self._asked("GET", require_secure(str(url)), None, {"Authorization": f"Bearer {token}"})
        if told.get("sub") != subject:
            raise FerrymanError("oidc.refused", "the provider tells of another person than the one who logged in")
        return told

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """Return an ID token's claims once signature, issuer, audience, times and nonce hold."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from joserfc.jwt import JWTClaimsRegistry, decode

        for fresh in (False, True):  # the second time with keys read anew: the provider may have changed them
            try:
                keys = KeySet.import_key_set(self._keys(fresh=fresh))  # type: ignore[arg-type]
                claims = dict(decode(token, keys, algorithms=ALGORITHMS).claims)
                break
            except (JoseError, ValueError) as error:
                if fresh:
                    raise FerrymanError("oidc.refused", f"the ID token does not hold: {_kind(error)}") from None
        needed: Any = {
            "iss": {"essential": True, "value": self._description()["issuer"]},
            "aud": {"essential": True, "value": self._settings.client_id},
            "exp": {"essential": True},
            "iat": {"essential": True},
            "sub": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        }
        try:
            JWTClaimsRegistry(leeway=LEEWAY_SECONDS, **needed).validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise FerrymanError("oidc.refused", f"the ID token does not hold: {_kind(error)}") from None
        self._check_party(claims)
        return claims

    def _check_party(self, claims: Mapping[str, Any]) -> None:
        party, audience = claims.get("azp"), claims["aud"]
        if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (
            None,
            self._settings.client_id,
        ):
            raise FerrymanError("oidc.refused", "the ID token was made for another application")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise FerrymanError("oidc.refused", "the ID token names nobody")

    def _description(self) -> dict[str, Any]:
        found = self._remembered(f"{self._settings.issuer}/.well-known/openid-configuration", FRESH_SECONDS)
        if str(found.get("issuer", "")).rstrip("/") != self._settings.issuer:
            raise FerrymanError("oidc.provider", f"{self._settings.issuer} describes itself as another issuer")
        return found

    def _place(self, name: str) -> str:
        url = self._description().get(name)
        if not isinstance(url, str):
            raise FerrymanError("oidc.provider", f"{self._settings.issuer} does not name its {name}")
        return require_secure(url)

    def _keys(self, *, fresh: bool) -> dict[str, Any]:
        return self._remembered(self._place("jwks_uri"), PATIENCE_SECONDS if fresh else FRESH_SECONDS)

    def _remembered(self, url: str, seconds: float) -> dict[str, Any]:
        with self._lock:
            at, found = self._kept.get(url, (0.0, {}))
            if not found or time.monotonic() - at > seconds:
                found = self._asked("GET", url, None, {"Accept": "application/json"})
                self._kept[url] = (time.monotonic(), found)
            return found

    def _asked(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object a place answers; its words about a failure are told by their code alone."""
        try:
            answer = call(method, url, body, headers)
            told = json.loads(answer.body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FerrymanError("oidc.provider", f"{_bare(url)} cannot be asked: {_kind(error)}") from error
        if not isinstance(told, dict):
            raise FerrymanError("oidc.provider", f"{_bare(url)} does not answer a JSON object")
        if not answer.good:
            reason = str(told.get("error", ""))[:60] or f"HTTP {answer.status}"
            raise FerrymanError("oidc.refused", f"the provider has refused the login: {reason}")
        return told


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _kind(error: Exception) -> str:
    return getattr(error, "description", "") or getattr(error, "strerror", None) or type(error).__name__

"""One login by the provider, from the button to the session."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.control.access import Access, plain_name
from ferryman.control.oidc.provider import Provider
from ferryman.control.oidc.settings import OidcSettings
from ferryman.control.roles import Principal
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError

TICKET_SECONDS = 600
"""How long a person may take to log in at the provider."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and the sealed ticket it keeps until it comes back."""

    url: str
    ticket: str


class OidcLogins:
    """Logins by one provider. Nothing is kept here: the browser holds a sealed ticket, so any of several services may go on."""

    def __init__(self, settings: OidcSettings, access: Access, provider: Provider | None = None) -> None:
        self.settings = settings
        self._access = access
        self._provider = provider or Provider(settings)
        self._box = access.metadb.box

    def depart(self, redirect: str) -> Departure:
        """Begin a login that comes back to `redirect`; ``oidc.provider`` when the provider cannot be asked."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        url = self._provider.authorization_url(redirect, state, nonce, challenge)
        ticket = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "redirect": redirect,
            "until": unix_now() + TICKET_SECONDS,
        }
        return Departure(url, self._box.seal(json.dumps(ticket)))

    def arrive(self, ticket: str, answer: Mapping[str, str]) -> Principal:
        """End a login with what the provider has sent back; ``oidc.refused``, ``oidc.expired``, ``oidc.provider`` and so on."""
        kept = self._opened(ticket)
        if not hmac.compare_digest(str(kept["state"]).encode(), answer.get("state", "").encode("utf-8", "replace")):
            raise FerrymanError("oidc.expired", "this login was begun elsewhere")
        if told := answer.get("error"):
            raise FerrymanError("oidc.refused", f"the provider has refused the login: {told[:60]}")
        if not (code := answer.get("code", "")):
            raise FerrymanError("oidc.refused", "the provider has sent no code")
        claims = self._provider.claims(code, kept["redirect"], kept["verifier"], kept["nonce"])
        return self._admitted(claims)

    def _admitted(self, claims: Mapping[str, Any]) -> Principal:
        role = self.settings.role_of(claims)
        if role is None:
            raise FerrymanError(
                "oidc.no_role", f"none of your groups may use this service (claim {self.settings.role_claim})"
            )
        identity = hashlib.sha256(f"{self.settings.issuer}\0{claims['sub']}".encode()).hexdigest()
        name = str(claims.get(self.settings.user_claim) or claims.get("email") or claims["sub"])
        return self._access.of_identity(identity, plain_name(name), role)

    def _opened(self, ticket: str) -> dict[str, Any]:
        try:
            kept = json.loads(self._box.open(ticket))
        except FerrymanError:
            kept = {}
        if not isinstance(kept, dict) or kept.get("until", 0) < unix_now():
            raise FerrymanError("oidc.expired", "the login has taken too long, or was begun in another browser")
        return kept

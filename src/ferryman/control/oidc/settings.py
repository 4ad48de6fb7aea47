"""What the operator says about the provider, in the service's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ferryman.control.roles import Role
from ferryman.foundation.errors import FerrymanError

PREFIX = "FERRYMAN_OIDC_"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """The provider, who we are there, and which of its people may do what.

    Attributes:
        public_url: What browsers call the service; empty: what the login's own request calls it.
        user_claim: The claim that names the account.
        role_claim: The claim that holds a person's groups, a text or a list of texts.
        groups: Role to the groups that have it; the highest counts.
        default_role: Of people in none of these groups; `None` refuses them.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = "Single sign-on"
    scopes: str = "openid profile email"
    public_url: str = ""
    user_claim: str = "preferred_username"
    role_claim: str = "groups"
    groups: Mapping[Role, frozenset[str]] = field(default_factory=dict)
    default_role: Role | None = None

    def role_of(self, claims: Mapping[str, object]) -> Role | None:
        """Return the highest role a person's groups give, `None` when they may not log in."""
        told = claims.get(self.role_claim)
        mine = (
            {told}
            if isinstance(told, str)
            else {each for each in told if isinstance(each, str)}
            if isinstance(told, list)
            else set()
        )
        return next((role for role in reversed(Role) if mine & self.groups.get(role, frozenset())), self.default_role)


def settings_of(environment: Mapping[str, str] = os.environ) -> OidcSettings | None:
    """Read the settings; `None` without ``FERRYMAN_OIDC_ISSUER``; ``oidc.settings`` when they cannot be right."""
    given = {name.removeprefix(PREFIX): value.strip() for name, value in environment.items() if name.startswith(PREFIX)}
    if not given.get("ISSUER"):
        return None
    if not given.get("CLIENT_ID"):
        raise FerrymanError("oidc.settings", f"{PREFIX}CLIENT_ID is missing")
    _check_library()
    groups = {role: _listed(given.get(f"{role.value.upper()}S", "")) for role in Role}
    texts = {name: given[name.upper()] for name in _TEXTS if given.get(name.upper())}
    found = OidcSettings(
        issuer=given["ISSUER"].rstrip("/"),
        client_id=given["CLIENT_ID"],
        groups=groups,
        default_role=_role(given.get("DEFAULT_ROLE", "")),
        **texts,
    )
    if found.default_role is None and not any(groups.values()):
        raise FerrymanError(
            "oidc.settings", f"nobody could log in: {PREFIX}OPERATORS and {PREFIX}DEFAULT_ROLE are missing"
        )
    for url in filter(None, (found.issuer, found.public_url)):
        require_secure(url)
    return found


_TEXTS = ("client_secret", "name", "scopes", "public_url", "user_claim", "role_claim")


def require_secure(url: str) -> str:
    """Refuse plain HTTP beyond this machine: the provider's word is only as good as the way it comes; ``oidc.settings``."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url
    raise FerrymanError("oidc.settings", f"{url} is no https:// URL")


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _role(text: str) -> Role | None:
    try:
        return Role(text) if text else None
    except ValueError:
        raise FerrymanError(
            "oidc.settings", f"{PREFIX}DEFAULT_ROLE is none of {', '.join(r.value for r in Role)}"
        ) from None


def _check_library() -> None:
    try:
        import joserfc  # noqa: F401
    except ImportError:
        raise FerrymanError(
            "oidc.settings", "the library for tokens is missing", hint="pip install 'ferryman[oidc]'"
        ) from None

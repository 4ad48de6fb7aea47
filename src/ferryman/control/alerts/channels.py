"""Channels: what each kind needs to know, which alerts it takes, and how its settings are checked.

webhook   a JSON document, signed
chat      the JSON body a chat tool wants: presets for DingTalk, Feishu and Slack, or a template of one's own
email     SMTP with TLS
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from ferryman.control.alerts.rules import RuleName
from ferryman.control.alerts.templates import PRESETS, check_template
from ferryman.foundation.errors import UsageError
from ferryman.model.project import Importance
from ferryman.model.serial import from_json


class ChannelKind(enum.Enum):
    """How a channel sends."""

    WEBHOOK = "webhook"
    CHAT = "chat"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Which alerts a channel takes; empty members take all.

    Attributes:
        labels: Ids of labels, of which the project has any. Alerts of the service itself have none.
    """

    levels: tuple[Importance, ...] = ()
    rules: tuple[RuleName, ...] = ()
    labels: tuple[str, ...] = ()

    def takes(self, rule: str, level: str, labels: Sequence[str]) -> bool:
        """Whether an alert goes through this channel."""
        return (
            (not self.levels or level in {each.value for each in self.levels})
            and (not self.rules or rule in {each.value for each in self.rules})
            and (not self.labels or bool(set(self.labels) & set(labels)))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A JSON document by POST; with a secret it is signed (HMAC-SHA256)."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    taking: Taking = Taking()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A message to a chat tool.

    Attributes:
        preset: ``dingtalk``, ``feishu``, ``slack``, or ``custom`` with a template.
        secret: With which DingTalk's and Feishu's robots check who calls.
        template: JSON with ``{{placeholders}}`` in its texts.
    """

    url: str = field(repr=False)
    preset: str = "custom"
    secret: str = field(default="", repr=False)
    template: str = ""
    taking: Taking = Taking()


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Mail by SMTP.

    Attributes:
        security: ``starttls``, ``tls`` (from the first byte), or ``none`` (only without a login).
    """

    host: str
    port: int = 587
    security: str = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    sender: str
    recipients: tuple[str, ...]
    taking: Taking = Taking()


Settings = Webhook | Chat | Email
KINDS: dict[ChannelKind, type[Settings]] = {
    ChannelKind.WEBHOOK: Webhook,
    ChannelKind.CHAT: Chat,
    ChannelKind.EMAIL: Email,
}
SECRETS = ("url", "secret", "password")
"""Members that are never shown: robots' addresses hold their access token."""

MASK = "******"
"""Stands for a secret in answers; sent back, it means the one that is kept."""

_MOST_RECIPIENTS = 50


def settings_of(kind: ChannelKind, document: dict[str, Any]) -> Settings:
    """Read and check the settings of a channel; ``alert.invalid`` names the member."""
    shape = KINDS[kind]
    known = {each.name for each in fields(shape)}
    if unknown := sorted(set(document) - known):
        raise UsageError("alert.invalid", f"a {kind.value} channel has no setting {unknown[0]}")
    try:
        settings = from_json(shape, document)
    except (TypeError, ValueError, KeyError) as error:
        raise UsageError("alert.invalid", f"settings of the {kind.value} channel: {_first_line(error)}") from None
    for name in known - {"taking", "port", "recipients"}:
        if not isinstance(getattr(settings, name), str):
            raise UsageError("alert.invalid", f"setting {name} must be a text")
    _check(settings)
    return settings


def shown(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without secrets; of a URL scheme and host stay."""
    masked = {name: MASK if name in SECRETS and value else value for name, value in settings.items()}
    if settings.get("url"):
        parts = urlsplit(settings["url"])
        masked["url"] = f"{parts.scheme}://{parts.hostname}/{MASK}"
    return masked


def with_kept_secrets(given: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Put back the secrets that were sent as they had been shown."""
    hidden = shown(kept)
    return {
        name: kept[name] if name in SECRETS and name in kept and value == hidden.get(name) else value
        for name, value in given.items()
    }


def _check(settings: Settings) -> None:
    if isinstance(settings, Email):
        _check_email(settings)
        return
    _check_url(settings.url)
    if isinstance(settings, Chat):
        if settings.preset not in PRESETS:
            raise UsageError("alert.invalid", f"preset must be one of {', '.join(PRESETS)}")
        check_template(settings.template or PRESETS[settings.preset])


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc or not url.isascii() or any(ord(letter) <= 32 for letter in url):
        raise UsageError("alert.invalid", "url must be http:// or https:// with a host, without user and blanks")


def _check_email(settings: Email) -> None:
    if settings.security not in {"starttls", "tls", "none"}:
        raise UsageError("alert.invalid", "security must be starttls, tls or none")
    if settings.security == "none" and (settings.username or settings.password):
        raise UsageError("alert.invalid", "a password is sent only with security starttls or tls")
    if not settings.host or not isinstance(settings.port, int) or not 0 < settings.port < 65_536:
        raise UsageError("alert.invalid", "host and port of the mail server are needed")
    if not 0 < len(settings.recipients) <= _MOST_RECIPIENTS:
        raise UsageError("alert.invalid", f"there must be 1 to {_MOST_RECIPIENTS} recipients")
    for address in (settings.sender, *settings.recipients):
        if not isinstance(address, str) or not _is_address(address):
            raise UsageError("alert.invalid", "sender and recipients are plain addresses: name@host")


def _is_address(text: str) -> bool:
    name, _, host = text.partition("@")
    plain = all(33 <= ord(letter) < 127 and letter not in '<>,;:"()[]\\' for letter in text)
    return bool(name) and bool(host) and "@" not in host and plain and len(text) <= 254


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].split(" got ")[0][:200]

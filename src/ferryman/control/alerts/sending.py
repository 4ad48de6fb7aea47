"""Sends one notice through one channel; every failure is a `FerrymanError` without secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import smtplib
import socket
import ssl
import time
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote_plus, urlsplit

from ferryman.control.alerts.channels import Chat, Email, Settings, Webhook
from ferryman.control.alerts.templates import PRESETS, fill, line, placeholders
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.networks import allowed_address
from ferryman.foundation.web import TIMEOUT_SECONDS, call, host_and_port

_REFUSAL_MEMBERS = ("errcode", "code", "StatusCode")
"""DingTalk and Feishu answer HTTP 200 and say in one of these that they have refused."""


def send(settings: Settings, document: Mapping[str, Any], delivery: str) -> None:
    """Send a notice.

    Args:
        settings: Of the channel.
        document: The notice.
        delivery: Identifies it for the receiver, the same in every attempt.

    Raises:
        FerrymanError: ``alert.not_delivered``, ``network.forbidden``, ``network.unknown_host``.
    """
    try:
        if isinstance(settings, Webhook):
            _send_webhook(settings, document, delivery)
        elif isinstance(settings, Chat):
            _send_chat(settings, document)
        else:
            _send_email(settings, document, delivery)
    except (OSError, http.client.HTTPException, smtplib.SMTPException, ValueError) as error:
        raise FerrymanError("alert.not_delivered", _reason(error)) from error


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what ``X-Ferryman-Signature`` holds: HMAC-SHA256 of ``timestamp.body``."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def _send_webhook(settings: Webhook, document: Mapping[str, Any], delivery: str) -> None:
    body = json.dumps(dict(document), ensure_ascii=False).encode()
    timestamp = str(int(time.time()))
    headers = {
        "X-Ferryman-Delivery": delivery,
        "X-Ferryman-Event": str(document["event"]),
        "X-Ferryman-Timestamp": timestamp,
    }
    if settings.secret:
        headers["X-Ferryman-Signature"] = signature(settings.secret, timestamp, body)
    _post(settings.url, body, headers)


def _send_chat(settings: Chat, document: Mapping[str, Any]) -> None:
    body = fill(settings.template or PRESETS[settings.preset], placeholders(document))
    url = settings.url
    if settings.secret and settings.preset == "dingtalk":
        url = _signed_for_dingtalk(url, settings.secret, str(round(time.time() * 1000)))
    if settings.secret and settings.preset == "feishu":
        body |= _signed_for_feishu(settings.secret, str(int(time.time())))
    answer = _post(url, json.dumps(body, ensure_ascii=False).encode(), {})
    _require_taken(answer)


def _signed_for_dingtalk(url: str, secret: str, milliseconds: str) -> str:
    digest = hmac.new(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256).digest()
    mark = "&" if urlsplit(url).query else "?"
    return f"{url}{mark}timestamp={milliseconds}&sign={quote_plus(base64.b64encode(digest))}"


def _signed_for_feishu(secret: str, seconds: str) -> dict[str, str]:
    digest = hmac.new(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": seconds, "sign": base64.b64encode(digest).decode()}


def _require_taken(answer: bytes) -> None:
    try:
        told = json.loads(answer)
    except ValueError:
        return
    codes = [told[name] for name in _REFUSAL_MEMBERS if name in told] if isinstance(told, dict) else []
    if any(code not in (0, "0") for code in codes):
        raise FerrymanError(
            "alert.not_delivered", f"the chat tool has refused the message with code {str(codes[0])[:40]}"
        )


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Post JSON to the address that was checked; returns the answer."""
    host, port = host_and_port(url)
    address = allowed_address(host, port, what="the channel's url")
    told = call("POST", url, body, {"Content-Type": "application/json; charset=utf-8", **headers}, address=address)
    if not told.good:
        raise FerrymanError("alert.not_delivered", f"{host} answers with HTTP {told.status}")
    return told.body


def _send_email(settings: Email, document: Mapping[str, Any], delivery: str) -> None:
    address = allowed_address(settings.host, settings.port, what="the mail server")
    context = ssl.create_default_context()
    kind = _SecureMail if settings.security == "tls" else _PlainMail
    with kind(settings.host, settings.port, address, context) as server:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.username:
            server.login(settings.username, settings.password)
        refused = server.send_message(_message(settings, document, delivery))
    if refused:
        raise FerrymanError("alert.not_delivered", f"the mail server has refused {len(refused)} of the recipients")


class _PlainMail(smtplib.SMTP):
    """Connects to an address that was looked at, in the name of its host."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        self._address = address
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._address, port), timeout)


class _SecureMail(smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        self._address = address
        self._tls = context
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, context=context)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._tls.wrap_socket(socket.create_connection((self._address, port), timeout), server_hostname=host)


def _message(settings: Email, document: Mapping[str, Any], delivery: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Subject"] = " ".join(line(document).split())[:200]
    message["Message-ID"] = f"<{delivery}@ferryman.invalid>"
    rows = [line(document), "", *(f"{name}: {value}" for name, value in document.items() if value not in (None, ""))]
    message.set_content("\n".join(rows))
    return message


def _reason(error: Exception) -> str:
    """Say why, without what the other side has quoted (it may be a secret)."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answers with {error.smtp_code}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or type(error).__name__}{_verify_reason(error)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__ if not isinstance(error, TimeoutError) else "no answer in time"


def _verify_reason(error: ssl.SSLError) -> str:
    return f" ({error.verify_message})" if isinstance(error, ssl.SSLCertVerificationError) else ""

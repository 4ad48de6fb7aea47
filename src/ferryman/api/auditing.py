"""Writes into the audit log what a call changed: who, from where, what was asked for without secrets, how it ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Scope, Send

from ferryman.api.callers import PRINCIPAL, address_of
from ferryman.api.permissions import action_of, changes
from ferryman.control.access import Access
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb.audit import AuditEntry

CODE_HEADER = b"x-ferryman-code"
"""Answers that tell of an error carry its code in this header, so that the log and proxies need not read bodies."""

CHANGES = "(changes)"
"""Member of an entry's detail that no request has: what changed, before and after; of a call that failed nothing did."""

_SECRET_WORDS = ("password", "secret", "token", "key", "credential")
_MOST_BYTES = 16_384
_log = logging.getLogger("ferryman.audit")


class Outcome:
    """Passes the answer on and remembers how it ended."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.text = "unanswered"

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            codes = [value.decode("latin-1") for name, value in message["headers"] if name.lower() == CODE_HEADER]
            status = int(message["status"])
            self.text = codes[0] if codes else ("ok" if status < 400 else f"HTTP {status}")
        await self._send(message)


async def record(
    access: Access, scope: Scope, body: bytes, outcome: str, changed: Sequence[dict[str, Any]] = ()
) -> None:
    """Write an entry for a call that changes something; trouble with the log is told, the answer stands."""
    action = action_of(scope)
    if not changes(scope["method"], scope["path"], action):
        return
    principal = scope.get(PRINCIPAL)
    entry = AuditEntry(
        happened_at=unix_now(),
        account=principal.account if principal else "",
        address=address_of(scope),
        action=action or f"{scope['method']} {scope['path']}",
        outcome=outcome,
        detail=detail_of(body) | ({CHANGES: list(changed)} if changed and outcome == "ok" else {}),
    )
    try:
        await run_in_threadpool(access.record, entry)
    except FerrymanError as error:
        _log.error("the audit log cannot be written: %s by %s: %s (%s)", entry.action, entry.account, outcome, error)


def detail_of(body: bytes) -> dict[str, Any]:
    """Return what was asked for, secrets masked; long or unreadable requests are only measured."""
    if not body.strip():
        return {}
    try:
        document = json.loads(body) if len(body) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return {"bytes": len(body)}
    return {_whole(name): _masked(name, value) for name, value in document.items() if name != CHANGES}


def _masked(name: str, value: Any) -> Any:
    folded = name.lower()
    if isinstance(value, dict):
        return {_whole(key): _masked(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(name, item) for item in value]
    if any(word in folded for word in _SECRET_WORDS):
        return "******"
    # A URL may hold a password; nothing of it is needed to see who did what.
    return _whole("(url)" if "://" in value else value) if isinstance(value, str) else value


def _whole(text: str) -> str:
    """Replace halves of characters, which JSON can carry in and no answer can carry out."""
    return text.encode("utf-8", "replace").decode()

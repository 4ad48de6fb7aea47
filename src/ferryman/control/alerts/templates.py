"""Bodies for chat tools: JSON whose texts hold ``{{placeholders}}``.

The template is parsed before it is filled, so what is filled in can never change its structure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ferryman.foundation.errors import UsageError

PLACEHOLDERS = (
    "event",
    "level",
    "rule",
    "title",
    "message",
    "project",
    "project_id",
    "alert_id",
    "state",
    "opened_at",
    "recovered_at",
    "text",
)
"""What a template may name; ``text`` is all of it in one line for people."""

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_MOST_LETTERS = 20_000

PRESETS = {
    "dingtalk": '{"msgtype": "text", "text": {"content": "{{text}}"}}',
    "feishu": '{"msg_type": "text", "content": {"text": "{{text}}"}}',
    "slack": '{"text": "{{text}}"}',
    "custom": '{"text": "{{text}}"}',
}


def check_template(template: str) -> None:
    """Refuse a template that is no JSON object, or names what there is not; ``alert.invalid``."""
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            raise UsageError("alert.invalid", f"the template names {{{{{name}}}}}; there are {', '.join(PLACEHOLDERS)}")
    try:
        parsed = json.loads(template) if len(template) <= _MOST_LETTERS else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise UsageError("alert.invalid", f"the template must be one JSON object of at most {_MOST_LETTERS} letters")


def fill(template: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body."""
    body: dict[str, Any] = _filled(json.loads(template), values)
    return body


def placeholders(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of all placeholders for a notice."""
    values = {name: str(document.get(name) or "") for name in PLACEHOLDERS}
    return values | {"text": line(document)}


def line(document: Mapping[str, Any]) -> str:
    """Return a notice in one line for people."""
    where = f" · {document['project']}" if document.get("project") else ""
    mark = "RECOVERED" if document["event"] == "recovered" else document["level"]
    return f"[Ferryman] {mark}{where} · {document['title']}: {document['message']}"


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: values[match[1]], value)
    if isinstance(value, dict):
        return {_filled(key, values): _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value

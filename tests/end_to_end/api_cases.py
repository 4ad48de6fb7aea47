"""Generated calls: of every route from the service's own description, of every OMS action from oms-api.yaml."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CASES = int(os.environ.get("FERRYMAN_FUZZ_CASES", "300"))
SEED = int(os.environ.get("FERRYMAN_SEED", "0")) or random.randrange(1, 1 << 32)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NASTY = (
    "' OR 1=1 --",
    "../../../../etc/passwd",
    "..%2f..%2fsecret.key",
    "a\r\nSet-Cookie: x=1",
    "\x00",
    "\ud800",
    "𝕊𝕙𝕠𝕡 🛳",
    "shop`; DROP TABLE project; --",
    "x" * 70_000,
    "-1",
    str(1 << 70),
    "NaN",
)
"""What people and scanners send: injection, paths, header breaks, halves of characters, and things that are too large."""
OMS = yaml.safe_load((Path(__file__).parent / "oms-api.yaml").read_text(encoding="utf-8"))


class Fuzz:
    """Calls an application with what schemathesis makes of its description, and counts."""

    def __init__(self, app: Any, key: str, known: dict[str, list[str]]) -> None:
        self.app = app
        self.headers = {"Authorization": f"Bearer {key}"}
        self.known = known
        self.calls = 0
        self.statuses: dict[int, int] = {}
        self.problems: dict[str, str] = {}

    def run(self, document: dict[str, Any], cases: int, before: Callable[[], None] = lambda: None) -> None:
        """Make about so many calls over all operations, half of them wrong on purpose."""
        operations = list(self._operations(document))
        each = max(2, -(-cases // (2 * len(operations))))
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    self._call(operation, mode, each, before)
                except Exception as error:
                    self.problems.setdefault(f"{operation.label} {type(error).__name__}", str(error)[:3000])

    def _operations(self, document: dict[str, Any]) -> Iterator[Any]:
        schema = schemathesis.openapi.from_dict(document)
        schema.app = self.app
        for found in schema.get_all_operations():
            yield found.ok()

    def _call(self, operation: Any, mode: GenerationMode, count: int, before: Callable[[], None]) -> None:
        @seed(SEED)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), chance=st.randoms(use_true_random=False))
        def calling(case: Any, chance: random.Random) -> None:
            before()
            self._aim(case, chance)
            self.calls += 1
            answer = case.call(headers=self.headers)
            self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
            case.validate_response(answer, checks=CHECKS)

        calling()

    def _aim(self, case: Any, chance: random.Random) -> None:
        """Let most calls find what they name, and some name what nobody should."""
        for place in (case.path_parameters, case.query, case.body):
            if isinstance(place, dict):
                for name in list(place):
                    if name in self.known and chance.random() < 0.7:
                        place[name] = chance.choice(self.known[name])
                    elif isinstance(place[name], str) and chance.random() < 0.1:
                        place[name] = _fit(chance.choice(NASTY), case, place)


def _fit(text: str, case: Any, place: object) -> str:
    """Halves of characters can be written in JSON, but in no URL; a path is not endless, and clients fold ``../`` in it."""
    if place is case.body:
        return text
    shown = text[:2000].replace("\ud800", "\ufffd")
    return shown.replace("/", "%2F") if place is case.path_parameters else shown


def oms_document() -> dict[str, Any]:
    """Return oms-api.yaml as a description: one path for each action, for OpenAPI tells calls apart by path only."""
    paths = {
        f"/oms/{operation['name']}": {"post": _operation(operation)}
        for operation in OMS["operations"]
        if operation.get("request") is not None and not operation["name"].startswith("Get")
    }
    found = {
        "openapi": "3.1.0",
        "info": {"title": "OMS", "version": "1"},
        "paths": paths,
        "components": {"schemas": copy.deepcopy(OMS["$defs"])},
    }
    return _moved(found)


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(operation["response_data"])
    answer = {
        "allOf": [
            copy.deepcopy(OMS["envelope"]),
            {
                "if": {"properties": {"success": {"const": True}}},
                "then": {"properties": {"data": data}},
                "else": {"properties": {"data": {"type": "null"}}},
            },
        ]
    }
    content = {"application/json": {"schema": answer}}
    told = {"description": "the envelope", "content": content}
    return {
        "requestBody": {"content": {"application/json": {"schema": copy.deepcopy(operation["request"])}}},
        "responses": {"200": told, "400": told, "413": told},
    }


def _moved(value: Any) -> Any:
    """Point every reference to where OpenAPI keeps schemas."""
    if isinstance(value, dict):
        return {
            name: item.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _moved(item)
            for name, item in value.items()
        }
    return [_moved(item) for item in value] if isinstance(value, list) else value


def as_action(app: Any) -> Any:
    """Return an application that takes ``/oms/Action`` for ``/api/v2?Action=Action``."""

    async def calling(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/oms/"):
            action = scope["path"].removeprefix("/oms/")
            scope = {**scope, "path": "/api/v2", "query_string": f"Action={action}".encode()}
        await app(scope, receive, send)

    return calling

"""The schemas of oms-api.yaml, ready to validate whole answers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

FILE = Path(__file__).parents[2] / "end_to_end" / "oms-api.yaml"


@cache
def document() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


@cache
def _operation(name: str) -> dict[str, Any]:
    return next(op for op in document()["operations"] if op["name"] == name)


@cache
def _validator(name: str, succeeded: bool) -> Draft202012Validator:
    doc = document()
    data = _operation(name)["response_data"] if succeeded else {"type": "null"}
    return Draft202012Validator({"allOf": [doc["envelope"], {"properties": {"data": data}}], "$defs": doc["$defs"]})


def validate(name: str, answer: dict[str, Any]) -> None:
    """Validate a whole answer, and what the contradictions say beyond the schema."""
    errors = sorted(_validator(name, answer["success"]).iter_errors(answer), key=str)
    assert not errors, f"{name}: {errors[0].json_path}: {errors[0].message}"
    older = name.startswith("Get")
    assert answer["cost"].removesuffix(" ms").isdigit()
    assert answer["requestId"]
    if answer["success"]:
        assert (answer["code"], answer["message"], answer["errorDetail"]) == ("success" if older else None, None, None)
    else:
        assert answer["code"] not in {None, "", "success"}
        assert answer["message"]
        assert answer["errorDetail"]["code"]
    paged = "paged" in _operation(name) and answer["success"]
    for member in ("pageNumber", "pageSize", "totalCount"):
        assert isinstance(answer[member], int) if paged else answer[member] is None, member


def emitted(name: str) -> list[str]:
    """Return the members a server should answer with, where the document lists them."""
    return list(_operation(name)["server_emits"])

"""The committed description of the API is the one the routes have."""

from __future__ import annotations

import json
from pathlib import Path

from ferryman.api.application import routed_application
from ferryman.api.description import as_text, description_of
from ferryman.api.oms.operations import OPERATIONS
from ferryman.api.oms.request_kinds import REQUEST_KINDS

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_committed_description_is_current():
    now = as_text(description_of(routed_application(*[None] * 5)))
    assert COMMITTED.read_text(encoding="utf-8") == now, "the API has changed: run `make openapi`"


def test_every_answer_of_the_native_api_is_typed():
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if path.startswith("/api/v1/") and not {"204", "303"} & call["responses"].keys():
                told = next(call["responses"][status] for status in ("200", "201") if status in call["responses"])
                schema = next(iter(told["content"].values()))["schema"]
                assert schema.get("type") != "object", f"{method} {path} answers anything"
            if path.startswith("/api/v1/"):
                for status in ("4XX", "5XX"):
                    assert call["responses"][status]["content"]["application/json"]["schema"]["$ref"].endswith(
                        "/ErrorAnswer"
                    )


def test_every_action_has_its_request_described():
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert set(REQUEST_KINDS) == set(OPERATIONS) == set(document["paths"]["/api/v2"]["post"]["x-requests"])
    named = document["components"]["schemas"]["OmsFullTransferConfig"]["properties"]
    assert {"throttleIOPS", "allowDestTableNotEmpty"} <= named.keys()

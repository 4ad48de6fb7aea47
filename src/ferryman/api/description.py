"""The description of the API (OpenAPI): committed as ``docs/openapi.json``, answered at ``/openapi.json``.

What FastAPI reads off the routes, and what it cannot see: logins, the answer to errors, the documents within event
streams, and one request for each OMS action, since OpenAPI tells calls apart by path only.
"""

from __future__ import annotations

import json
from typing import Any, cast

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from ferryman.api.native.documents import ErrorAnswer
from ferryman.api.native.overview import OverviewDocument
from ferryman.api.oms.request_kinds import request_schemas

SCHEMAS = "#/components/schemas/"
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The call cannot be done; `error` says why.", "model": ErrorAnswer},
    "5XX": {"description": "The service or its state is in trouble; `error` says what to do.", "model": ErrorAnswer},
}
LOGINS = {
    "basic": {"type": "http", "scheme": "basic"},
    "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "session": {"type": "apiKey", "in": "cookie", "name": "ferryman_session"},
}
ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "The wrapper of every answer of an OMS operation.",
    "required": ["success", "errorDetail", "code", "message", "advice", "requestId", "cost", "data"],
    "properties": {
        "success": {"type": "boolean"},
        "errorDetail": {
            "type": ["object", "null"],
            "properties": {
                "code": {"type": "string"},
                "level": {"enum": ["FATAL", "ERROR", "WARN"]},
                "message": {"type": "string"},
                "proposal": {"type": ["string", "null"]},
                "extraContext": {"type": "object"},
            },
        },
        **{name: {"type": ["string", "null"]} for name in ("code", "message", "advice")},
        "requestId": {"type": "string"},
        **{name: {"type": ["integer", "null"]} for name in ("pageNumber", "pageSize", "totalCount")},
        "cost": {"type": "string", "pattern": "^[0-9]+ ms$"},
        "data": {},
    },
}


def description_of(app: FastAPI) -> dict[str, Any]:
    """Return the whole description of an application."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        schemas = document["components"]["schemas"]
        schemas |= _stream_schemas() | {"OmsEnvelope": ENVELOPE}
        document["components"]["securitySchemes"] = LOGINS
        document["security"] = [{name: []} for name in LOGINS]
        by_action, definitions = request_schemas()
        schemas |= definitions
        _describe_oms(document["paths"], by_action)
    return cast("dict[str, Any]", app.openapi_schema)


def as_text(document: dict[str, Any]) -> str:
    """Return a description as it is committed."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _stream_schemas() -> dict[str, Any]:
    _, found = models_json_schema([(OverviewDocument, "serialization")], ref_template=f"{SCHEMAS}{{model}}")
    return cast("dict[str, Any]", found["$defs"])


def _describe_oms(paths: dict[str, Any], by_action: dict[str, Any]) -> None:
    answer = {"description": "Success or not, in the envelope.", "content": _json({"$ref": f"{SCHEMAS}OmsEnvelope"})}
    for path, calls in paths.items():
        if path.startswith(("/api/v2", "/api/omsp/")):
            for call in calls.values():
                call["responses"] = {"200": answer, "4XX": answer, "5XX": answer}
    dispatch = paths["/api/v2"]["post"]
    unique = {str(request): request for request in by_action.values()}
    dispatch["requestBody"]["content"] = _json({"anyOf": list(unique.values())})
    dispatch["x-requests"] = by_action


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}

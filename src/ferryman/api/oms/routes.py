"""Where the operations of OMS are reached: one dispatcher, and the two older paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from ferryman.api.incidents import internal_error
from ferryman.api.oms import progress
from ferryman.api.oms.envelope import Answer, Call
from ferryman.api.oms.operations import OPERATIONS, operation
from ferryman.api.oms.surroundings import Surroundings
from ferryman.api.permissions import action_of
from ferryman.control.views import ProjectView
from ferryman.foundation.errors import FerrymanError

_ACTION_PARAMETER: dict[str, Any] = {
    "parameters": [
        {"name": "Action", "in": "query", "required": True, "schema": {"type": "string", "enum": list(OPERATIONS)}}
    ],
    "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
}


def oms_router(here: Surroundings) -> APIRouter:
    """Return the routes of OMS."""
    router = APIRouter(tags=["OMS"])

    @router.post("/api/v2", openapi_extra=_ACTION_PARAMETER, summary="Call an OMS operation by its Action")
    @router.post("/api/v2/", include_in_schema=False)
    async def dispatch(request: Request) -> Response:
        call, raw = Call(), await request.body()
        action = action_of(request.scope)
        return await run_in_threadpool(_answer, call, lambda: operation(action)(here, json_object(raw)))

    @router.get("/api/omsp/v2/sync/{project_id}/progress", summary="Status of a synchronization project (older)")
    def sync_progress(project_id: str) -> Response:
        return _older(here, project_id, progress.sync_progress)

    @router.get("/api/omsp/v2/migrations/{project_id}/progress", summary="Status of a migration project (older)")
    def migration_progress(project_id: str) -> Response:
        return _older(here, project_id, progress.migration_progress)

    return router


def _older(here: Surroundings, project_id: str, show: Callable[[ProjectView], dict[str, Any]]) -> JSONResponse:
    call = Call(success_code="success")
    return _answer(call, lambda: Answer(data=show(here.service.project(project_id.strip(), tables=False))))


def _answer(call: Call, work: Callable[[], Answer]) -> JSONResponse:
    try:
        return call.succeeded(work())
    except FerrymanError as error:
        return call.failed(error)
    except Exception as error:  # noqa: BLE001 - the edge of a call: whatever happens answers in the envelope
        return call.failed(internal_error(error, f"request {call.request_id}"))


def json_object(raw: bytes) -> dict[str, Any]:
    """Read a request's body; an empty one is an empty object. ``api.malformed`` says where it breaks."""
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise FerrymanError("api.malformed", "the request is not UTF-8") from None
    except RecursionError:
        raise FerrymanError("api.malformed", "the request is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FerrymanError("api.malformed", f"the request is not JSON: {error.msg} at {where}") from None
    except ValueError:
        raise FerrymanError("api.malformed", "the request holds a number that JSON does not have") from None
    if not isinstance(value, dict):
        raise FerrymanError("api.malformed", "the request is JSON, but not an object")
    if b"\\u" in raw and not _is_whole(value):
        raise FerrymanError("api.malformed", "the request holds half a character (a lone surrogate)")
    return value


def _is_whole(value: Any) -> bool:
    """Whether all texts can be written as UTF-8: JSON's escapes can tell of halves of characters, which nothing can keep."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)

"""The service as a web application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from ferryman import __version__
from ferryman.api import metrics, pages
from ferryman.api.console import console_router
from ferryman.api.credentials import USER
from ferryman.api.description import ERRORS, description_of
from ferryman.api.events import events_router
from ferryman.api.incidents import internal_error
from ferryman.api.labels import Labels
from ferryman.api.native.access_routes import access_router
from ferryman.api.native.alert_routes import alert_router
from ferryman.api.native.assessment_routes import assessment_router
from ferryman.api.native.browsing import browsing_router
from ferryman.api.native.configuration import configuration_router
from ferryman.api.native.editing import editing_router
from ferryman.api.native.following import following_router
from ferryman.api.native.log_routes import log_router
from ferryman.api.native.oidc_routes import oidc_router
from ferryman.api.native.routes import native_router
from ferryman.api.oms.routes import oms_router
from ferryman.api.oms.surroundings import Surroundings
from ferryman.api.protection import BODY_LIMIT, Protection, error_response
from ferryman.api.repeating import Repeating
from ferryman.control.access import Access
from ferryman.control.alerts.book import Alerts
from ferryman.control.oidc.logins import OidcLogins
from ferryman.control.prechecks import Prechecks
from ferryman.control.repeats import Repeats
from ferryman.control.service import Service
from ferryman.foundation.errors import MOST_SHOWN, FerrymanError, UsageError, cited


def create_application(
    service: Service,
    labels: Labels,
    access: Access,
    prechecks: Prechecks,
    alerts: Alerts,
    *,
    oidc: OidcLogins | None = None,
    body_limit: int = BODY_LIMIT,
) -> ASGIApp:
    """Return the whole application: every call but ``/healthz`` and the login itself needs a login."""
    routed = routed_application(service, labels, access, prechecks, alerts, oidc)
    return Protection(Repeating(routed, Repeats(access.metadb)), access, body_limit)


def routed_application(
    service: Service,
    labels: Labels,
    access: Access,
    prechecks: Prechecks,
    alerts: Alerts,
    oidc: OidcLogins | None = None,
) -> FastAPI:
    """Return the application without what protects it: routes and their description."""
    app = FastAPI(title="Ferryman", version=__version__, docs_url=None, redoc_url=None)
    app.openapi = lambda: description_of(app)  # type: ignore[method-assign]
    app.include_router(oms_router(Surroundings(service, labels, prechecks, USER)))
    for router in (
        browsing_router(service),
        assessment_router(service),
        configuration_router(service, labels),
        native_router(service),
        editing_router(service, labels),
        following_router(service),
        events_router(service),
        access_router(access),
        oidc_router(access, oidc),
        alert_router(service, alerts),
        log_router(service),
    ):
        app.include_router(router, responses=ERRORS)
    app.include_router(console_router())
    _add_pages(app, service, alerts)
    _add_error_answers(app)
    return app


def _add_pages(app: FastAPI, service: Service, alerts: Alerts) -> None:
    @app.get("/status", include_in_schema=False)
    def status() -> HTMLResponse:
        return HTMLResponse(pages.status_page(metrics.all_projects(service)))

    @app.get("/style.css", include_in_schema=False)
    async def style() -> Response:
        return Response(pages.STYLE, media_type="text/css")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(pages.docs_page(app.openapi()))

    exposition = metrics.Exposition(alerts)

    @app.get("/metrics", include_in_schema=False)
    def show_metrics() -> PlainTextResponse:
        return PlainTextResponse(exposition.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz", include_in_schema=False)
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok"})


def _add_error_answers(app: FastAPI) -> None:
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, FerrymanError)
        return error_response(request.url.path, error)

    async def of_framework(request: Request, error: Exception) -> Response:
        allowed = (error.headers or {}).get("Allow") if isinstance(error, HTTPException) else None
        told = {"Allow": allowed} if allowed else None
        return error_response(request.url.path, _from_framework(error, request), told)

    async def defect(request: Request, error: Exception) -> Response:
        return error_response(request.url.path, internal_error(error, f"{request.method} {request.url.path}"))

    app.add_exception_handler(FerrymanError, ours)
    app.add_exception_handler(RequestValidationError, of_framework)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(Exception, defect)


def _from_framework(error: Exception, request: Request) -> FerrymanError:
    if isinstance(error, RequestValidationError):
        return UsageError("api.wrong_parameter", _complaint(error.errors()[0]))
    status = error.status_code if isinstance(error, HTTPException) else 400
    if status == 405:
        return UsageError("api.wrong_method", f"{request.method} is not for {cited(request.url.path)}")
    if status == 404:
        return UsageError("api.not_found", f"there is nothing at {cited(request.url.path)}")
    return UsageError("api.malformed", "the request cannot be read")


def _complaint(error: dict[str, Any]) -> str:
    """Say which parameter is wrong and why; never its value, which may be a secret."""
    if error["type"] == "json_invalid":
        return f"the request is not JSON: {error.get('ctx', {}).get('error', '')}"
    path = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    path = path if len(path) <= MOST_SHOWN else f"{path[:MOST_SHOWN]}…"
    problem = _PLAINLY.get(error["type"]) or f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    return f"parameter {path}: {problem}"


_PLAINLY = {
    "extra_forbidden": "there is no such parameter",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
}
"""Complaints that would name our classes, or sound like them."""

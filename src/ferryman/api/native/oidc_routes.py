"""The routes of logins by a provider: which there are, the way there, and the way back. All without a login."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from ferryman.api import pages
from ferryman.api.auditing import CODE_HEADER
from ferryman.api.callers import COOKIE, PRINCIPAL
from ferryman.api.description import ERRORS
from ferryman.api.faults import fault_of
from ferryman.api.native.documents import Model
from ferryman.api.permissions import OIDC_PATH as DEPARTURE
from ferryman.api.permissions import OIDC_RETURN as ARRIVAL
from ferryman.control.access import SESSION_SECONDS, Access
from ferryman.control.oidc.logins import TICKET_SECONDS, OidcLogins
from ferryman.foundation.errors import FerrymanError

TICKET = "ferryman_login"


_PAGES: dict[int | str, dict[str, Any]] = {
    status: answer | {"content": {"text/html": {}}} for status, answer in ERRORS.items()
}
"""A person gets a page; whom the service stops before the route gets what other calls get."""


class ProviderDocument(Model):
    """A way to log in besides user and password."""

    id: str
    name: str = Field(description="What the button says.")
    login: str = Field(description="Where the button leads: a path of this service, for the browser itself to open.")


def oidc_router(access: Access, logins: OidcLogins | None) -> APIRouter:
    """Return the routes; without a provider the list is empty, and the others answer ``api.not_found``."""
    router = APIRouter(tags=["access"])

    @router.get("/api/v1/session/providers")
    def list_providers() -> list[ProviderDocument]:
        """List the ways to log in besides user and password; asks for no login."""
        return [ProviderDocument(id="oidc", name=logins.settings.name, login=DEPARTURE)] if logins else []

    @router.get(DEPARTURE, status_code=303, response_class=RedirectResponse, responses=_PAGES)
    def depart(request: Request) -> Response:
        """Send the browser to the provider."""
        try:
            departure = _there(logins).depart(_arrival_url(logins, request))
        except FerrymanError as error:
            return _problem(error)
        return _with_ticket(RedirectResponse(departure.url, 303), departure.ticket, request)

    @router.get(ARRIVAL, status_code=303, response_class=RedirectResponse, responses=_PAGES)
    def arrive(request: Request) -> Response:
        """Take the browser back from the provider: opens a session and leads to the console."""
        try:
            principal = _there(logins).arrive(request.cookies.get(TICKET, ""), request.query_params)
            request.scope[PRINCIPAL] = principal  # for the audit log
            token = access.open_session(principal).token
        except FerrymanError as error:
            return _without_ticket(_problem(error))
        answer = _without_ticket(RedirectResponse("/", 303))
        answer.set_cookie(
            COOKIE,
            token,
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="strict",
            secure=_secure(logins, request),
        )
        return answer

    return router


def _there(logins: OidcLogins | None) -> OidcLogins:
    if logins is None:
        raise FerrymanError("api.not_found", "this service has no provider to log in by")
    return logins


def _arrival_url(logins: OidcLogins | None, request: Request) -> str:
    base = logins.settings.public_url if logins else ""
    return f"{(base or str(request.base_url)).rstrip('/')}{ARRIVAL}"


def _secure(logins: OidcLogins | None, request: Request) -> bool:
    return _arrival_url(logins, request).startswith("https:")


def _with_ticket(answer: Response, ticket: str, request: Request) -> Response:
    # Lax, not strict: it has to come back with the provider's redirection.
    answer.set_cookie(
        TICKET,
        ticket,
        max_age=TICKET_SECONDS,
        path=DEPARTURE,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _without_ticket(answer: Response) -> Response:
    answer.delete_cookie(TICKET, path=DEPARTURE)
    return answer


def _problem(error: FerrymanError) -> Response:
    told = {CODE_HEADER.decode(): error.code}
    return HTMLResponse(pages.login_problem_page(error), status_code=fault_of(error).status, headers=told)

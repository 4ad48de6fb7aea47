"""The routes of access: the console's session, accounts, API keys, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ferryman.api.auditing import CHANGES
from ferryman.api.callers import COOKIE, PRINCIPAL, address_of, session_token
from ferryman.api.native import access_documents as documents
from ferryman.api.native.routes import LARGEST
from ferryman.control.access import SESSION_SECONDS, Access, Session
from ferryman.control.roles import Principal, Role
from ferryman.foundation.clock import as_datetime, as_optional_datetime
from ferryman.metadb.accounts import AccountRow
from ferryman.metadb.tickets import KeyRow


def access_router(access: Access) -> APIRouter:
    """Return all routes of access."""
    router = APIRouter(prefix="/api/v1", tags=["access"])
    _add_session_routes(router, access)
    _add_account_routes(router, access)
    _add_key_routes(router, access)
    return router


def _add_session_routes(router: APIRouter, access: Access) -> None:
    @router.post("/session")
    def log_in(asked: documents.Login, request: Request, response: Response) -> documents.SessionDocument:
        """Log in: sets the session's cookie and answers user, role, and the token to send as X-CSRF-Token."""
        session = access.open_session(access.login(asked.user, asked.password, address_of(request.scope)))
        response.set_cookie(
            COOKIE,
            session.token,
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return _session_document(session.principal, session)

    @router.get("/session")
    def show_session(request: Request) -> documents.SessionDocument:
        """Show who is logged in, in which role; with the CSRF token when it is a session."""
        token = session_token(request.headers)
        session = access.session(token) if token and "authorization" not in request.headers else None
        return _session_document(_caller(request), session)

    @router.delete("/session", status_code=204)
    def log_out(request: Request, response: Response) -> None:
        """End the session."""
        access.close_session(_caller(request))
        response.delete_cookie(COOKIE)

    @router.put("/session/password", status_code=204)
    def change_own_password(asked: documents.PasswordChange, request: Request) -> None:
        """Change one's own password; all sessions of the account end."""
        name = access.login(_caller(request).account, asked.old, address_of(request.scope)).account
        access.change_account(name, password=asked.new)


def _add_account_routes(router: APIRouter, access: Access) -> None:
    @router.get("/accounts")
    def list_accounts() -> list[documents.AccountDocument]:
        """List accounts."""
        return [_account_document(row) for row in access.accounts()]

    @router.post("/accounts", status_code=201)
    def create_account(asked: documents.NewAccount) -> documents.AccountDocument:
        """Make an account."""
        return _account_document(access.create_account(asked.name, asked.password, asked.role))

    @router.patch("/accounts/{name}")
    def change_account(name: str, asked: documents.AccountChange) -> documents.AccountDocument:
        """Change an account's password, role, or whether it may log in; its sessions end."""
        row = access.change_account(name, password=asked.password, role=asked.role, disabled=asked.disabled)
        return _account_document(row)

    @router.delete("/accounts/{name}", status_code=204)
    def delete_account(name: str) -> None:
        """Remove an account with its sessions and keys."""
        access.delete_account(name)

    @router.get("/audit")
    def list_audit(
        before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        account: str = "",
    ) -> list[documents.AuditDocument]:
        """Show who changed what, youngest first; `before` an id goes on to older entries."""
        return [
            documents.AuditDocument(
                id=entry.id,
                at=as_datetime(entry.happened_at),
                account=entry.account,
                address=entry.address,
                action=entry.action,
                outcome=entry.outcome,
                detail={name: value for name, value in entry.detail.items() if name != CHANGES},
                changes=entry.detail.get(CHANGES, []),
            )
            for entry in access.audit(before=before, limit=limit, account=account)
        ]


def _add_key_routes(router: APIRouter, access: Access) -> None:
    @router.get("/keys")
    def list_keys() -> list[documents.KeyDocument]:
        """List API keys, without their text."""
        return [_key_document(row) for row in access.api_keys()]

    @router.post("/keys", status_code=201)
    def create_key(asked: documents.NewKey, request: Request) -> documents.MadeKeyDocument:
        """Make an API key; its text is answered this once, and sent as ``Authorization: Bearer …``."""
        seconds = None if asked.days is None else asked.days * 86_400
        row, text = access.create_key(asked.name, _caller(request).account, asked.role, lives_seconds=seconds)
        return documents.MadeKeyDocument(**_key_document(row).model_dump(), key=text)

    @router.delete("/keys/{key_id}", status_code=204)
    def delete_key(key_id: str) -> None:
        """Remove an API key: it opens nothing any more."""
        access.delete_key(key_id)


def _caller(request: Request) -> Principal:
    principal: Principal = request.scope[PRINCIPAL]
    return principal


def _session_document(principal: Principal, session: Session | None) -> documents.SessionDocument:
    return documents.SessionDocument(
        user=principal.account,
        role=principal.role,
        csrf=session.csrf if session else None,
        expires_at=as_datetime(session.expires_at) if session else None,
    )


def _account_document(row: AccountRow) -> documents.AccountDocument:
    return documents.AccountDocument(
        name=row.name,
        role=Role(row.role),
        disabled=row.disabled,
        created_at=as_datetime(row.created_at),
        changed_at=as_datetime(row.changed_at),
    )


def _key_document(row: KeyRow) -> documents.KeyDocument:
    return documents.KeyDocument(
        id=row.id,
        name=row.name,
        account=row.account,
        role=Role(row.role),
        created_at=as_datetime(row.created_at),
        expires_at=as_optional_datetime(row.expires_at),
    )

"""The console: the built bundle under ``/console/``, as it lies in the package; no Node at run time.

Its files hold no secret and need no login: the login page is one of them. What they show comes by the API, which asks.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import secrets
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from ferryman.foundation.errors import UsageError

FILES = Path(__file__).parent / "console"
PREFIX = "/console"
SMALLEST_COMPRESSED = 1024
"""Bytes under which compressing costs more than it saves."""

_NONCE = "__NONCE__"
_FOREVER = "public, max-age=31536000, immutable"


def console_router() -> APIRouter:
    """Return the routes of the console."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse(f"{PREFIX}/")

    @router.get(PREFIX)
    async def bare() -> Response:
        return RedirectResponse(f"{PREFIX}/")

    @router.get(f"{PREFIX}/{{path:path}}")
    def file(path: str, request: Request) -> Response:
        asset = _asset(path)
        return _page() if asset is None else _file(asset, request)

    return router


def _asset(path: str) -> Path | None:
    """Return the file of a path; `None` for a page of the console, whose path only its script knows."""
    if not path.startswith("assets/") and path != "favicon.svg":
        return None
    found = (FILES / path).resolve()
    if not found.is_relative_to(FILES.resolve()) or not found.is_file():
        raise UsageError("api.not_found", "the console has no such file")
    return found


def _page() -> Response:
    """Return the page with a fresh nonce: styles are made at run time, and only ours may be."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    page = (FILES / "index.html").read_text(encoding="utf-8").replace(_NONCE, nonce)
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})


def _file(path: Path, request: Request) -> Response:
    content, packed, mark = _content(path, path.stat().st_mtime_ns)
    headers = {"Cache-Control": _FOREVER, "ETag": mark, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = packed, headers | {"Content-Encoding": "gzip"}
    return Response(content, media_type=mimetypes.guess_type(path.name)[0], headers=headers)


@cache
def _content(path: Path, changed_at: int) -> tuple[bytes, bytes, str]:
    """Read a file once: as it is, compressed (empty when that is no gain), and its mark; `changed_at` renews it."""
    content = path.read_bytes()
    packed = gzip.compress(content, 6, mtime=changed_at % 2**31) if len(content) > SMALLEST_COMPRESSED else b""
    return content, packed, f'"{hashlib.sha256(content).hexdigest()[:20]}"'

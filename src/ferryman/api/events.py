"""Server-sent events: what the console shows, renewed without asking again.

A stream looks at the service once a second, and sends a document when it has changed; an idle stream sends a comment now
and then, so that a client notices a service that is gone. A client that comes back gets everything anew.

Every stream also sends ``marks``: they move when something beside projects has changed, so that a page with a stream of its
own needs no second one (a browser opens six connections to a server and no more).
"""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from ferryman.api.native import documents
from ferryman.api.native.naming import project_id_of
from ferryman.api.native.overview import overview_document
from ferryman.api.native.routes import PageNumber, PageSize
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb import marks as marks_now
from ferryman.model.project import ProjectStatus, ProjectType

LOOK_SECONDS = 1.0
QUIET_SECONDS = 10.0
"""A stream that has nothing to say says so this often."""

Message = tuple[str, Any]
"""Name and document of an event."""

_SHORTENED = frozenset({"schema"})
"""Steps whose facts are as long as the schema: not in a stream."""


class Streams:
    """The open streams of this process; `end` lets the service stop without waiting for its readers."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[asyncio.Event] = weakref.WeakSet()
        self._lock = threading.Lock()

    def opened(self) -> asyncio.Event:
        """Return the event that ends a new stream."""
        ended = asyncio.Event()
        with self._lock:
            self._open.add(ended)
        return ended

    def end(self) -> None:
        """End all streams; called within the event loop."""
        with self._lock:
            for ended in self._open:
                ended.set()


STREAMS = Streams()


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until the caller goes.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def events_router(service: Service) -> APIRouter:
    """Return the routes of all streams."""
    router = APIRouter(
        prefix="/api/v1/live", tags=["live"], default_response_class=StreamingResponse, responses=_STREAM
    )

    def stream(changes: Callable[[], list[str]]) -> StreamingResponse:
        marks = _Changes(lambda: [("marks", _marks(service))])
        return _stream(lambda: [*changes(), *marks()])

    @router.get("/marks")
    async def marks() -> StreamingResponse:
        """Stream ``marks`` alone: for pages that show endpoints, accounts, alerts and the like."""
        return stream(list)

    @router.get("/overview")
    async def overview() -> StreamingResponse:
        """Stream ``overview``: projects by status, rates, and what needs a look."""
        return stream(_Changes(lambda: [("overview", _plain(overview_document(service)))]))

    @router.get("/projects")
    async def projects(
        search: str = "",
        status: Annotated[list[ProjectStatus] | None, Query()] = None,
        kind: Annotated[ProjectType | None, Query(alias="type")] = None,
        label: Annotated[list[str] | None, Query()] = None,
        sort: Literal["created", "changed", "name", "status"] = "created",
        descending: bool = True,
        page: PageNumber = 1,
        size: PageSize = 20,
    ) -> StreamingResponse:
        """Stream ``page``: one page of the list of projects."""

        def look() -> list[Message]:
            found = service.projects(
                search=search,
                statuses=status or (),
                type_=kind,
                labels=label or (),
                sort=sort,
                descending=descending,
                page=page,
                size=size,
            )
            items = [
                _without_facts(_plain(documents.project_document(each, with_tables=False))) for each in found.items
            ]
            return [("page", {"items": items, "total": found.total, "page": found.number, "size": found.size})]

        return stream(_Changes(look))

    @router.get("/projects/{project_id}")
    async def project(project_id: str) -> StreamingResponse:
        """Stream one project: ``project``, ``tables`` (those that changed), ``events`` (new ones)."""
        found = await run_in_threadpool(project_id_of, service, project_id)
        await run_in_threadpool(service.project, found, tables=False)  # an unknown one is a 404, not an empty stream
        return stream(_ProjectChanges(service, found))

    return router


class _Changes:
    """Looks, and returns what differs from the last look."""

    def __init__(self, look: Callable[[], Iterable[Message]]) -> None:
        self._look = look
        self._said: dict[str, str] = {}

    def __call__(self) -> list[str]:
        """Return the changed messages as text for the wire."""
        texts = [(name, json.dumps(document, ensure_ascii=False)) for name, document in self._look()]
        changed = [(name, text) for name, text in texts if self._said.get(name) != text]
        self._said.update(changed)
        return [_event(name, text) for name, text in changed]


class _ProjectChanges:
    """One project: its head when it changed, the tables that changed, the events that are new."""

    def __init__(self, service: Service, project_id: str) -> None:
        self._service = service
        self._id = project_id
        self._head = _Changes(self._look)
        self._tables: dict[tuple[str, str], str] = {}
        self._after = 0
        self._document: dict[str, Any] = {}

    def __call__(self) -> list[str]:
        """Return the changed messages as text for the wire."""
        self._document = _plain(documents.project_document(self._service.project(self._id)))
        said = []
        if changed := self._changed_tables():  # first: a step that is done is never shown with tables that are not
            said.append(_event("tables", f"[{', '.join(changed)}]"))
        said += self._head()
        if news := self._service.events(self._id, after=self._after, limit=1000):
            self._after = news[-1]["id"]
            said.append(_event("events", json.dumps(news, ensure_ascii=False, default=str)))
        return said

    def _look(self) -> list[Message]:
        steps = [{**step, "tables": []} for step in self._document["steps"]]
        return [("project", _without_facts({**self._document, "steps": steps}))]

    def _changed_tables(self) -> list[str]:
        """Return tables as JSON: of 10,000, each is written once."""
        changed = []
        for step in self._document["steps"]:
            for table in step["tables"]:
                key = (step["name"], table["table"])
                text = json.dumps({"step": step["name"], **table}, ensure_ascii=False)
                if self._tables.get(key) != text:
                    self._tables[key] = text
                    changed.append(text)
        return changed


def _marks(service: Service) -> dict[str, str]:
    with service.metadb.reading() as tx:
        return marks_now.read(tx)


def _stream(changes: Callable[[], list[str]]) -> StreamingResponse:
    return StreamingResponse(
        _messages(changes, STREAMS.opened()),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _messages(changes: Callable[[], list[str]], ended: asyncio.Event) -> AsyncIterator[str]:
    """Yield what has changed until the client goes or the service ends."""
    loop = asyncio.get_running_loop()
    yield ": open\n\n"
    spoke = loop.time()
    while not ended.is_set():
        try:
            news = await run_in_threadpool(changes)
        except FerrymanError as error:
            yield _event("failure", json.dumps(error.to_json()))
            return
        if not news and loop.time() - spoke > QUIET_SECONDS:
            news = [": alive\n\n"]
        for text in news:
            spoke = loop.time()
            yield text
        with_patience = asyncio.wait_for(ended.wait(), LOOK_SECONDS)
        try:
            await with_patience
        except TimeoutError:
            continue


def _event(name: str, text: str) -> str:
    return f"event: {name}\ndata: {text}\n\n"


def _plain(document: Any) -> Any:
    return document.model_dump(mode="json")


def _without_facts(project: dict[str, Any]) -> dict[str, Any]:
    steps = [{**step, "info": {}} if step["name"] in _SHORTENED else step for step in project["steps"]]
    return {**project, "steps": steps}

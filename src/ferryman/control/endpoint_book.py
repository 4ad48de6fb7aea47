"""The endpoints of a service: kept, listed, changed, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ferryman.control import trail
from ferryman.control.presentation import ENDPOINT_KEYS, endpoint_view, mentions, page_of
from ferryman.control.reachability import check_endpoint
from ferryman.control.validation import check_endpoint_name
from ferryman.control.views import EndpointView, Page
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.foundation.identifiers import new_id
from ferryman.metadb import endpoints, projects
from ferryman.metadb.endpoints import EndpointRow
from ferryman.metadb.store import MetaDb
from ferryman.model.project import Endpoint
from ferryman.spi.url import format_url, with_secrets_of


class EndpointBook:
    """Endpoints in the metadb. Thread-safe."""

    _metadb: MetaDb

    def create_endpoint(
        self,
        name: str,
        endpoint: Endpoint,
        *,
        description: str = "",
        region: str = "",
        api_document: dict[str, Any] | None = None,
        check: bool = True,
    ) -> EndpointView:
        """Keep an endpoint; `check` connects first. ``endpoint.name_taken``, and so on."""
        check_endpoint_name(name)
        if check:
            check_endpoint(endpoint)
        now = unix_now()
        row = EndpointRow(
            id=new_id("e_"),
            name=name,
            endpoint=endpoint,
            description=description,
            region=region,
            created_at=now,
            changed_at=now,
            api_document=api_document or {},
        )
        with self._metadb.writing() as tx:
            if endpoints.name_taken(tx, name):
                raise UsageError("endpoint.name_taken", f"an endpoint is called {cited(name)} already")
            endpoints.insert(tx, self._metadb.box, row)
        return endpoint_view(row)

    def endpoint(self, endpoint_id: str) -> EndpointView:
        """Return one endpoint; ``endpoint.unknown``."""
        with self._metadb.reading() as tx:
            row = endpoints.get(tx, self._metadb.box, endpoint_id)
        if row is None:
            raise UsageError("endpoint.unknown", f"there is no endpoint {cited(endpoint_id)}")
        return endpoint_view(row)

    def endpoints(
        self,
        *,
        search: str = "",
        schemes: Sequence[str] = (),
        sort: str = "created",
        descending: bool = True,
        page: int = 1,
        size: int = 10,
    ) -> Page:
        """List endpoints (`EndpointView`); `search`: part of name, id or host; `sort`: created, changed, name."""
        with self._metadb.reading() as tx:
            rows = endpoints.everything(tx, self._metadb.box)
        found = [
            row
            for row in rows
            if mentions(search, row.name, row.id, row.endpoint.host) and (not schemes or row.endpoint.scheme in schemes)
        ]
        found.sort(key=ENDPOINT_KEYS.get(sort, ENDPOINT_KEYS["created"]), reverse=descending)
        items, empty = page_of(found, page, size)
        return replace(empty, items=tuple(endpoint_view(row) for row in items))

    def change_endpoint(
        self,
        endpoint_id: str,
        *,
        name: str | None = None,
        endpoint: Endpoint | None = None,
        description: str | None = None,
        region: str | None = None,
        check: bool = True,
    ) -> EndpointView:
        """Change what is given; projects that are there keep what they were made with.

        A new address without a password keeps the old one where server and user stay as they are: a password goes to
        no other server than the one it was given for. `check` connects first where the address is new.

        Raises:
            UsageError: ``endpoint.unknown``, ``endpoint.name_taken``, ``endpoint.invalid``; and those of connecting.
        """
        old = self.endpoint(endpoint_id)
        wanted = old.endpoint if endpoint is None else with_secrets_of(endpoint, old.endpoint)
        check_endpoint_name(name if name is not None else old.name)
        if check and wanted != old.endpoint:
            check_endpoint(wanted)
        with self._metadb.writing() as tx:
            row = endpoints.get(tx, self._metadb.box, endpoint_id)
            if row is None:
                raise UsageError("endpoint.unknown", f"there is no endpoint {cited(endpoint_id)}")
            if name is not None and endpoints.name_taken(tx, name, by_other_than=endpoint_id):
                raise UsageError("endpoint.name_taken", f"an endpoint is called {cited(name)} already")
            given = {"name": name, "description": description, "region": region}
            kept: dict[str, Any] = {what: value for what, value in given.items() if value is not None}
            document = _document(row, wanted)
            before = row
            row = replace(row, changed_at=unix_now(), endpoint=wanted, api_document=document, **kept)
            endpoints.update(tx, self._metadb.box, row)
            _note(before, row)
        return endpoint_view(row)

    def delete_endpoint(self, endpoint_id: str) -> None:
        """Remove an endpoint that no living project uses; ``endpoint.unknown``, ``endpoint.in_use``."""
        with self._metadb.writing() as tx:
            row = endpoints.get(tx, self._metadb.box, endpoint_id)
            if row is None:
                raise UsageError("endpoint.unknown", f"there is no endpoint {cited(endpoint_id)}")
            user = projects.user_of_endpoint(tx, self._metadb.box, endpoint_id)
            if user is not None:
                raise UsageError("endpoint.in_use", f"project {user} uses the endpoint {endpoint_id}")
            endpoints.delete(tx, endpoint_id)
            trail.changed(f"endpoint {endpoint_id}", _facts(row), {})


def _facts(row: EndpointRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "url": format_url(row.endpoint),
        "description": row.description,
        "region": row.region,
    }


def _note(old: EndpointRow, new: EndpointRow) -> None:
    secrets = {"secrets": "(new)"} if trail.secrets_changed(old.endpoint, new.endpoint) else {}
    trail.changed(f"endpoint {new.id}", _facts(old), _facts(new) | secrets)


def _document(row: EndpointRow, new: Endpoint) -> dict[str, Any]:
    """Return what the OMS API sent, without a login that holds no longer."""
    if (new.scheme, new.username) == (row.endpoint.scheme, row.endpoint.username):
        return row.api_document
    return {what: value for what, value in row.api_document.items() if what not in {"username", "tenant", "cluster"}}

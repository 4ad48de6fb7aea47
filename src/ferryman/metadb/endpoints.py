"""Configured endpoints. The endpoint itself and what the API sent are sealed: both may hold a password."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ferryman.foundation.secrets import SecretBox
from ferryman.metadb.database import Row, Transaction
from ferryman.model.project import Endpoint
from ferryman.model.serial import from_json, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """One endpoint; times in Unix seconds."""

    id: str
    name: str
    endpoint: Endpoint
    description: str = ""
    region: str = ""
    created_at: float
    changed_at: float
    api_document: dict[str, Any] = field(default_factory=dict)


def insert(tx: Transaction, box: SecretBox, row: EndpointRow) -> None:
    """Keep a new endpoint; the caller has looked whether the name is free."""
    tx.execute(
        "INSERT INTO endpoint (id, name, scheme, description, region, sealed, created_at, changed_at)"
        " VALUES (:id, :name, :scheme, :description, :region, :sealed, :created_at, :changed_at)",
        created_at=row.created_at,
        **_columns(box, row),
    )


def update(tx: Transaction, box: SecretBox, row: EndpointRow) -> None:
    """Replace all but its id and when it was made; the caller has looked whether the name is free."""
    tx.execute(
        "UPDATE endpoint SET name = :name, scheme = :scheme, description = :description, region = :region,"
        " sealed = :sealed, changed_at = :changed_at WHERE id = :id",
        **_columns(box, row),
    )


def _columns(box: SecretBox, row: EndpointRow) -> dict[str, Any]:
    sealed = {"endpoint": to_json(row.endpoint), "api_document": row.api_document}
    return {
        "id": row.id,
        "name": row.name,
        "scheme": row.endpoint.scheme,
        "description": row.description,
        "region": row.region,
        "sealed": box.seal(json.dumps(sealed)),
        "changed_at": row.changed_at,
    }


def name_taken(tx: Transaction, name: str, *, by_other_than: str = "") -> bool:
    """Whether another endpoint of that name is there."""
    wanted = "SELECT 1 FROM endpoint WHERE name = :name AND id <> :id"
    return tx.value(wanted, name=name, id=by_other_than) is not None


def get(tx: Transaction, box: SecretBox, endpoint_id: str) -> EndpointRow | None:
    """Return one endpoint, or `None`."""
    row = tx.row("SELECT * FROM endpoint WHERE id = :id", id=endpoint_id)
    return None if row is None else _row(box, row)


def delete(tx: Transaction, endpoint_id: str) -> None:
    """Remove an endpoint."""
    tx.execute("DELETE FROM endpoint WHERE id = :id", id=endpoint_id)


def everything(tx: Transaction, box: SecretBox) -> list[EndpointRow]:
    """Return all endpoints in the order in which they were made."""
    return [_row(box, row) for row in tx.rows("SELECT * FROM endpoint ORDER BY created_at, id")]


def _row(box: SecretBox, row: Row) -> EndpointRow:
    sealed = json.loads(box.open(row["sealed"]))
    return EndpointRow(
        id=row["id"],
        name=row["name"],
        endpoint=from_json(Endpoint, sealed["endpoint"]),
        description=row["description"],
        region=row["region"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        api_document=sealed["api_document"],
    )

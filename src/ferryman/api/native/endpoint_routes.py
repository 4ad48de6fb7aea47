"""Changing and removing endpoints: ``/api/v1/endpoints/{id}``."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from ferryman.api.native.documents import EndpointDocument, Model, endpoint_document
from ferryman.api.native.ssh_documents import SshDocument, endpoint_asked
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint


class EndpointChange(Model):
    """What shall change of an endpoint; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=128)
    url: str | None = Field(
        default=None, description="Without a password, the old one stays where server, user and options do."
    )
    ssh: SshDocument | None = Field(
        default=None, description="Only together with a `url`: what that is reached through."
    )
    description: str | None = Field(default=None, max_length=128)
    region: str | None = None


def add_endpoint_changes(router: APIRouter, service: Service) -> None:
    """Add the routes."""

    @router.patch("/endpoints/{endpoint_id}", tags=["endpoints"])
    def change_endpoint(endpoint_id: str, asked: EndpointChange) -> EndpointDocument:
        """Change an endpoint, for projects made from now on; a new address is connected to first."""
        changed = service.change_endpoint(
            endpoint_id,
            name=asked.name,
            endpoint=_endpoint(asked),
            description=asked.description,
            region=asked.region,
        )
        return endpoint_document(changed)

    @router.delete("/endpoints/{endpoint_id}", tags=["endpoints"], status_code=204)
    def delete_endpoint(endpoint_id: str) -> None:
        """Remove an endpoint that no living project uses."""
        service.delete_endpoint(endpoint_id)


def _endpoint(asked: EndpointChange) -> Endpoint | None:
    if asked.url is not None:
        return endpoint_asked(asked.url, asked.ssh)
    if asked.ssh is not None:
        raise UsageError("api.wrong_parameter", "ssh: it changes together with the url only")
    return None

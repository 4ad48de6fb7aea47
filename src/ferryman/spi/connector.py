"""The one record a connector package exports, and how connectors are found."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.dialect import Dialect
from ferryman.spi.precheck import EndpointChecks
from ferryman.spi.sink import Sink
from ferryman.spi.source import Source
from ferryman.spi.target import Target


class LogScope(enum.Enum):
    """Of which tables a project's log holds the changes: it decides whether objects can join or leave a running project."""

    WHOLE = "whole"
    """Of all tables of the server."""
    CHOSEN = "chosen"
    """Of those that the project moved when it began."""
    POLLED = "polled"
    """Of those that are being looked at: one that is looked at no more seems to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay:
    """The ends of two projects that move changes in opposite directions.

    Attributes:
        target: All that is written there bears a mark that stands in the server's log.
        source: Its log leaves out rows that bear the mark, and says of schema statements that they do.
    """

    source: Callable[[Endpoint], Source]
    target: Callable[[Endpoint], Target]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """What one kind of database or queue can do; a role it does not have is `None`.

    Attributes:
        schemes: URL schemes, e.g. ``("mysql", "mariadb")``.
        oms_type: The endpoint type in OMS's API: ``MYSQL``, ``OB_MYSQL``.
        default_port: When a URL names none.
        holds_schemas: Whether the URL's database holds schemas, which stand where other systems have databases: it is then
            neither among the objects that move nor a new name for one.
        log_scope: What a project's log of such a source holds.
        two_way: The ends for two-way use; `None` where the log cannot tell what Ferryman wrote itself.
    """

    schemes: tuple[str, ...]
    oms_type: str
    default_port: int
    holds_schemas: bool = False
    log_scope: LogScope = LogScope.CHOSEN
    source: Callable[[Endpoint], Source] | None = None
    target: Callable[[Endpoint], Target] | None = None
    dialect: Dialect | None = None
    checks: Callable[[Endpoint], EndpointChecks] | None = None
    sink: Callable[[Endpoint, PublishOptions], Sink] | None = None
    two_way: TwoWay | None = None


@cache
def connectors() -> dict[str, Connector]:
    """Return every installed connector by URL scheme (entry points ``ferryman.connectors``)."""
    found = [entry.load() for entry in entry_points(group="ferryman.connectors")]
    return {scheme: connector for connector in found for scheme in connector.schemes}


@cache
def _connector(scheme: str) -> Connector | None:
    """Return one connector, importing no other where its entry point bears the scheme's name: tasks start sooner."""
    for entry in entry_points(group="ferryman.connectors", name=scheme):
        connector: Connector = entry.load()
        if scheme in connector.schemes:
            return connector
    return connectors().get(scheme)


def connector_for(endpoint: Endpoint) -> Connector:
    """Return the connector of an endpoint; `UsageError` ``usage.bad_url`` for an unknown scheme."""
    if (found := _connector(endpoint.scheme)) is not None:
        return found
    known = ", ".join(f"{scheme}://" for scheme in sorted(connectors()))
    raise UsageError("usage.bad_url", f"unknown endpoint type {endpoint.scheme!r}; known are {known}")


def is_sink(endpoint: Endpoint) -> bool:
    """Whether an endpoint takes messages instead of rows."""
    connector = _connector(endpoint.scheme)
    return connector is not None and connector.sink is not None

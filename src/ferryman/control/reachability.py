"""Whether an endpoint answers and lets us in."""

from __future__ import annotations

import contextlib

from ferryman.model.project import Endpoint
from ferryman.spi.connector import connector_for
from ferryman.spi.publishing import publish_options


def check_endpoint(endpoint: Endpoint) -> None:
    """Connect and log in; ``endpoint.unreachable``, ``endpoint.access_denied``, ``usage.bad_url``."""
    connector = connector_for(endpoint)
    if connector.sink is not None:
        with contextlib.closing(connector.sink(*publish_options(endpoint))) as sink:
            sink.check()
    elif make := connector.source or connector.target:
        with contextlib.closing(make(endpoint)) as end:
            end.check()

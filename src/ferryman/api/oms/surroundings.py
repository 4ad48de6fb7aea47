"""What the operations work on, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman.api.labels import Labels
from ferryman.api.oms import requests
from ferryman.api.oms.envelope import Answer
from ferryman.api.oms.wire import parse
from ferryman.control.prechecks import Prechecks
from ferryman.control.service import Service

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What operations work on."""

    service: Service
    labels: Labels
    prechecks: Prechecks
    owner: str


Operation = Callable[[Surroundings, Body], Answer]


def identifier(body: Body) -> str:
    """Read a request that names just an id."""
    return parse(requests.Identifier, body).id.strip()

"""The assessment: the precheck's answers, with what a move will take and what may go wrong with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import ProjectSpec, StepName
from ferryman.pipeline.precheck.estimate import Estimate, estimate_of
from ferryman.pipeline.precheck.project import examine
from ferryman.pipeline.precheck.risks import Risk, risks_of
from ferryman.spi.connector import connector_for
from ferryman.spi.precheck import CheckResult
from ferryman.spi.source import MeasuredSource, Source

LEAST_SECONDS = 2.0
"""The source's log is watched for at least so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All that can be said before anything is touched."""

    results: tuple[CheckResult, ...]
    estimate: Estimate
    risks: tuple[Risk, ...]


def assess_project(spec: ProjectSpec) -> Assessment:
    """Check a project and estimate it; changes nothing. Raises as `check_project` does."""
    with _log_growth(spec) as growth:
        schema, results = examine(spec)
        rate = growth()
    estimate = estimate_of(spec, schema, rate)
    return Assessment(results=tuple(results), estimate=estimate, risks=risks_of(spec, schema, results, estimate))


@contextlib.contextmanager
def _log_growth(spec: ProjectSpec) -> Iterator[Callable[[], float | None]]:
    """Note the end of the source's log; what is yielded says how many bytes a second it has grown by since."""
    make = connector_for(spec.source).source
    if make is None or StepName.CAPTURE not in spec.steps:
        yield lambda: None
        return
    source = make(spec.source)
    try:
        began, at = time.monotonic(), source.current_position()
    except FerrymanError:  # unreachable, or without a log: the precheck's items say so
        source.close()
        yield lambda: None
        return

    def growth() -> float | None:
        time.sleep(max(0.0, began + LEAST_SECONDS - time.monotonic()))
        return _bytes_since(source, at, began)

    try:
        yield growth
    finally:
        source.close()


def _bytes_since(source: Source, at: Position, began: float) -> float | None:
    if not isinstance(source, MeasuredSource):
        return None
    try:
        grown = source.log_bytes_behind(at)
    except FerrymanError:
        return None
    return None if grown is None else grown / (time.monotonic() - began)

"""Rates and latency of a step over time: one sample every 10 s for a day, one every 5 minutes for a month.

So a step never has more than some 17,000 samples, however long it runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.metadb.database import Transaction
from ferryman.model.project import StepName, StepProgress

SPACING_SECONDS = 10
KEPT_SECONDS = 24 * 3600
"""All samples stay so long."""

THIN_SPACING_SECONDS = 300
THIN_KEPT_SECONDS = 30 * 24 * 3600
"""One in thirty stays so long."""

_PRUNE_EVERY = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """What a step said at one moment (Unix seconds).

    Attributes:
        latency_seconds: How far it was behind at that moment.
        latency_p50: What half of the changes of the five minutes before took at most, from commit to commit; `None`: none came.
        latency_p99: What 99 in 100 of them took at most.
    """

    taken_at: int
    rows_per_second: float
    bytes_per_second: float
    latency_seconds: float | None
    latency_p50: float | None = None
    latency_p99: float | None = None


def add(tx: Transaction, project_id: str, step: StepName, progress: StepProgress, now: float) -> None:
    """Keep a sample; a second one within the same `SPACING_SECONDS` is dropped."""
    taken_at = int(now) // SPACING_SECONDS * SPACING_SECONDS
    took = progress.info.get("latency") or {}
    if tx.value(
        "SELECT 1 FROM sample WHERE project_id = :id AND step = :step AND taken_at = :at",
        id=project_id,
        step=step.value,
        at=taken_at,
    ):
        return
    tx.execute(
        "INSERT INTO sample (project_id, step, taken_at, rows_per_second, bytes_per_second, latency_seconds,"
        " latency_p50, latency_p99) VALUES (:id, :step, :at, :rows, :bytes, :latency, :half, :most)",
        id=project_id,
        step=step.value,
        at=taken_at,
        rows=progress.rows_per_second,
        bytes=progress.bytes_per_second,
        latency=progress.latency_seconds,
        half=took.get("p50"),
        most=took.get("p99"),
    )
    if taken_at // SPACING_SECONDS % _PRUNE_EVERY == 0:
        tx.execute(
            "DELETE FROM sample WHERE project_id = :id AND step = :step"
            " AND (taken_at < :thin_border OR (taken_at < :border AND taken_at % :spacing <> 0))",
            id=project_id,
            step=step.value,
            border=taken_at - KEPT_SECONDS,
            thin_border=taken_at - THIN_KEPT_SECONDS,
            spacing=THIN_SPACING_SECONDS,
        )


def between(tx: Transaction, project_id: str, step: StepName, begin: float, end: float) -> list[Sample]:
    """Return the samples of a span of time, oldest first."""
    rows = tx.rows(
        "SELECT * FROM sample WHERE project_id = :id AND step = :step AND taken_at >= :begin AND taken_at <= :end"
        " ORDER BY taken_at",
        id=project_id,
        step=step.value,
        begin=begin,
        end=end,
    )
    return [
        Sample(
            row["taken_at"],
            row["rows_per_second"],
            row["bytes_per_second"],
            row["latency_seconds"],
            row["latency_p50"],
            row["latency_p99"],
        )
        for row in rows
    ]

"""A running task as a reader of a log store: what it needs, and whether a store's log is its source's."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.serial import from_json
from ferryman.pipeline.logstore.claims import Claim
from ferryman.pipeline.logstore.stores import Reader
from ferryman.spi.source import SharedLog, Source
from ferryman.spi.task import TaskContext, apply_options

OTHER = frozenset({"position.purged", "position.other_log"})
"""What a source answers that cannot go on from a place."""


def reader_of(context: TaskContext, source: Source) -> Reader:
    """Return the task's project as a reader of its source's log."""
    name = source.log_name() if isinstance(source, SharedLog) else None
    return Reader(context.data_dir, context.project_id, name, partial(_is_of_source, context, source))


def claim_of(context: TaskContext) -> Claim:
    """Return what a project needs now: what follows the place applied, at first what follows its start.

    The place where a prepared transaction began has no token: it is known by its order only.
    """
    options = apply_options(context)
    document = context.note("apply.position") or context.note("schema.start")
    place = from_json(Position, document) if document is not None else None
    needed = replace(place.earliest, token={}) if place is not None and place.since else place
    return Claim(needed=needed, hours=options.log_kept_hours, bytes=options.log_kept_bytes)


def has_ended(context: TaskContext) -> bool:
    """Whether apply has come to the place where it was to end: it needs no more log."""
    end, applied = context.note("apply.stop_at"), context.note("apply.position")
    return bool(end and applied) and not from_json(Position, applied) < from_json(Position, end)


def _is_of_source(context: TaskContext, source: Source, place: Position) -> bool:
    """Whether the source can go on from a place: a record or a pulse proves it."""
    try:
        with source.log(place) as records:
            for record in records:
                if record is not None:
                    return True
                if context.stop_requested():
                    break
    except FerrymanError as error:
        if error.code in OTHER:
            return False
        raise
    raise FerrymanError("endpoint.connection_lost", f"the source has not said whether its log has {place}")

"""Hands notices to channels: what is kept in the outbox is sent, tried again with growing pauses, and given up after a day."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from ferryman.control.alerts.channels import ChannelKind, settings_of
from ferryman.control.alerts.sending import send
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb import alert_settings, outbox
from ferryman.metadb.alert_settings import ChannelRow
from ferryman.metadb.outbox import DeliveryRow, DeliveryState
from ferryman.metadb.store import MetaDb

PAUSES = (5.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds before the second, third … attempt; the last one for all later ones."""

GIVE_UP_SECONDS = 86_400.0
CLAIM_SECONDS = 120.0
"""An attempt takes at most so long; if nothing is heard of it (the service was killed), it is made again."""

AT_ONCE = 8
"""So many notices are sent beside each other: one dead receiver does not hold up the others for long."""

_LOGGER = logging.getLogger("ferryman.alerts")


def deliver_due(metadb: MetaDb) -> int:
    """Send what is due; returns how many attempts were made."""
    with metadb.reading() as tx:
        waiting = outbox.due(tx, unix_now(), AT_ONCE)
    if not waiting:
        return 0
    with metadb.writing() as tx:
        claimed = [row for row in waiting if outbox.claim(tx, row, unix_now() + CLAIM_SECONDS)]
        channels = {row.id: row for row in alert_settings.channels(tx, metadb.box)}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="alert-delivery") as pool:
        list(pool.map(lambda row: _attempt(metadb, row, channels.get(row.channel_id)), claimed))
    return len(claimed)


def _attempt(metadb: MetaDb, row: DeliveryRow, channel: ChannelRow | None) -> None:
    now, error = unix_now(), ""
    if channel is None or not channel.enabled:
        state, next_at, error = DeliveryState.FAILED, 0.0, "the channel was removed or disabled"
    else:
        problem = _problem(channel, row)
        state, next_at = _after(row, problem, now)
        error = problem.message if problem else ""
    if state is DeliveryState.FAILED:
        _LOGGER.error("notice %d (alert %s) was given up: %s", row.id, row.alert_id, error)
    with metadb.writing() as tx:
        outbox.settle(tx, row.id, state, unix_now(), next_at=next_at, error=error)


def _problem(channel: ChannelRow, row: DeliveryRow) -> FerrymanError | None:
    try:
        send(settings_of(ChannelKind(channel.kind), channel.settings), row.document, f"{row.alert_id}-{row.id}")
    except FerrymanError as error:
        return error
    except Exception as error:  # a defect must not keep the other notices back
        _LOGGER.exception("a notice through %s", channel.name)
        return FerrymanError("internal.error", f"unexpected {type(error).__name__}")
    return None


def _after(row: DeliveryRow, problem: FerrymanError | None, now: float) -> tuple[DeliveryState, float]:
    """Return how a delivery stands after an attempt, and when it is tried next."""
    if problem is None:
        return DeliveryState.SENT, 0.0
    if now - row.created_at >= GIVE_UP_SECONDS:
        return DeliveryState.FAILED, 0.0
    return DeliveryState.PENDING, now + PAUSES[min(row.attempts, len(PAUSES) - 1)]

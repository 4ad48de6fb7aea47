"""Looks at everything every few seconds, opens and ends alerts, and sends the notices; two threads of the service.

What a look changes, and the notices that follow from it, are written in one transaction (I8): killed at any instant, the
next service finds the alert as it was, or as it is with its notices still to be sent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from ferryman.control.alerts.book import notice_document, rules_now, silenced, takers
from ferryman.control.alerts.delivery import AT_ONCE, deliver_due
from ferryman.control.alerts.evaluation import Finding, due_event, next_state, project_findings, service_findings
from ferryman.control.alerts.facts import FactReader
from ferryman.control.alerts.rules import Rule, RuleName
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.identifiers import new_id
from ferryman.metadb import alert_settings, alerts, outbox, projects
from ferryman.metadb.alert_settings import SilenceRow
from ferryman.metadb.alerts import AlertRow, AlertState
from ferryman.metadb.database import Transaction
from ferryman.metadb.outbox import DeliveryRow
from ferryman.metadb.store import MetaDb
from ferryman.model.project import Importance

LOOK_SECONDS = 5.0
DELIVERY_SECONDS = 1.0
PRUNE_EVERY = 720
"""Looks between two clearings of what is old."""

_LOGGER = logging.getLogger("ferryman.alerts")


class AlertWatch:
    """The two threads: one looks, one delivers."""

    def __init__(
        self, metadb: MetaDb, *, look_seconds: float = LOOK_SECONDS, leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._metadb = metadb
        self._reader = FactReader(metadb)
        self._look_seconds = look_seconds
        self._leads = leads
        self._closing = threading.Event()
        self._looks = 0
        self._threads = [
            threading.Thread(target=self._run, args=(self.look, look_seconds), name="alert watch", daemon=True),
            threading.Thread(
                target=self._run, args=(self.deliver, DELIVERY_SECONDS), name="alert delivery", daemon=True
            ),
        ]

    def start(self) -> None:
        """Begin to look and to deliver."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End both threads; what is not delivered is delivered by the next service."""
        self._closing.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def deliver(self) -> None:
        """Send what is due, in batches."""
        while deliver_due(self._metadb) == AT_ONCE and not self._closing.is_set():
            pass

    def look(self) -> None:
        """Look once, and write what follows."""
        now = unix_now()
        with self._metadb.reading() as tx:
            rules = rules_now(tx)
            found = self._findings(tx, rules, now)
            wanted = _changes(alerts.living(tx), found, now)
            silences = alert_settings.silences(tx, now)
            to_tell = {row.id for _, row in wanted if row is not None and _event(tx, row, rules, silences, now)}
        changed = [pair for pair in wanted if pair[0] != pair[1] or (pair[1] is not None and pair[1].id in to_tell)]
        self._looks += 1
        if changed or self._looks % PRUNE_EVERY == 0:
            self._write(changed, rules, now)

    def _findings(self, tx: Transaction, rules: dict[RuleName, Rule], now: float) -> dict[str, Finding]:
        found = [finding for facts in self._reader.projects(tx, now) for finding in project_findings(facts, rules)]
        found += service_findings(self._reader.service(tx, now), rules)
        return {finding.key: finding for finding in found}

    def _write(
        self, changed: Iterable[tuple[AlertRow | None, AlertRow | None]], rules: dict[RuleName, Rule], now: float
    ) -> None:
        with self._metadb.writing() as tx:
            living, silences = alerts.living(tx), alert_settings.silences(tx, now)
            for before, after in changed:
                key = (before or after).key  # type: ignore[union-attr]
                if living.get(key) == before:  # else another service was faster: the next look takes it from there
                    self._write_one(tx, before, after, rules, silences, now)
            if self._looks % PRUNE_EVERY == 0:
                alerts.prune(tx, now)
                outbox.prune(tx, now)

    def _write_one(
        self,
        tx: Transaction,
        before: AlertRow | None,
        after: AlertRow | None,
        rules: dict[RuleName, Rule],
        silences: list[SilenceRow],
        now: float,
    ) -> None:
        if after is None:
            alerts.delete(tx, before.id if before else "")
            return
        if event := _event(tx, after, rules, silences, now):
            self._tell(tx, after, event, now)
            after = replace(after, sent_at=now, sent_count=after.sent_count + 1)
        if before is None:
            alerts.insert(tx, after)
        else:
            alerts.update(tx, after)

    def _tell(self, tx: Transaction, alert: AlertRow, event: str, now: float) -> None:
        labels = _labels(tx, alert)
        for channel in takers(tx, self._metadb.box, alert, labels):
            document = notice_document(alert, event)
            outbox.add(
                tx,
                DeliveryRow(
                    channel_id=channel.id,
                    alert_id=alert.id,
                    event=event,
                    document=document,
                    created_at=now,
                    next_at=now,
                ),
            )

    def _run(self, work: Callable[[], None], pause_seconds: float) -> None:
        trouble = ""
        while not self._closing.wait(pause_seconds):
            if not self._leads():  # the service that controls looks and delivers
                continue
            try:
                work()
                trouble = ""
            except FerrymanError as error:
                if error.code != trouble:
                    _LOGGER.error("%s (tried again)", error)
                trouble = error.code
            except Exception:  # alerts must outlive a defect
                _LOGGER.exception("alerts go on after a defect")


def _changes(
    living: dict[str, AlertRow], found: dict[str, Finding], now: float
) -> list[tuple[AlertRow | None, AlertRow | None]]:
    """Return each alert as it was and as it is to be."""
    keys = sorted(living.keys() | found.keys())
    pairs = [(living.get(key), next_state(living.get(key), found.get(key), now, lambda: new_id("al_"))) for key in keys]
    return [pair for pair in pairs if pair != (None, None)]


def _event(
    tx: Transaction, alert: AlertRow, rules: dict[RuleName, Rule], silences: list[SilenceRow], now: float
) -> str:
    if alert.state is AlertState.PENDING:
        return ""
    repeat = rules[RuleName(alert.rule)].repeat_minutes.of(Importance(alert.level))
    silent = bool(silences) and silenced(alert, _labels(tx, alert), silences)
    return due_event(alert, repeat, now, silent=silent)


def _labels(tx: Transaction, alert: AlertRow) -> tuple[str, ...]:
    return projects.labels_of(tx, alert.project_id) if alert.project_id else ()

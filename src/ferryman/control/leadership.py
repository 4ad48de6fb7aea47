"""Which of several services on one metadb controls: the one that holds a lease with an epoch (I7).

Any of them answers calls; only the one that leads starts tasks and sends notices. A data directory with its own file needs
no lease: its lock file says who has it.
"""

from __future__ import annotations

import logging
import threading
import time

from ferryman.control.renewals import Renewals
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.metadb import tasks
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import CONTROL

LEASE_SECONDS = 15.0
"""Another service takes over so long after this one was last heard of."""

RENEW_SECONDS = 3.0
_LOGGER = logging.getLogger("ferryman.control")


class Leadership:
    """The lease on control. Thread-safe; a thread of its own renews it, however long a round of control takes."""

    def __init__(self, metadb: MetaDb, owner: str, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._metadb = metadb
        self._owner = owner
        self._shared = bool(metadb.url)
        self._lease_seconds = lease_seconds
        self._epoch: int | None = None
        self._until = 0.0
        self._renewals = Renewals()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)

    def leads(self) -> bool:
        """Whether this service controls: its lease holds (by a clock that nobody sets)."""
        return not self._shared or time.monotonic() < self._until

    def start(self) -> None:
        """Take the lease if it is free, and go on trying or renewing; a second call does nothing."""
        if self._shared and self._thread.ident is None:
            self._try()
            self._thread.start()

    def close(self) -> None:
        """Give the lease back, so that another service takes over at once."""
        self._closing.set()
        if self._thread.ident is None:
            return
        self._thread.join()
        held, self._until = self.leads(), 0.0
        if held and self._epoch is not None:
            try:
                with self._metadb.writing() as tx:
                    tasks.guard(tx, CONTROL, self._epoch)
                    tasks.release(tx, CONTROL, unix_now())
            except FerrymanError as error:
                _LOGGER.warning("the lease on control was not given back: %s", error)

    def _run(self) -> None:
        pause = min(RENEW_SECONDS, self._lease_seconds / 5)
        while not self._closing.wait(pause):
            self._try()

    def _try(self) -> None:
        asked = time.monotonic()
        try:
            held = self._renewed() or self._claimed()
        except FerrymanError as error:
            _LOGGER.warning("the lease on control could not be renewed: %s", error)
            return
        self._until = asked + self._lease_seconds if held else 0.0

    def _renewed(self) -> bool:
        if self._epoch is None:
            return False
        try:
            with self._metadb.writing() as tx:
                tasks.renew(tx, CONTROL, self._epoch, unix_now() + self._lease_seconds)
        except LeaseLostError:
            _LOGGER.warning("another service controls now")
            self._epoch = None
            return False
        return True

    def _claimed(self) -> bool:
        """Take the lease when its time is over, or its holder was not heard of for as long, whatever the time of day is."""
        with self._metadb.writing() as tx:
            held = tasks.get(tx, CONTROL)
            if held is not None and self._renewals.unchanged_seconds(held) > self._lease_seconds:
                tasks.release(tx, CONTROL, unix_now())
            self._epoch = tasks.claim(tx, CONTROL, self._owner, unix_now(), self._lease_seconds)
        if self._epoch is not None:
            _LOGGER.info("this service controls, epoch %d", self._epoch)
        return self._epoch is not None

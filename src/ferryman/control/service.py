"""The one door to the control plane: what the API and the command line may ask for.

Decides, never moves a row. State lives in the metadb; tasks run in child processes through an executor. One service
per data directory (a lock file says so). Every method is thread-safe; names, times and identifiers as in `views`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ferryman.control import departure, letters, lifecycle, ownership
from ferryman.control.endpoint_book import EndpointBook
from ferryman.control.lag import Lag, explain
from ferryman.control.leadership import Leadership
from ferryman.control.object_changes import ObjectChanges
from ferryman.control.occupancy import occupy
from ferryman.control.presentation import PROJECT_KEYS, mentions, page_of, project_view
from ferryman.control.reconciler import Reconciler
from ferryman.control.settings import Change
from ferryman.control.stillness import Stillness
from ferryman.control.switchovers import Switchovers, update
from ferryman.control.validation import check_spec
from ferryman.control.views import Page, ProjectView
from ferryman.control.workers import Workers
from ferryman.executor.local import CHILD_COMMAND, LocalExecutor
from ferryman.foundation.clock import as_datetime, unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.foundation.identifiers import new_id
from ferryman.metadb import events, migration, mismatches, notes, object_changes, projects, samples, tasks
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.store import MetaDb
from ferryman.metadb.switchovers import of_project as switchover_of
from ferryman.metadb.switchovers import reverse_projects
from ferryman.metadb.tasks import TaskKey
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.mismatch import Mismatch
from ferryman.model.project import ProjectSpec, ProjectStatus, ProjectType, StepName

LOOK_SECONDS = 0.5
SETTLED = frozenset(ProjectStatus) - {ProjectStatus.RUNNING, ProjectStatus.RELEASING}
"""Statuses that `wait` waits for."""


class Service(EndpointBook):
    """Projects and endpoints of one data directory."""

    def __init__(
        self,
        data_dir: Path,
        *,
        executor: str = "local",
        task_command: Sequence[str] = CHILD_COMMAND,
        metadb_url: str = "",
        alone: bool = False,
    ) -> None:
        """Open the metadb (made and upgraded as needed); ``service.data_dir_in_use`` when another service has it.

        Args:
            data_dir: Made, for its owner only, when missing.
            executor: Where tasks run; ``local``: in child processes.
            task_command: What such a process runs (tests).
            metadb_url: The server that holds the state; services that share it share `data_dir`, too, and one controls.
            alone: Whether no other service may have `data_dir`, even with a `metadb_url`.
        """
        if executor != "local":
            raise UsageError("usage.unknown_executor", f"there is no executor {executor!r}")
        self.data_dir = data_dir.expanduser().absolute()
        self._lock = occupy(self.data_dir, shared=bool(metadb_url) and not alone)
        try:
            self._metadb = MetaDb.open(self.data_dir, metadb_url)
            migration.upgrade(self._metadb.database)
        except BaseException:
            self._lock.release()
            raise
        self._changed = threading.Condition()
        self.stillness = Stillness()
        local = LocalExecutor(self.data_dir, on_exit=self._wake, command=task_command, metadb_url=self._metadb.url)
        self._leadership = Leadership(self._metadb, owner := f"{socket.gethostname()}:{os.getpid()}")
        self._workers = Workers(self._metadb, local, owner, self.leads)
        self.objects = ObjectChanges(self._metadb, self._workers, self._notice)
        self.switchovers = Switchovers(self._metadb, self._workers, self._notice)
        self._reconciler = Reconciler(
            self._metadb, self._workers, self.objects, self.switchovers, self._say_changed, self.leads
        )

    @property
    def metadb(self) -> MetaDb:
        """The service's state, for what stands beside projects: accounts, labels, alerts."""
        return self._metadb

    def leads(self) -> bool:
        """Whether this service controls; of several on one metadb one does."""
        return self._leadership.leads()

    def start(self) -> None:
        """Begin to reconcile in a thread of its own: running projects go on from their checkpoints (I8)."""
        self._leadership.start()
        self._reconciler.start()

    def close(self) -> None:
        """Stop reconciling and end the tasks; projects stay RUNNING and go on at the next start."""
        self._reconciler.close()
        self._leadership.close()
        self._metadb.close()
        self._lock.release()

    # Projects -----------------------------------------------------------------------------------------------------

    def create_project(self, spec: ProjectSpec) -> ProjectView:
        """Keep a project in INIT; ``project.name_taken``, ``project.invalid``."""
        check_spec(spec)
        now = unix_now()
        row = ProjectRow(
            id=new_id("np_"),
            spec=spec,
            status=ProjectStatus.INIT,
            created_at=now,
            changed_at=now,
            owner=ownership.maker(),
        )
        with self._metadb.writing() as tx:
            lifecycle.create(tx, self._metadb.box, row)
        return self.project(row.id)

    def find_project(self, name: str) -> ProjectView | None:
        """Return the (not deleted) project of that name."""
        with self._metadb.reading() as tx:
            project_id = projects.name_holder(tx, name)
        return None if project_id is None else self.project(project_id)

    def workers(self) -> int:
        """Return how many tasks have a living process."""
        now = unix_now()
        with self._metadb.reading() as tx:
            return sum(row.expires_at > now for row in tasks.held(tx))

    def project(self, project_id: str, *, tables: bool = True, most_tables: int | None = None) -> ProjectView:
        """Return one project; ``project.unknown``.

        Without `tables`, or with the foremost `most_tables` of each step, it is cheap however many tables there are.
        """
        with self._metadb.reading() as tx:
            return project_view(tx, self._row(tx, project_id), tables=tables, most_tables=most_tables)

    def projects(
        self,
        *,
        search: str = "",
        type_: ProjectType | None = None,
        statuses: Sequence[ProjectStatus] = (),
        labels: Sequence[str] = (),
        source_schemes: Sequence[str] = (),
        target_schemes: Sequence[str] = (),
        sort: str = "created",
        descending: bool = True,
        sub_projects: bool = False,
        page: int = 1,
        size: int = 10,
        older_than: str = "",
    ) -> Page:
        """List projects (`ProjectView`, without their tables), deleted ones left out unless asked for by status.

        `search`: part of name or id; `labels`: any of them; `sort`: created, changed, name, status;
        `older_than`: only those made before the project of this id; ``project.unknown``.
        """
        living = [status for status in ProjectStatus if status is not ProjectStatus.DELETED]
        with self._metadb.reading() as tx:
            hidden = frozenset() if sub_projects else object_changes.sub_projects(tx) | reverse_projects(tx)
            border = self._made(tx, older_than)
            found = [
                head
                for head in projects.heads(tx, statuses or living)
                if (border is None or (head.created_at, head.id) < border)
                and head.id not in hidden
                and mentions(search, head.name, head.id)
                and (type_ is None or head.type == type_.value)
                and (not labels or set(labels) & set(head.labels))
                and (not source_schemes or head.source_scheme in source_schemes)
                and (not target_schemes or head.target_scheme in target_schemes)
            ]
            found.sort(key=PROJECT_KEYS.get(sort, PROJECT_KEYS["created"]), reverse=descending)
            heads, empty = page_of(found, page, size)
            views = tuple(project_view(tx, self._row(tx, head.id), tables=False) for head in heads)
        return replace(empty, items=views)

    def start_project(self, project_id: str, *, revision: int | None = None) -> None:
        """INIT → RUNNING; ``project.wrong_status`` names the status and what is allowed in it."""
        self._do(lambda tx: lifecycle.start(tx, project_id), project_id, revision)

    def stop_project(self, project_id: str, *, revision: int | None = None) -> None:
        """RUNNING → SUSPEND; tasks end at once, progress is kept."""
        self._do(lambda tx: lifecycle.stop(tx, project_id), project_id, revision)

    def resume_project(self, project_id: str, *, revision: int | None = None) -> None:
        """SUSPEND or FAILED → RUNNING, from where it stood."""
        self._workers.pardon(project_id)
        with self.stillness.free(project_id):
            self._do(lambda tx: lifecycle.resume(tx, project_id), project_id, revision)

    def release_project(self, project_id: str, *, revision: int | None = None) -> None:
        """SUSPEND, FAILED or FINISHED → RELEASING → RELEASED: frees the log store and the marks in the target."""
        with self.stillness.free(project_id):
            self._do(lambda tx: departure.release(tx, project_id), project_id, revision)

    def delete_project(self, project_id: str, *, revision: int | None = None) -> None:
        """INIT or RELEASED → DELETED."""
        self._do(lambda tx: departure.delete(tx, project_id), project_id, revision)

    def update_project(self, project_id: str, spec: ProjectSpec, *, revision: int | None = None) -> ProjectView:
        """Replace the spec of a project that is not running (``ferryman run`` again with other steps or options).

        Steps that are finished stay so, new ones begin, verification begins anew, and what follows the source follows it
        again from its checkpoint. A FINISHED project that has something to do then is SUSPEND: `resume_project` runs it.
        """
        check_spec(spec)
        with self.stillness.free(project_id):
            self._do(lambda tx: update(tx, self._metadb.box, project_id, spec), project_id, revision)
        return self.project(project_id)

    def change_project(self, project_id: str, change: Change, *, revision: int | None = None) -> int:
        """Change name, labels, alert level or options of a living project; returns the id of the event that says so.

        Limits of speed take effect in the running steps; a step that needs it begins again at its checkpoint.
        """
        with self._metadb.writing() as tx:
            self._require_free(tx, project_id, revision)
            changed = lifecycle.change(tx, self._metadb.box, project_id, change)
        for name in changed.restarts:
            self._workers.ask_restart(TaskKey(project_id, name.value))
        self._notice()
        return changed.event_id

    def give_project(self, project_id: str, account: str) -> None:
        """Give a project to an account, or (empty) to every operator; ``account.unknown``, ``project.not_owner``."""
        self._do(lambda tx: ownership.give(tx, project_id, account))

    def require_owner(self, project_id: str) -> None:
        """Refuse a caller who may not change this project; ``project.not_owner``."""
        with self._metadb.reading() as tx:
            ownership.require_owner(tx, project_id)

    def advance_project(self, project_id: str) -> StepName:
        """Leave verification behind (skip it when it is not done); returns the step that goes on."""
        with self._metadb.writing() as tx:
            ownership.require_owner(tx, project_id)
            step = lifecycle.advance(tx, project_id)
        self._notice()
        return step

    def choose(self, project_id: str, choice: str, *, sql: str = "", object_name: str = "") -> None:
        """Decide about what apply has stopped at, or have an object that could not be made be made by `sql`."""
        self._do(lambda tx: lifecycle.choose(tx, project_id, choice, sql, object_name), project_id)

    def dead_letters(
        self, project_id: str, *, after: int = 0, limit: int = 100, open_only: bool = True
    ) -> list[DeadLetter]:
        """Return the changes that the target refused and that were set aside, those with numbers greater than `after`."""
        spec = self.project(project_id, tables=False).spec
        return letters.read_letters(spec, project_id, after=after, limit=limit, open_only=open_only)

    def decide_letter(self, project_id: str, number: int, action: str) -> None:
        """Have apply ``retry`` or ``skip`` an open dead letter; ``project.unknown_letter``."""
        found = self.dead_letters(project_id, after=number - 1, limit=1)
        if not found or found[0].number != number:
            raise UsageError("project.unknown_letter", f"project {project_id} has no open dead letter {number}")
        self._do(lambda tx: letters.decide(tx, project_id, found[0], action), project_id)

    def mismatches(self, project_id: str, table: str | None = None, *, page: int = 1, size: int = 10) -> Page:
        """List settled differences (`Mismatch`)."""
        page, size = max(1, page), max(1, size)
        with self._metadb.reading() as tx:
            total = mismatches.count(tx, project_id, table)
            items = mismatches.page(tx, project_id, table, (page - 1) * size, size)
        return Page(items=tuple(items), total=total, number=page, size=size)

    def events(self, project_id: str, *, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        """Return events of a project, oldest first: id, at, level, step, message, fields."""
        with self._metadb.reading() as tx:
            found = events.after(tx, project_id, after, limit)
        return [event | {"at": as_datetime(event["at"])} for event in found]

    def lag(self, project_id: str) -> Lag:
        """Say how far a project is behind its source, and why."""
        return explain(self.project(project_id, tables=False), unix_now())

    def note(self, project_id: str, name: str) -> Any | None:
        """Return one note, however large, or `None`."""
        with self._metadb.reading() as tx:
            return notes.get(tx, project_id, name)

    def samples(self, project_id: str, step: StepName, begin: float, end: float) -> list[samples.Sample]:
        """Return rates and latency of a step between two Unix seconds, one every 10 s, older than a day one every 5 min.

        Those of the reverse step are what the apply step of the way back took.
        """
        with self._metadb.reading() as tx:
            if step is StepName.REVERSE:
                switchover = switchover_of(tx, project_id)
                project_id, step = switchover.reverse_id if switchover else "", StepName.APPLY
            return samples.between(tx, project_id, step, begin, end)

    def wait(self, project_id: str, timeout_seconds: float | None = None) -> ProjectView:
        """Return when the project is neither RUNNING nor RELEASING (or after the timeout)."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            with self._changed:
                view = self.project(project_id, tables=False)
                left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
                if view.status in SETTLED or left <= 0:
                    break
                self._changed.wait(left)
        return self.project(project_id)

    # Inside -------------------------------------------------------------------------------------------------------

    def _do(self, action: Callable[[Transaction], None], project_id: str = "", revision: int | None = None) -> None:
        """Change something; with `revision` only a project that is as its caller saw it: ``project.changed_meanwhile``."""
        with self._metadb.writing() as tx:
            self._require_free(tx, project_id, revision)
            action(tx)
        self._notice()

    def _require_free(self, tx: Transaction, project_id: str, revision: int | None) -> None:
        ownership.require_owner(tx, project_id)
        lifecycle.require_revision(tx, project_id, revision)

    def _made(self, tx: Transaction, project_id: str) -> tuple[float, str] | None:
        return (self._row(tx, project_id).created_at, project_id) if project_id else None

    def _row(self, tx: Transaction, project_id: str) -> ProjectRow:
        row = projects.get(tx, self._metadb.box, project_id)
        if row is None:
            raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
        return row

    def _notice(self) -> None:
        self._wake()
        self._say_changed()

    def _wake(self) -> None:
        self._reconciler.wake()

    def _say_changed(self) -> None:
        with self._changed:
            self._changed.notify_all()


__all__ = ["Mismatch", "Service"]

"""What a running task gets from its surroundings, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ferryman.model.mismatch import Mismatch
from ferryman.model.project import (
    ApplyOptions,
    LoadOptions,
    ProjectSpec,
    StepName,
    StepProgress,
    TableProgress,
    VerifyOptions,
)
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json

LOAD_OPTIONS_NOTE = "options.load"
APPLY_OPTIONS_NOTE = "options.apply"
VERIFY_OPTIONS_NOTE = "options.verify"
SELECTION_NOTE = "objects.selection"
MEET_NOTE = "verify.meet"
MET_NOTE = "verify.met"
REREAD_NOTE = "load.reread"
STILL_NOTE = "switchover.still"
SWITCH_ASK_NOTE = "switchover.ask"
SWITCH_ANSWER_NOTE = "switchover.answer"

METADB_AWAY = frozenset({"metadb.unreachable", "metadb.busy"})
"""What notes raise while the metadb is away: it passes."""


class TaskContext(Protocol):
    """The surroundings of one task: one step of one project, in a child process. Thread-safe.

    A step is a function ``run(context) -> None``: it returns when its work is done or when `stop_requested` says so,
    and raises `FerrymanError` when it cannot go on. It may be killed at any instant (I8): whatever must survive stands
    in the target, in the log store, or in a note.

    Notes are small JSON documents a project keeps in the metadb, shared by its steps:

    ====================  =====================================================  ==========  ======================
    name                  content                                                written by  read by
    ====================  =====================================================  ==========  ======================
    ``schema.start``      Position taken before the catalog was read             schema      capture, apply
    ``schema.source``     Schema of the source                                   schema      load, apply, verify
    ``schema.known``      Position behind which the catalog had been read        schema      apply (DDL already seen)
    ``schema.plan``       SchemaPlan                                             schema      index
    ``schema.objects``    {object: SQL that makes it instead of the plan's}      control     schema
    ``load.keyless``      {TableName: Position of its consistent snapshot}       load        apply
    ``load.end``          Position when the last chunk had been read             load        apply, control
    ``load.snapshot``     Position all rows are read at (no capture, flashback)   load        load
    ``load.unfollowed``   tables without a key, copied while nobody follows      load        control
    ``load.reread``       pairs of names: tables that lost a unique key meanwhile load        apply (reads them again)
    ``load.begun``        source tables whose target is ours to fill             load        load
    ``load.plan/T/N``     page N of table T's chunk ends, fixed once written     load        load
    ``apply.drain``       true: apply shall end at the source's position now     control     runner
    ``apply.stop_at``     Position at which apply shall end by itself            runner      apply
    ``apply.position``    Position applied and committed, about once a second    apply       capture, verify, control
    ``apply.choice``      what to do with a stopped DDL: {position, choice, sql} control     apply
    ``apply.conflict_choices``  decided conflicts: {position, table, choice} control     apply
    ``apply.letter_decisions``  of dead letters: {id, number, action}        control     apply
    ``apply.unsettled``   what cascades touched during the load: read again       apply       apply
    ``verify.run``        name of the run under way, and whether it is over      verify      verify
    ``verify.done/T``     result of table T in that run                          verify      verify
    ``verify.meet``       {id, place}: apply shall stand still, at that place    verify      apply
    ``verify.met``        {id, position, over}: it stands there; or it gave up   apply       verify
    ``options.load``      LoadOptions as they are now, changed in a live project control     load
    ``options.apply``     ApplyOptions, likewise                                 control     apply
    ``options.verify``    VerifyOptions, likewise                                control     verify
    ``objects.selection`` Selection as it is now, once it has been changed       control     every step
    ``objects.hold``      {record}: apply shall stand still                      control     apply
    ``objects.held``      {record, position}: apply stands there and stays       apply       control
    ``objects.join``      {record, project, selection}: take its tables over     control     apply
    ``objects.joined``    {record}: they are part of apply's checkpoint          apply       control
    ``switchover.ask``    {round, stage, reverse, reverses, skip}: what to do    control     switchover
    ``switchover.answer`` {round, error, data}: what came of it                  switchover  control
    ``switchover.still``  true: neither side moves any more                      control     verify
    ====================  =====================================================  ==========  ======================
    """

    project_id: str
    spec: ProjectSpec
    epoch: int
    data_dir: Path
    """The service's data directory; log stores lie under ``log/``."""

    @property
    def step(self) -> StepName:
        """The step this task runs."""
        ...

    def stop_requested(self) -> bool:
        """Whether the task shall end soon (pause, shutdown, lost lease)."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake at once when the task shall end; returns `stop_requested`."""
        ...

    def report(self, progress: StepProgress, tables: Sequence[TableProgress] = ()) -> None:
        """Say how far the step is; cheap to call often (written about twice a second).

        `progress` replaces what was said before; a table that is not named keeps what was said of it last.
        """
        ...

    def record_mismatches(self, table: str, mismatches: Sequence[Mismatch]) -> None:
        """Replace the stored differences of a table."""
        ...

    def event(self, level: str, message: str, **fields: object) -> None:
        """Log an event of this project: ``info``, ``warning`` or ``error``; never row values."""
        ...

    def note(self, name: str) -> Any | None:
        """Return a note's JSON document, or `None`."""
        ...

    def set_note(self, name: str, document: Any) -> None:
        """Write a note, durably."""
        ...


def load_options(context: TaskContext) -> LoadOptions:
    """Return the load's options as they are now: they change in a running project; one read of the metadb."""
    noted = context.note(LOAD_OPTIONS_NOTE)
    return context.spec.load if noted is None else from_json(LoadOptions, noted)


def apply_options(context: TaskContext) -> ApplyOptions:
    """Return apply's options as they are now; see `load_options`."""
    noted = context.note(APPLY_OPTIONS_NOTE)
    return context.spec.apply if noted is None else from_json(ApplyOptions, noted)


def verify_options(context: TaskContext) -> VerifyOptions:
    """Return verification's options as they are now; see `load_options`."""
    noted = context.note(VERIFY_OPTIONS_NOTE)
    return context.spec.verify if noted is None else from_json(VerifyOptions, noted)


def selection_of(context: TaskContext) -> Selection:
    """Return what the project moves as it is now: objects are added and removed while tasks run."""
    noted = context.note(SELECTION_NOTE)
    return context.spec.selection if noted is None else from_json(Selection, noted)

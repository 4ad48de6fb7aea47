"""Dead letters, as operators see them and decide about them; what is decided is carried out by apply."""

from __future__ import annotations

import contextlib
import secrets

from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.metadb import events, notes
from ferryman.metadb.database import Transaction
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.project import ProjectSpec, StepName
from ferryman.spi.connector import connector_for

DECISIONS_NOTE = "apply.letter_decisions"
ACTIONS = ("retry", "skip")


def read_letters(spec: ProjectSpec, project_id: str, *, after: int, limit: int, open_only: bool) -> list[DeadLetter]:
    """Read a project's dead letters from its target."""
    make = connector_for(spec.target).target
    if make is None:
        return []
    with contextlib.closing(make(spec.target)) as target:
        return target.dead_letters(project_id, after=after, limit=limit, open_only=open_only)


def decide(tx: Transaction, project_id: str, letter: DeadLetter, action: str) -> None:
    """Leave a decision about an open letter for apply."""
    if action not in ACTIONS:
        raise UsageError("project.invalid", f"{cited(action)} is no choice; there are {', '.join(ACTIONS)}")
    before = notes.get(tx, project_id, DECISIONS_NOTE) or []
    kept = [each for each in before if each["number"] != letter.number]
    decided = {"id": secrets.token_hex(8), "number": letter.number, "action": action}
    notes.put(tx, project_id, DECISIONS_NOTE, [*kept, decided], unix_now())
    message = f"dead letter {letter.number} of {letter.source}: {action} was chosen"
    events.add(tx, project_id, unix_now(), "info", message, step=StepName.APPLY.value)

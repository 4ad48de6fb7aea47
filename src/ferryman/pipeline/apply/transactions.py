"""The coordinator's transactions: rows and checkpoint in one, and one that stays open over the parts of a source transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ferryman.foundation.errors import FerrymanError
from ferryman.model.checkpoint import Checkpoint
from ferryman.pipeline.apply.conflicts import CONFLICTS
from ferryman.pipeline.apply.lanes import Lanes
from ferryman.pipeline.apply.letters import Letters
from ferryman.pipeline.apply.window import Part
from ferryman.spi.target import TargetSession


class Transactions:
    """Begins, ends and, for the parts of one source transaction, holds the transactions that move the checkpoint.

    Whoever meets an error that leaves no transaction behind begins anew at the checkpoint in the target, with an object of
    its own: what this one knows of a held transaction is never used again then.

    Attributes:
        checkpoint: As it stands in the target; while a transaction is held, as it would stand.
    """

    def __init__(self, lanes: Lanes, letters: Letters, project_id: str, checkpoint: Checkpoint) -> None:
        """Begin at a checkpoint."""
        self._lanes = lanes
        self._letters = letters
        self._project_id = project_id
        self._held: TargetSession | None = None
        self._saved = checkpoint
        self.checkpoint = checkpoint

    @contextmanager
    def one(self) -> Iterator[TargetSession]:
        """One transaction; the checkpoint saved in it counts once it is committed."""
        assert self._held is None, "a transaction is held"
        session = self._begin()
        try:
            yield session
            session.commit()
        except BaseException:
            self._undo(session)
            raise
        self._stands()

    @contextmanager
    def over(self, part: Part) -> Iterator[TargetSession]:
        """The transaction of a part and all that belong to the same source transaction; commits when `part` is whole.

        A conflict in a later part undoes that part alone, so that it can be sifted.
        """
        held = self._held
        session = held or self._begin()
        try:
            if held is not None:
                session.begin_part()
            yield session
            if part.whole:
                session.commit()
        except BaseException as error:
            if held is not None and isinstance(error, FerrymanError) and error.code in CONFLICTS:
                session.undo_part()
                self._letters.rolled_back()
            else:
                self._undo(session)
            raise
        self._held = None if part.whole else session
        self._stands()

    def finish(self) -> None:
        """Commit a held transaction where it is: a schema statement amid a source transaction ends it at the target."""
        if self._held is not None:
            self._held.commit()
            self._held = None

    def save(self, session: TargetSession, checkpoint: Checkpoint) -> None:
        """Write the checkpoint within a transaction."""
        session.save_checkpoint(self._project_id, checkpoint)
        self._saved = checkpoint

    def _begin(self) -> TargetSession:
        session = self._lanes.open()
        self._saved = self.checkpoint
        return session

    def _undo(self, session: TargetSession) -> None:
        self._held = None
        session.rollback()
        self._letters.rolled_back()

    def _stands(self) -> None:
        self._letters.committed()
        self.checkpoint = self._saved

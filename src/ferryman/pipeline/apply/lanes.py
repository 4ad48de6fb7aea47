"""Lanes: sessions of the target, each with a thread and a lease row of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait

from ferryman.foundation.errors import FerrymanError
from ferryman.pipeline.apply.watched import Watch, WatchedSession
from ferryman.spi.target import Lease, Target, TargetSession

MOST_LANES = 16
COORDINATOR = 0
"""The lane of the transactions that move the checkpoint; rows in parallel go through lanes 1 to 16."""
FENCED_LANES = MOST_LANES + 1
"""All lanes there can be are fenced at each start: the holder before may have used more than we do (I7)."""
_ATTEMPTS = 8

Job = Callable[[TargetSession, bool], None]
"""Gets the lane's session, and whether the job has been tried before."""


class Lanes:
    """Runs jobs in transactions of their own, in parallel.

    A job may run more than once: it must write final states over whatever is there (I3).
    """

    def __init__(
        self,
        target: Target,
        task: str,
        epoch: int,
        *,
        count: int,
        pause: Callable[[float], bool],
        threads: Executor | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Make `count` lanes; sessions open when first used.

        Args:
            target: Opens the sessions.
            task: The lease's task.
            epoch: Ours.
            count: Of parallel lanes, at most `MOST_LANES`.
            pause: Sleeps for some seconds; returns whether the task shall end.
            threads: Runs the jobs; a thread a lane when not given.
            watch: Is told what the lanes do.
        """
        self.count = max(1, min(count, MOST_LANES))
        self._target = target
        self._leases = [Lease(task=task, epoch=epoch, lane=lane) for lane in range(self.count + 1)]
        self._sessions: dict[int, TargetSession] = {}
        self._pause = pause
        self._watch = watch
        self._threads = threads or ThreadPoolExecutor(self.count, thread_name_prefix="apply-lane")

    def open(self) -> TargetSession:
        """Begin the coordinator's transaction; whoever opens it ends it."""
        session = self._session(COORDINATOR)
        session.begin(self._leases[COORDINATOR])
        return session

    def start(self, jobs: Sequence[Job]) -> list[Future[None]]:
        """Start at most `count` jobs, each in the next lane."""
        return [self._threads.submit(self._run, lane, job) for lane, job in enumerate(jobs, 1)]

    def finish(self, started: Sequence[Future[None]]) -> None:
        """Wait until no lane writes any more; raises the first lane's error."""
        wait(started)
        for each in started:
            each.result()

    def drain(self, started: Sequence[Future[None]]) -> None:
        """Wait until no lane writes any more, whatever came of it."""
        wait(started)

    def _run(self, lane: int, job: Job) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                self._run_once(lane, job, again=attempt > 0)
            except FerrymanError as error:
                # A deadlock took the transaction with it. A lost connection is left to the task, which begins anew.
                if error.code != "target.deadlock" or attempt == _ATTEMPTS - 1 or self._pause(0.01 * 2**attempt):
                    raise
            else:
                return

    def _run_once(self, lane: int, job: Job, *, again: bool) -> None:
        session = self._session(lane)
        session.begin(self._leases[lane])
        try:
            job(session, again)
            session.commit()
        except BaseException:
            session.rollback()
            raise

    def _session(self, lane: int) -> TargetSession:
        if lane not in self._sessions:
            session = self._target.session()
            self._sessions[lane] = session if self._watch is None else WatchedSession(session, lane, self._watch)
        return self._sessions[lane]

    def close(self) -> None:
        """End all sessions; never raises."""
        self._threads.shutdown()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

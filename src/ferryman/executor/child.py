"""A task's process: ``python -m ferryman.executor.child``.

It ends with its parent, holds the task's lock file for as long as it lives, runs the step, and writes how it ended into
the metadb; a process that ends without having done so has crashed. Steps are imported when they are run: this module
must start quickly.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from ferryman.executor import processes
from ferryman.executor.context import AGAIN_SECONDS, ChildContext, log_path
from ferryman.foundation.disk import disk_full_error, is_disk_full
from ferryman.foundation.errors import FerrymanError, LeaseLostError, Retry
from ferryman.foundation.files import FileLock, make_private_directory
from ferryman.foundation.logs import log_to_stderr
from ferryman.metadb import projects, tasks
from ferryman.metadb.store import URL_VARIABLE, MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.project import ProjectSpec
from ferryman.spi.task import METADB_AWAY
from ferryman.spi.url import SECRET_OPTIONS

LOCK_SECONDS = 30.0
"""How long to wait for the process before us to be gone."""

EXIT_FAILED = 1
EXIT_LEASE_LOST = 75
EXIT_DISK_FULL = 28
"""The outcome could not be written for want of room (ENOSPC)."""

EXIT_METADB_AWAY = 69
"""The metadb did not answer, at the beginning or when the outcome was to be written."""

START_SECONDS = 30.0
"""So long a new process waits for a metadb that is away."""

RELEASE = "release"
"""The name of the task that frees what a project holds; it is no step."""

_EXIT_CODES = {"disk.full": EXIT_DISK_FULL} | dict.fromkeys(METADB_AWAY, EXIT_METADB_AWAY)
Run = Callable[[ChildContext], None]
_LOGGER = logging.getLogger("ferryman.child")


def main(argv: Sequence[str] | None = None, *, run: Run | None = None) -> int:
    """Run a task and return the exit code.

    Args:
        argv: The arguments, else those of the process.
        run: Instead of the pipeline's step (tests).
    """
    options = _options(argv)
    processes.die_with_parent(options.parent)
    # Blocked in every thread, taken by one: a handler that sets an event may meet the lock of that event.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    faulthandler.enable()
    log_to_stderr()
    lock = _lock(options.data_dir, options.task)
    if lock is None:
        _LOGGER.error("the process before this one still runs %s", options.task)
        return EXIT_LEASE_LOST
    try:
        return _run_locked(options, run or run_pipeline)
    except LeaseLostError as error:
        _LOGGER.error("%s", error)
        return EXIT_LEASE_LOST
    except FerrymanError as error:
        _LOGGER.error("how %s ended could not be written: %s", options.task, error)
        return _EXIT_CODES.get(error.code, EXIT_FAILED)


def run_pipeline(context: ChildContext) -> None:
    """Run what the task's name says."""
    from ferryman.pipeline import runner

    if context.task_name == RELEASE:
        runner.run_release(context)
    else:
        runner.run_step(context)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ferryman.executor.child")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--task", type=TaskKey.parse, required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    return parser.parse_args(argv)


def _lock(data_dir: Path, key: TaskKey) -> FileLock | None:
    """Take the task's lock file: on one machine no two processes ever run the same task, whatever a clock says."""
    directory = data_dir / "tasks"
    make_private_directory(directory)
    lock = FileLock(directory / f"{key.project_id}.{key.name}.lock")
    deadline = time.monotonic() + LOCK_SECONDS
    while not lock.acquire():
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)
    return lock


def _run_locked(options: argparse.Namespace, run: Run) -> int:
    metadb = MetaDb.open(options.data_dir, os.environ.get(URL_VARIABLE, ""))
    spec = _introduced(metadb, options.task, options.epoch)
    context = ChildContext(metadb, options.task, options.epoch, spec, parent=options.parent)
    context.start()
    threading.Thread(target=_stop_on_sigterm, args=(context,), name="sigterm", daemon=True).start()
    outcome, error = _outcome(context, run)
    context.finish(outcome, error)
    _LOGGER.info("%s %s", options.task, outcome)
    return EXIT_FAILED if outcome == "failed" else 0


def _introduced(metadb: MetaDb, key: TaskKey, epoch: int) -> ProjectSpec:
    """Say which process runs the task and return what it is to do; a metadb that is away is waited for."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with metadb.writing() as tx:
                tasks.introduce(tx, key, epoch, os.getpid(), processes.born(os.getpid()))
                project = projects.get(tx, metadb.box, key.project_id)
        except FerrymanError as error:
            if error.code not in METADB_AWAY or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_SECONDS)
            continue
        if project is None:
            raise FerrymanError("project.unknown", f"there is no project {key.project_id}")
        return project.spec


def _stop_on_sigterm(context: ChildContext) -> None:
    signal.sigwait({signal.SIGTERM})
    context.request_stop()


def _outcome(context: ChildContext, run: Run) -> tuple[str, FerrymanError | None]:
    _LOGGER.info("%s begins, epoch %d, process %d", context.task_name, context.epoch, os.getpid())
    try:
        run(context)
    except Exception as problem:  # noqa: BLE001 - the task's edge: every failure becomes an outcome
        error = _known(problem, context)
        _LOGGER.error("%s", error)
        if context.stop_requested() and error.retry is not Retry.NEVER:
            return "stopped", None
        return "failed", error
    return ("stopped" if context.stop_requested() else "finished"), None


def _known(problem: Exception, context: ChildContext) -> FerrymanError:
    if isinstance(problem, FerrymanError):
        return problem
    if is_disk_full(problem):
        return disk_full_error(context.data_dir)
    _LOGGER.critical("unexpected failure:\n%s", without_passwords(traceback.format_exception(problem), context))
    log = log_path(context.data_dir, TaskKey(context.project_id, context.task_name))
    return FerrymanError("internal.error", f"unexpected {type(problem).__name__} in {context.task_name}; log: {log}")


def without_passwords(lines: list[str], context: ChildContext) -> str:
    """Join the lines of a traceback; foreign messages may quote what we connect with."""
    text = "".join(lines)
    ends = (context.spec.source, context.spec.target)
    options = (value for end in ends for name, value in end.options.items() if name in SECRET_OPTIONS)
    for secret in (*(end.password for end in ends), context.spec.hash_key, *options):
        text = text.replace(secret, "******") if secret else text
    return text


def start() -> None:
    """Run as a process: ends without waiting for threads a step may have left behind."""
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    start()

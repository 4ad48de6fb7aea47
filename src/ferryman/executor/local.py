"""Runs each task in a child process of this service.

A child has a session of its own (Ctrl-C reaches the service only), no standard input or output, and its standard error
goes to ``<data_dir>/logs/<project>/<task>.log``. It dies with the service.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.executor import processes
from ferryman.executor.context import log_path
from ferryman.foundation.files import make_private_directory, open_private
from ferryman.foundation.logs import last_line, rotate
from ferryman.metadb.store import URL_VARIABLE
from ferryman.metadb.tasks import TaskKey

CHILD_COMMAND = (sys.executable, "-P", "-m", "ferryman.executor.child")
"""What a child runs; ``-P``: the working directory must not provide modules."""


@dataclass(frozen=True, slots=True)
class TaskExit:
    """A child process has ended; how, the metadb says (or not: then it crashed)."""

    key: TaskKey
    epoch: int
    exit_code: int
    ran_seconds: float
    last_line: str = ""
    """Of its log, when it did not end well."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    epoch: int
    started: float


class LocalExecutor:
    """Child processes of one service. `launch` must be called from a thread that lives as long as the service."""

    def __init__(
        self,
        data_dir: Path,
        *,
        on_exit: Callable[[], None],
        command: Sequence[str] = CHILD_COMMAND,
        metadb_url: str = "",
    ) -> None:
        """Make an executor.

        Args:
            data_dir: The service's data directory.
            on_exit: Called, in some thread, after a child has ended.
            command: What a child runs, before its own arguments.
            metadb_url: Of the server that holds the state; empty: it is in the data directory.
        """
        self._data_dir = data_dir
        self._on_exit = on_exit
        self._command = tuple(command)
        self._environment = {**os.environ, URL_VARIABLE: metadb_url}
        self._lock = threading.Lock()
        self._children: dict[TaskKey, _Child] = {}
        self._exits: list[TaskExit] = []

    def launch(self, key: TaskKey, epoch: int) -> None:
        """Start a task under an epoch that its row in the metadb already has."""
        path = log_path(self._data_dir, key)
        make_private_directory(path.parent)
        rotate(path)
        with open_private(path) as log:
            process = subprocess.Popen(
                [*self._command, *self._arguments(key, epoch)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._data_dir,
                env=self._environment,
                start_new_session=True,
            )
        child = _Child(process, epoch, time.monotonic())
        with self._lock:
            self._children[key] = child
        threading.Thread(target=self._watch, args=(key, child), name=f"watch {key}", daemon=True).start()

    def running(self) -> frozenset[TaskKey]:
        """Return the tasks whose process has not ended (or whose end has not been taken yet)."""
        with self._lock:
            return frozenset(self._children) | {ended.key for ended in self._exits}

    def exits(self) -> list[TaskExit]:
        """Return the ends that nobody has called `settled` for; they stay until then."""
        with self._lock:
            return list(self._exits)

    def settled(self, ended: TaskExit) -> None:
        """Forget an end: what followed from it is in the metadb."""
        with self._lock:
            self._exits.remove(ended)

    def terminate(self, key: TaskKey) -> None:
        """Ask a child to end."""
        if child := self._child(key):
            child.process.terminate()

    def kill(self, key: TaskKey) -> None:
        """Kill a child and all that it started."""
        if child := self._child(key):
            processes.kill_group(child.process.pid)

    def close(self, grace_seconds: float) -> None:
        """Ask all children to end, wait, and kill those that do not."""
        for key in self._alive():
            self.terminate(key)
        deadline = time.monotonic() + grace_seconds
        while self._alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        for key in self._alive():
            self.kill(key)
        while self._alive():
            time.sleep(0.02)

    def _alive(self) -> list[TaskKey]:
        with self._lock:
            return list(self._children)

    def _child(self, key: TaskKey) -> _Child | None:
        with self._lock:
            return self._children.get(key)

    def _watch(self, key: TaskKey, child: _Child) -> None:
        processes.wait_unreaped(child.process.pid)
        # What it started and left behind goes too; its number is still its own, for it has not been reaped.
        processes.kill_group(child.process.pid)
        exit_code = child.process.wait()
        ran = time.monotonic() - child.started
        last = last_line(log_path(self._data_dir, key)) if exit_code else ""
        with self._lock:
            del self._children[key]
            self._exits.append(TaskExit(key, child.epoch, exit_code, ran, last))
        self._on_exit()

    def _arguments(self, key: TaskKey, epoch: int) -> list[str]:
        return [f"--data-dir={self._data_dir}", f"--task={key}", f"--epoch={epoch}", f"--parent={os.getpid()}"]

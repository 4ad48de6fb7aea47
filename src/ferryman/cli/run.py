"""``ferryman run``: one project, in the foreground, without a server."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ferryman.api.native.creation import Wish, spec_of
from ferryman.cli import words
from ferryman.cli.problems import INTERRUPTED, log_to_file, slow_kernel_warning, write_problem
from ferryman.cli.report import (
    as_text,
    converted_of,
    differences,
    exit_code_of,
    failure_report,
    report_of,
    tables_of,
    write_report,
)
from ferryman.cli.screen import Screen, opened_screen
from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectSpec, ProjectStatus, StepName, StopWhen
from ferryman.spi.connector import is_sink
from ferryman.spi.url import format_url

LOOK_SECONDS = 0.25
RELEASE_SECONDS = 120.0
RENAMES_SHOWN = 5
CHOSEN = frozenset({"apply.ddl_unknown", "apply.conflict", "target.ddl_failed", "schema.index_failed"})
"""Where an operator may decide how to go on; decisions are taken by the service."""
_FOLLOW = "The same command once more brings what has changed since; --stop-when never keeps following."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How to run and what to tell.

    Attributes:
        fresh: Forget what is known of the project and begin anew.
        report: Where the report goes.
        json: The report also goes to standard output, everything else to standard error.
    """

    data_dir: Path
    fresh: bool = False
    report: Path | None = None
    json: bool = False


def run_project(wish: Wish, settings: RunSettings) -> int:
    """Run a project until it ends or is interrupted; returns the exit code."""
    try:
        spec = spec_of(wish)
        log_to_file(settings.data_dir / "logs")
        service = Service(settings.data_dir)
    except FerrymanError as error:
        _tell(failure_report(wish.name, error), settings)
        raise
    try:
        with stop_signals() as stopped:
            project = _run(service, spec, settings, stopped)
    except FerrymanError as error:
        _tell(failure_report(wish.name, error), settings)
        raise
    finally:
        service.close()
    _tell(report_of(project), settings)
    return _conclude(project, settings, interrupted=stopped.is_set())


def _run(service: Service, spec: ProjectSpec, settings: RunSettings, stopped: threading.Event) -> ProjectView:
    out = sys.stderr if settings.json else sys.stdout
    with opened_screen(plain=settings.json, out=out) as screen:
        _introduce(screen, spec)
        if warning := slow_kernel_warning():
            screen.say(warning)
        project = prepared(service, spec, screen, fresh=settings.fresh)
        service.start()
        return _watched(service, project.id, screen, stopped)


def prepared(service: Service, spec: ProjectSpec, screen: Screen, *, fresh: bool) -> ProjectView:
    """Make the project, or find the one of that name and let it go on; it is RUNNING then, or has nothing to do."""
    found = service.find_project(spec.name)
    if found is not None and (fresh or found.status in {ProjectStatus.RELEASING, ProjectStatus.RELEASED}):
        screen.say(f"forgetting what is known of project {spec.name}")
        _forget(service, found)
        found = None
    if found is None:
        project = service.create_project(spec)
        service.start_project(project.id)
        return service.project(project.id)
    return _gone_on(service, found, spec, screen)


def _gone_on(service: Service, found: ProjectView, spec: ProjectSpec, screen: Screen) -> ProjectView:
    if found.status is ProjectStatus.RUNNING:  # its process was killed: pause it to look at its options
        service.stop_project(found.id)
    project = service.update_project(found.id, spec)
    if project.status is ProjectStatus.INIT:
        service.start_project(found.id)
    elif project.status in {ProjectStatus.SUSPEND, ProjectStatus.FAILED}:
        screen.say(f"project {spec.name} is known: going on where it stood")
        service.resume_project(found.id)
    return service.project(found.id)


def _forget(service: Service, found: ProjectView) -> None:
    if found.status is ProjectStatus.RUNNING:
        service.stop_project(found.id)
    if service.project(found.id).status not in {ProjectStatus.INIT, ProjectStatus.RELEASED}:
        service.start()  # releasing is a task of its own
        if service.project(found.id).status is not ProjectStatus.RELEASING:
            service.release_project(found.id)
        service.wait(found.id, RELEASE_SECONDS)
    service.delete_project(found.id)


def _watched(service: Service, project_id: str, screen: Screen, stopped: threading.Event) -> ProjectView:
    """Show the project until it rests; a signal pauses it first."""
    warnings = _Warnings(service, project_id, screen)
    while True:
        project = service.project(project_id, most_tables=screen.most_tables)
        warnings.say_new()
        screen.show(project)
        if project.status is not ProjectStatus.RUNNING:
            return service.project(project_id)
        if stopped.is_set():
            return _paused(service, project_id, screen)
        stopped.wait(LOOK_SECONDS)


def _paused(service: Service, project_id: str, screen: Screen) -> ProjectView:
    screen.say("stopping: the tasks end where they are, nothing is lost")
    if service.project(project_id).status is ProjectStatus.RUNNING:
        service.stop_project(project_id)
    return service.project(project_id)


class _Warnings:
    """Says the project's warnings, each once: a step that is tried again says the same again."""

    def __init__(self, service: Service, project_id: str, screen: Screen) -> None:
        self._service, self._project_id, self._screen = service, project_id, screen
        self._after = 0
        self._said: set[str] = set()

    def say_new(self) -> None:
        """Say what has come since; errors are told by their step, and at the end."""
        for event in self._service.events(self._project_id, after=self._after):
            self._after = max(self._after, int(event["id"]))
            text = f"{event['step']}: {event['message']}" if event.get("step") else str(event["message"])
            if event["level"] == "warning" and text not in self._said:
                self._said.add(text)
                self._screen.say(f"warning: {text}")


def _introduce(screen: Screen, spec: ProjectSpec) -> None:
    screen.say(f"project {spec.name}")
    screen.say(f"  from {format_url(spec.source)}")
    screen.say(f"  to   {format_url(spec.target)}")
    for old, new in list(spec.selection.rename.items())[:RENAMES_SHOWN]:
        screen.say(f"       {old} becomes {new}")


def _tell(report: dict[str, Any], settings: RunSettings) -> None:
    if settings.json:
        sys.stdout.write(as_text(report))
        sys.stdout.flush()
    write_report(settings.report, report)


def _conclude(project: ProjectView, settings: RunSettings, *, interrupted: bool) -> int:
    """Say how it ended, in words and as an exit code."""
    out = sys.stderr if settings.json else sys.stdout
    out.flush()
    if interrupted and project.status is not ProjectStatus.FINISHED and project.error is None:
        out.write("\nstopped. The same command goes on where this one stood.\n")
        return INTERRUPTED
    if project.status is ProjectStatus.FAILED:
        _tell_failure(project, settings)
    elif project.status is ProjectStatus.FINISHED:
        out.write("\n" + _verdict(project) + "\n" + _conversions(project))
    else:
        out.write(f"\nproject is {project.status.value}; `ferryman projects show {project.spec.name}` shows more\n")
    return exit_code_of(project)


def _verdict(project: ProjectView) -> str:
    tables = tables_of(project)
    rows = sum(table["rows"] for table in tables)
    moved = f"{words.plural(len(tables), 'table')}, {words.plural(rows, 'row')}"
    if is_sink(project.spec.target):
        return f"done: {moved} published, and every change up to the checkpoint. {_FOLLOW}"
    if project.step(StepName.VERIFY) is None:
        return f"done: {moved}. Nothing was compared: add `verify` to --types to prove that both sides are equal."
    different = differences(project)
    if different:
        worst = "\n".join(
            f"  {table['name']}: {words.differing(table['mismatches'])}" for table in tables if table["mismatches"]
        )
        return (
            f"done, but NOT equal: {words.differing(different)}\n{worst}\n"
            f"  → `ferryman projects mismatches {project.spec.name}` shows them, `ferryman repair` prints the SQL that mends them"
        )
    following = project.step(StepName.APPLY) is not None and project.spec.stop_when is StopWhen.CAUGHT_UP
    more = (
        "\n  → the same command once more brings what has changed since; --stop-when never keeps following"
        if following
        else ""
    )
    return f"done: {moved}, 0 differences.{more}"


def _conversions(project: ProjectView) -> str:
    """Say what the user's policies have converted: nothing changes in silence (I5)."""
    found = converted_of(project)
    lines = [f"  {each['table']}.{each['column']}: {each['values']} ({each['misfit']})" for each in found]
    total = sum(each["values"] for each in found)
    return "\n".join([f"{total} values converted, as --on-value asked:", *lines]) + "\n" if found else ""


def _tell_failure(project: ProjectView, settings: RunSettings) -> None:
    error = project.error
    if error is None:
        write_problem("internal.error", "the project failed and does not say why")
        return
    items = failed_items(project) if error.code == "precheck.failed" else []
    sys.stderr.write("".join(f"{line}\n" for line in ["", *items]))
    message = error.message.partition(":")[0] if items else error.message  # the items have just been told, in full
    write_problem(error.code, message, error.hint)
    if error.code in CHOSEN:
        name, where = project.spec.name, settings.data_dir
        sys.stderr.write(
            f"  → to choose: `ferryman serve --data-dir {where}`, then `ferryman projects choose {name} …`\n"
        )
    logs = settings.data_dir / "logs" / project.id
    sys.stderr.write(f"  → then run the same command again: it goes on where this one stood (logs: {logs})\n")


def failed_items(project: ProjectView) -> list[str]:
    """Return the precheck's failed items as lines, where it was the precheck that failed."""
    from ferryman.cli.prechecks import item_lines

    step = project.step(StepName.PRECHECK)
    items = step.progress.info.get("items", []) if step is not None and step.error is not None else []
    return [line for item in items if item.get("verdict") == "FAILED" for line in item_lines(item)]


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Return an event that SIGINT, SIGTERM and SIGHUP set; a second one interrupts at once."""
    stopped = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]  # nohup stays nohup
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

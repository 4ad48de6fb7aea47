"""``ferryman run`` around a service in memory: making, going on, beginning anew, being interrupted."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace

import pytest
from fake_service import FAILURE, FakeService

from ferryman.cli import main as command_line
from ferryman.cli import run as run_command
from ferryman.model.project import ProjectStatus, StepName, StepProgress, StepStatus, TableProgress

RUN = ["run", "--source", "mysql://u:geheim@a/shop", "--target", "oceanbase://r:geheim@b"]


class Ending(FakeService):
    """Ends a running project at the third look."""

    end = ProjectStatus.FINISHED
    mismatches_found = 0

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.closed = self.started = False
        self.updates = []

    def __call__(self, data_dir, **_):
        self.data_dir = data_dir
        return self

    def start(self):
        self.started = True

    def close(self):
        self.closed = True

    def project(self, project_id, *, tables=True, most_tables=None):
        found = super().project(project_id)
        if self.started and found.status is ProjectStatus.RUNNING:
            self.looks += 1
            if self.looks >= 3:
                return self.finish(project_id)
        if self.started and found.status is ProjectStatus.RELEASING:
            return self.put(project_id, status=ProjectStatus.RELEASED)
        return found

    def finish(self, project_id):
        error = FAILURE if self.end is ProjectStatus.FAILED else None
        table = TableProgress(table="shop.t", rows=5, rows_total=5, mismatches=self.mismatches_found, state="done")
        for name in (StepName.LOAD, StepName.VERIFY):
            self.put_step(project_id, name, status=StepStatus.FINISHED, tables=(table,), progress=StepProgress(rows=5))
        return self.put(project_id, status=self.end, error=error)

    def update_project(self, project_id, spec):
        self.updates.append(spec)
        found = super().project(project_id)
        status = ProjectStatus.SUSPEND if found.status is ProjectStatus.FINISHED else found.status
        return self.put(project_id, spec=spec, status=status)


@pytest.fixture
def ending(monkeypatch):
    made = Ending()
    monkeypatch.setattr(run_command, "Service", made)
    return made


def test_done_and_equal(ending, capsys, tmp_path):
    path = tmp_path / "r.json"
    assert command_line.run([*RUN, "--report", str(path), "--name", "shop", "--data-dir", str(tmp_path / "d")]) == 0
    told = capsys.readouterr()
    assert "done: 1 table, 5 rows, 0 differences." in told.out
    assert "geheim" not in told.out + told.err
    assert json.loads(path.read_text())["status"] == "FINISHED"
    assert ending.closed
    assert ending.data_dir == tmp_path / "d"


def test_differences(ending, capsys):
    ending.mismatches_found = 2
    assert command_line.run(RUN) == 4
    assert "NOT equal: 2 rows differ" in capsys.readouterr().out


def test_failure_tells_the_code_and_how_to_go_on(ending, capsys, tmp_path):
    ending.end = ProjectStatus.FAILED
    path = tmp_path / "r.json"
    assert command_line.run([*RUN, "--report", str(path)]) == 3
    told = capsys.readouterr().err
    assert "error [endpoint.unreachable] no answer from db:3306" in told
    assert "same command again" in told
    assert json.loads(path.read_text())["errors"][0]["code"] == "endpoint.unreachable"


def test_json_is_alone_on_standard_output(ending, capsys):
    assert command_line.run([*RUN, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["status"] == "FINISHED"
    assert "copy rows" in told.err


def test_a_second_run_goes_on(ending, capsys):
    assert command_line.run([*RUN, "--types", "schema,full"]) == 0
    ending.looks = 0
    assert command_line.run(RUN) == 0
    assert len(ending.kept_projects) == 1
    assert StepName.APPLY in ending.updates[0].steps
    assert "going on where it stood" in capsys.readouterr().out


def test_a_project_left_running_by_a_killed_run_goes_on(ending):
    assert command_line.run(RUN) == 0
    (project,) = ending.kept_projects.values()
    ending.put(project.id, status=ProjectStatus.RUNNING)
    ending.looks, ending.started = 0, False
    assert command_line.run(RUN) == 0
    assert len(ending.updates) == 1


def test_fresh_begins_anew(ending):
    assert command_line.run(RUN) == 0
    ending.looks = 0
    assert command_line.run([*RUN, "--fresh"]) == 0
    statuses = [project.status for project in ending.kept_projects.values()]
    assert statuses == [ProjectStatus.DELETED, ProjectStatus.FINISHED]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_pauses_the_project(ending, capsys, monkeypatch, number):
    before = signal.getsignal(number)
    monkeypatch.setattr(ending, "finish", lambda project_id: _send_once(ending, project_id, number))
    assert command_line.run(RUN) == 130
    (project,) = ending.kept_projects.values()
    assert project.status is ProjectStatus.SUSPEND
    assert "same command goes on" in capsys.readouterr().out
    assert ending.closed
    assert signal.getsignal(number) is before


def _send_once(ending, project_id, number):
    if not getattr(ending, "sent", False):
        ending.sent = True
        os.kill(os.getpid(), number)
    return ending.kept_projects[project_id]


def test_wrong_usage_reports_too(ending, capsys, tmp_path):
    path = tmp_path / "r.json"
    assert command_line.run(["run", "--source", "x", "--target", "oceanbase://b", "--report", str(path)]) == 2
    assert capsys.readouterr().err.startswith("error [usage.bad_url] --source: ")
    assert json.loads(path.read_text())["status"] is None
    assert not ending.kept_projects


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["nosuch"],
        [*RUN, "--nope"],
        [*RUN, "--streams", "many"],
        [*RUN, "--types", "everything"],
        [*RUN, "--stop-when", "soon"],
        [*RUN, "--map", "x"],
        [*RUN, "--where", "x"],
        [*RUN, "--name", "a b"],
        ["projects", "show"],
        ["projects", "list", "--url", "ftp://x"],
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_code_2(ending, capsys, arguments):
    assert command_line.run(arguments) == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith("error [usage.")
    assert all(line.startswith("  → ") for line in rest)


def test_a_defect_is_one_line_and_the_log_has_the_rest(ending, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(ending, "create_project", lambda _spec: 1 // 0)
    assert command_line.run(RUN) == 1
    told = capsys.readouterr().err
    assert "error [internal.error] ZeroDivisionError" in told
    assert "Traceback" not in told
    assert "Traceback" in (tmp_path / "share" / "ferryman" / "logs" / "ferryman.log").read_text()
    monkeypatch.setenv("FERRYMAN_DEBUG", "1")
    assert command_line.run(RUN) == 1
    assert "Traceback" in capsys.readouterr().err


def _interrupt_twice():
    with run_command.stop_signals() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped.wait(5)
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(5)


def test_two_signals_end_at_once():
    with pytest.raises(KeyboardInterrupt):
        _interrupt_twice()


def test_objects_of_the_url(ending):
    assert command_line.run([*RUN, "--exclude", "shop.tmp*", "--where", "shop.t:id > 1", "--streams", "3"]) == 0
    (project,) = ending.kept_projects.values()
    assert project.spec.selection.objects == ("`shop`.*",)
    assert project.spec.selection.exclude == ("shop.tmp*",)
    assert project.spec.load.streams == 3
    assert replace(project.spec.source, password="").password == ""
    assert project.spec.source.password == "geheim"

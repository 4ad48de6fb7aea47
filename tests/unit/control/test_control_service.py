"""The service with tasks made of sleep (`fake_task`): life cycle, restarts, pauses, and what it says of errors."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.control import endings, workers
from ferryman.control.service import Service
from ferryman.control.steps import TAIL
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import (
    Endpoint,
    ProjectSpec,
    ProjectStatus,
    ProjectType,
    StepName,
    StepStatus,
    StopWhen,
)
from ferryman.model.selection import Selection

FAKE_TASK = Path(__file__).with_name("fake_task.py")
SPEC = ProjectSpec(
    name="shop",
    source=Endpoint(scheme="mysql", password="geheim"),
    target=Endpoint(scheme="oceanbase", port=2881),
    stop_when=StopWhen.CAUGHT_UP,
)
FULL = replace(SPEC, steps=(StepName.PRECHECK, StepName.SCHEMA, StepName.LOAD))
FOLLOWING = replace(SPEC, stop_when=StopWhen.NEVER)
S, P, N = StepStatus, ProjectStatus, StepName
PATIENCE = 60.0


class Stage:
    """A data directory, its service, and what its tasks have written down."""

    def __init__(self, directory):
        self.directory = directory
        self.service = None

    def open(self):
        self.service = Service(self.directory, task_command=(sys.executable, "-P", str(FAKE_TASK)))
        self.service.start()
        return self.service

    def close(self):
        if self.service is not None:
            self.service.close()
            self.service = None

    def misbehave(self, task, how):
        (self.directory / f"misbehave.{task}").write_text(how)

    def trace(self):
        """Return (process, task, epoch, what) in order."""
        lines = (self.directory / "trace").read_text().splitlines()
        return [(int(pid), task, int(epoch), what) for _, pid, task, epoch, what in (x.split(" ", 4) for x in lines)]

    def begun(self, task):
        return [line for line in self.trace() if line[1] == task and line[3] == "begin"]

    def run(self, spec):
        project = self.service.create_project(spec)
        self.service.start_project(project.id)
        return project.id

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited for: {what}"
            time.sleep(0.02)

    def until_status(self, project, step, *statuses):
        self.until(
            lambda: self.service.project(project).step(step).status in statuses, f"{step} to be one of {statuses}"
        )


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(endings, "DELAYS", (0.0, 0.05))
    stage = Stage(tmp_path / "data")
    stage.open()
    yield stage
    stage.close()


def statuses(view):
    return {step.name: step.status for step in view.steps}


def test_a_project_runs_to_its_end(stage):
    project = stage.run(SPEC)
    view = stage.service.wait(project, PATIENCE)
    assert view.status is P.FINISHED
    assert statuses(view) == dict.fromkeys(set(N) - TAIL, S.FINISHED)
    assert [step.order for step in view.steps] == [1, 2, 3, 4, 5, 6, 7]
    assert view.finished_at is not None
    assert view.step(N.LOAD).progress.rows == 5
    assert view.step(N.LOAD).tables[0].table == "a.b"
    assert view.step(N.LOAD).seconds > 0
    begun = [task for _, task, _, what in stage.trace() if what == "begin"]
    assert begun == [name.value for name in N if name not in TAIL]
    messages = [event["message"] for event in stage.service.events(project)]
    assert messages[-1] == "project is FINISHED"
    assert "load finished" in messages


def test_a_project_that_follows_monitors_and_pauses_and_goes_on(stage):
    project = stage.run(FOLLOWING)
    stage.until_status(project, N.VERIFY, S.FINISHED)
    view = stage.service.project(project)
    assert view.status is P.RUNNING
    assert view.step(N.APPLY).status is S.MONITORING
    stage.service.stop_project(project)
    assert stage.service.project(project).status is P.SUSPEND
    stage.until_status(project, N.APPLY, S.SUSPEND)
    stage.until_status(project, N.CAPTURE, S.SUSPEND)
    ended = {task for _, task, _, what in stage.trace() if what == "end"}
    assert {"apply", "capture"} <= ended, "they were asked, not killed"
    stage.service.resume_project(project)
    stage.until_status(project, N.APPLY, S.MONITORING)
    stage.until(lambda: len(stage.begun("apply")) == 2, "apply to go on")
    assert stage.service.project(project).step(N.VERIFY).status is S.FINISHED
    assert [epoch for _, _, epoch, _ in stage.begun("apply")] == [1, 2]
    levels = {event["level"] for event in stage.service.events(project)}
    assert levels == {"info"}


def test_a_killed_task_goes_on_from_its_checkpoint(stage):
    project = stage.run(FOLLOWING)
    stage.until_status(project, N.APPLY, S.MONITORING)
    os.kill(stage.begun("apply")[-1][0], signal.SIGKILL)
    stage.until(lambda: len(stage.begun("apply")) == 2, "apply to be started again")
    view = stage.service.project(project)
    assert view.step(N.APPLY).status is S.MONITORING, "never back to RUNNING"
    assert view.step(N.APPLY).restarts == 1
    warning = next(event for event in stage.service.events(project) if event["level"] == "warning")
    assert "SIGKILL" in warning["message"]
    assert warning["step"] == "apply"


def test_a_failure_stops_the_project_but_not_capture_and_resume_mends_it(stage):
    stage.misbehave("apply", "fail target.full")
    project = stage.run(SPEC)
    view = stage.service.wait(project, PATIENCE)
    assert view.status is P.FAILED
    assert view.current_step.name is N.APPLY
    error = view.step(N.APPLY).error
    assert (error.code, error.message, error.retry) == ("target.full", "told to fail", "manual")
    assert error.hint
    assert view.error == error
    assert view.alarm_count == 1
    assert view.step(N.CAPTURE).status is S.RUNNING
    capture = stage.begun("capture")[-1][0]
    os.kill(capture, 0)
    stage.service.resume_project(project)
    view = stage.service.wait(project, PATIENCE)
    assert view.status is P.FINISHED
    assert (view.error, view.step(N.APPLY).error) == (None, None)
    assert [pid for pid, *_ in stage.begun("capture")] == [capture], "capture went on all the while"


def test_a_failure_in_the_load_stops_the_others(stage):
    stage.misbehave("verify", "fail internal.error")
    project = stage.run(FOLLOWING)
    stage.service.wait(project, PATIENCE)
    stage.until_status(project, N.APPLY, S.SUSPEND)
    assert stage.service.project(project).step(N.CAPTURE).status is S.RUNNING


def test_errors_that_mend_themselves_are_tried_again(stage):
    stage.misbehave("load", "fail endpoint.connection_lost")
    project = stage.run(FULL)
    view = stage.service.wait(project, PATIENCE)
    assert (view.status, view.step(N.LOAD).restarts) == (P.FINISHED, 1)


def test_a_target_that_was_reached_before_may_be_away_for_a_while(stage):
    stage.misbehave("load", "fail endpoint.unreachable")
    project = stage.run(FULL)
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED


def test_a_target_that_was_never_reached_is_the_operators_matter(stage):
    stage.misbehave("precheck", "fail endpoint.unreachable")
    project = stage.run(FULL)
    view = stage.service.wait(project, PATIENCE)
    assert (view.status, view.error.code) == (P.FAILED, "endpoint.unreachable")


def test_an_endless_crash_fails_the_step_with_the_last_line_of_its_log(stage):
    stage.misbehave("schema", "always exit 3")
    project = stage.run(FULL)
    view = stage.service.wait(project, PATIENCE)
    assert (view.status, view.error.code) == (P.FAILED, "task.crashed")
    assert "exit code 3" in view.error.message
    assert "schema begins" in view.error.message
    assert len(stage.begun("schema")) == endings.CRASH_LIMIT


def test_an_unexpected_exception_is_an_internal_error_and_only_the_log_has_its_words(stage):
    stage.misbehave("load", "raise")
    project = stage.run(FULL)
    view = stage.service.wait(project, PATIENCE)
    assert view.error.code == "internal.error"
    assert "RuntimeError" in view.error.message
    assert "secret" not in view.error.message
    log = (stage.directory / "logs" / project / "load.log").read_text()
    assert "Traceback" in log
    assert "a secret: ******" in log, "the source's password is not in the log either"


def test_a_task_that_does_not_hear_is_killed(stage, monkeypatch):
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.3)
    stage.misbehave("load", "stuck")
    project = stage.run(FULL)
    stage.until(lambda: stage.directory.joinpath("trace").exists() and stage.begun("load"), "load to begin")
    stage.service.stop_project(project)
    stage.until_status(project, N.LOAD, S.SUSPEND)
    assert stage.service.project(project).step(N.LOAD).restarts == 0, "a kill of ours is no crash"
    stage.service.resume_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED


def test_running_projects_go_on_when_the_service_comes_back(stage):
    project = stage.run(FOLLOWING)
    stage.until_status(project, N.APPLY, S.MONITORING)
    stage.close()
    assert {task for _, task, _, what in stage.trace() if what == "end"} >= {"apply", "capture"}
    stage.open()
    stage.until(lambda: len(stage.begun("apply")) == 2, "apply to go on")
    assert stage.service.project(project).status is P.RUNNING
    assert stage.service.project(project).step(N.APPLY).restarts == 0


def test_a_finished_project_runs_again_with_other_steps(stage):
    project = stage.run(replace(SPEC, steps=(N.PRECHECK, N.SCHEMA)))
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED
    stage.service.update_project(project, replace(SPEC, steps=(N.PRECHECK, N.SCHEMA)))
    assert stage.service.project(project).status is P.FINISHED, "nothing to do"
    view = stage.service.update_project(project, SPEC)
    assert view.status is P.SUSPEND
    assert statuses(view) == dict.fromkeys(set(N) - TAIL, S.INIT) | {N.PRECHECK: S.FINISHED}, "the place is to be taken"
    stage.service.resume_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED
    stage.service.update_project(project, SPEC)
    stage.service.resume_project(project)
    view = stage.service.wait(project, PATIENCE)
    assert view.status is P.FINISHED
    assert {name.value: len(stage.begun(name.value)) for name in N if name not in TAIL} == {
        "precheck": 1,
        "schema": 2,
        "capture": 2,
        "load": 1,
        "index": 1,
        "apply": 2,
        "verify": 2,
    }


def test_rows_copied_without_a_place_in_the_log_cannot_be_followed(stage):
    project = stage.run(FULL)
    stage.service.wait(project, PATIENCE)
    with pytest.raises(UsageError) as caught:
        stage.service.update_project(project, SPEC)
    assert caught.value.code == "project.invalid"
    assert "--fresh" in caught.value.hint
    assert stage.service.project(project).spec == FULL
    view = stage.service.update_project(project, replace(FULL, steps=(*FULL.steps, N.VERIFY)))
    assert view.step(N.VERIFY).status is S.INIT


def test_what_is_done_belongs_to_one_source_and_one_set_of_objects(stage):
    project = stage.run(FULL)
    stage.service.wait(project, PATIENCE)
    for other in (
        replace(FULL, source=Endpoint(scheme="mysql", host="elsewhere")),
        replace(FULL, selection=Selection(objects=("other.*",))),
    ):
        with pytest.raises(UsageError) as caught:
            stage.service.update_project(project, other)
        assert caught.value.code == "project.invalid"
    same = replace(FULL, source=replace(FULL.source, password="new"), name="laden")
    assert stage.service.update_project(project, same).spec == same


def test_release_and_delete_free_the_name(stage):
    project = stage.run(FULL)
    stage.service.wait(project, PATIENCE)
    stage.service.release_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.RELEASED
    assert stage.begun("release")
    stage.service.delete_project(project)
    assert stage.service.find_project("shop") is None
    assert stage.service.projects().total == 0
    assert stage.service.projects(statuses=[P.DELETED]).total == 1
    assert stage.service.create_project(FULL).id != project


def test_a_release_that_cannot_free_all_ends_and_says_so(stage):
    stage.misbehave("release", "always fail target.full")
    project = stage.run(FULL)
    stage.service.wait(project, PATIENCE)
    stage.service.release_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.RELEASED
    assert any("not all could be freed" in event["message"] for event in stage.service.events(project))


def test_actions_are_refused_in_the_wrong_status(stage):
    project = stage.service.create_project(FULL).id
    for action in (stage.service.stop_project, stage.service.resume_project, stage.service.release_project):
        with pytest.raises(UsageError) as caught:
            action(project)
        assert caught.value.code == "project.wrong_status"
        assert "INIT" in caught.value.message
        assert "start" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        stage.service.start_project("np_nothere")
    assert caught.value.code == "project.unknown"


def test_specs_are_checked(stage):
    for spec in (
        replace(FULL, name="x" * 65),
        replace(FULL, name=" x"),
        replace(FULL, name=""),
        replace(FULL, steps=()),
        replace(FULL, steps=(N.LOAD, N.APPLY)),
        replace(FULL, steps=(N.LOAD, N.LOAD)),
    ):
        with pytest.raises(UsageError) as caught:
            stage.service.create_project(spec)
        assert caught.value.code == "project.invalid"
    stage.service.create_project(FULL)
    with pytest.raises(UsageError) as caught:
        stage.service.create_project(FULL)
    assert caught.value.code == "project.name_taken"


def test_one_service_a_data_directory(stage):
    stage.service.start()  # a second start does nothing
    with pytest.raises(FerrymanError) as caught:
        Service(stage.directory)
    assert caught.value.code == "service.data_dir_in_use"
    assert f"process {os.getpid()}" in caught.value.message


def test_projects_are_listed_searched_and_paged(stage):
    for number in range(7):
        stage.service.create_project(replace(FULL, name=f"shop{number}", labels=(f"l_{number % 2}",)))
    stage.service.create_project(replace(FULL, name="sync", type=ProjectType.SYNC))
    page = stage.service.projects(sort="name", descending=False, page=2, size=3)
    assert ([view.spec.name for view in page.items], page.total, page.number, page.size) == (
        ["shop3", "shop4", "shop5"],
        8,
        2,
        3,
    )
    assert [view.spec.name for view in stage.service.projects(search="SHOP6").items] == ["shop6"]
    assert stage.service.projects(labels=["l_1"]).total == 3
    assert stage.service.projects(type_=ProjectType.SYNC).total == 1
    assert stage.service.projects(source_schemes=["oceanbase"]).total == 0
    assert stage.service.projects(statuses=[P.INIT]).total == 8
    assert [view.spec.name for view in stage.service.projects(size=2).items] == ["sync", "shop6"], "youngest first"


def test_endpoints_are_kept_and_listed(stage):
    made = stage.service.create_endpoint(
        "quelle", SPEC.source, description="d", api_document={"password": "x"}, check=False
    )
    assert stage.service.endpoint(made.id) == made
    assert made.endpoint.password == "geheim"
    with pytest.raises(UsageError) as caught:
        stage.service.create_endpoint("quelle", SPEC.source, check=False)
    assert caught.value.code == "endpoint.name_taken"
    stage.service.create_endpoint("ziel", SPEC.target, check=False)
    assert [view.name for view in stage.service.endpoints(schemes=["oceanbase"]).items] == ["ziel"]
    assert [view.name for view in stage.service.endpoints(search="QUEL").items] == ["quelle"]
    with pytest.raises(UsageError) as caught:
        stage.service.endpoint("e_nothere")
    assert caught.value.code == "endpoint.unknown"


def test_an_endpoint_that_changes_sends_its_password_to_no_other_server(stage):
    book = stage.service
    made = book.create_endpoint("quelle", SPEC.source, api_document={"tenant": "t"}, check=False)
    bare = replace(SPEC.source, password="")
    assert book.change_endpoint(made.id, endpoint=bare, check=False).endpoint.password == "geheim"
    assert book.change_endpoint(made.id, name="neu", description="d").endpoint.password == "geheim"
    for other in ({"host": "elsewhere"}, {"username": "other"}, {"port": 1}, {"options": {"ssl_mode": "disabled"}}):
        changed = book.change_endpoint(made.id, endpoint=replace(bare, **other), check=False)
        assert changed.endpoint.password == ""
        book.change_endpoint(made.id, endpoint=SPEC.source, check=False)
    assert (changed.name, changed.description, changed.created_at) == ("neu", "d", made.created_at)
    assert book.endpoint(made.id).api_document == {}  # a login it was given with has changed in between
    book.create_endpoint("ziel", SPEC.target, check=False)
    with pytest.raises(UsageError) as caught:
        book.change_endpoint(made.id, name="ziel")
    assert caught.value.code == "endpoint.name_taken"
    assert book.change_endpoint(made.id, name="neu").name == "neu"
    with pytest.raises(FerrymanError) as refused:
        book.change_endpoint(made.id, endpoint=replace(SPEC.source, port=9))  # connected to before it is kept
    assert refused.value.code == "endpoint.unreachable"
    assert book.endpoint(made.id).endpoint == SPEC.source


def test_a_choice_goes_to_the_statement_at_which_apply_stopped(stage):
    stage.misbehave("apply", "ddl")
    project = stage.run(SPEC)
    assert stage.service.wait(project, PATIENCE).status is P.FAILED
    with pytest.raises(UsageError):
        stage.service.choose(project, "apply")
    stage.service.choose(project, "skip")
    assert stage.service.note(project, "apply.choice") == {"position": "b.1/42", "choice": "skip", "sql": ""}
    stage.service.resume_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED
    with pytest.raises(UsageError) as caught:
        stage.service.choose(project, "skip")
    assert caught.value.code == "project.invalid"


def test_an_object_that_could_not_be_made_gets_other_sql(stage):
    stage.misbehave("schema", "objects bad")
    project = stage.run(SPEC)
    assert stage.service.wait(project, PATIENCE).status is P.FAILED
    for choice, sql, name in (("apply", "CREATE …", "d.fine"), ("skip", "", "d.bad"), ("apply", " ", "d.bad")):
        with pytest.raises(UsageError) as caught:
            stage.service.choose(project, choice, sql=sql, object_name=name)
        assert caught.value.code == "project.invalid"
    stage.service.choose(project, "apply", sql="CREATE TABLE d.bad (a INT)", object_name="d.bad")
    assert stage.service.note(project, "schema.objects") == {"d.bad": "CREATE TABLE d.bad (a INT)"}
    stage.service.resume_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED


def test_an_index_that_could_not_be_made_can_be_left_out(stage):
    stage.misbehave("index", "objects idx index ")
    project = stage.run(FULL)
    assert stage.service.wait(project, PATIENCE).status is P.FAILED
    stage.service.choose(project, "skip", object_name="d.idx")
    assert stage.service.note(project, "schema.objects") == {"index d.idx": ""}
    stage.service.resume_project(project)
    assert stage.service.wait(project, PATIENCE).status is P.FINISHED


def test_the_data_directory_is_private(stage):
    project = stage.run(FULL)
    stage.service.wait(project, PATIENCE)
    assert stage.directory.stat().st_mode & 0o077 == 0
    for name in ("ferryman.db", "secret.key", "logs", f"logs/{project}/load.log"):
        assert stage.directory.joinpath(name).stat().st_mode & 0o077 == 0, name

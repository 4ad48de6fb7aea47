"""What a task sees of the world, and the runner that turns a name into a step."""

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ferryman.executor import context as context_module
from ferryman.executor.context import ChildContext
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.metadb import events, migration, notes, projects, steps, tasks
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StepName, StepProgress, TableProgress
from ferryman.model.serial import to_json
from ferryman.pipeline import runner
from ferryman.spi.task import TaskContext

KEY = TaskKey("np_1", "apply")
SPEC = ProjectSpec(name="x", source=Endpoint(scheme="mysql"), target=Endpoint(scheme="oceanbase"))


@pytest.fixture
def metadb(tmp_path):
    metadb = MetaDb.open(tmp_path)
    migration.upgrade(metadb.database)
    row = ProjectRow(id="np_1", spec=SPEC, status=ProjectStatus.RUNNING, created_at=1.0, changed_at=1.0)
    with metadb.writing() as tx:
        projects.insert(tx, metadb.box, row)
        for name in SPEC.steps:
            steps.insert(tx, "np_1", name, enabled=True)
    yield metadb
    metadb.close()


@pytest.fixture
def context(metadb, monkeypatch):
    monkeypatch.setattr(context_module, "PULSE_SECONDS", 0.05)
    with metadb.writing() as tx:
        epoch = tasks.claim(tx, KEY, "me", time.time(), 60.0)
    context = ChildContext(metadb, KEY, epoch, SPEC, parent=os.getppid())
    yield context
    context._closing.set()


def step_row(metadb):
    with metadb.reading() as tx:
        return next(row for row in steps.of_project(tx, "np_1") if row.name is StepName.APPLY)


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lose(metadb):
    """Let another service take the task."""
    with metadb.writing() as tx:
        tasks.release(tx, KEY, time.time())
        assert tasks.claim(tx, KEY, "another", time.time(), 60.0)


def test_it_is_a_task_context(context):
    surroundings: TaskContext = context
    assert surroundings.step is StepName.APPLY


def test_reports_are_gathered_and_the_last_one_stands(metadb, context, monkeypatch):
    written = []
    report = steps.report
    monkeypatch.setattr(steps, "report", lambda *args: (written.append(args[3]), report(*args)))
    context.start()
    for number in range(20_000):
        context.report(StepProgress(rows=number))
    context.finish("finished", None)
    assert step_row(metadb).progress.rows == 19_999
    assert len(written) < 200, "reports are not written one by one"
    with metadb.reading() as tx:
        assert tasks.get(tx, KEY).outcome == "finished"


def test_of_ten_thousand_tables_only_the_changed_are_written(metadb, context, monkeypatch):
    written = []
    report_tables = steps.report_tables
    monkeypatch.setattr(steps, "report_tables", lambda *args: (written.append(len(args[3])), report_tables(*args)))
    tables = [TableProgress(table=f"shop.table_{number}") for number in range(10_000)]
    context.start()
    context.report(StepProgress(), tables)
    until(lambda: written)
    tables[77] = replace(tables[77], rows=1)
    context.report(StepProgress(rows=1), tables)
    context.finish("finished", None)
    assert sum(written) == 10_001
    with metadb.reading() as tx:
        found = steps.tables(tx, "np_1", StepName.APPLY)
    assert len(found) == 10_000
    assert found[77].rows == 1


def test_a_report_that_could_not_be_written_is_written_later(metadb, context, monkeypatch):
    writing = MetaDb.writing
    failures = []

    @contextmanager
    def full(self, *, durable=True):
        if len(failures) < 3:
            failures.append(1)
            raise FerrymanError("disk.full", "no room")
        with writing(self, durable=durable) as tx:
            yield tx

    monkeypatch.setattr(MetaDb, "writing", full)
    context.start()
    context.report(StepProgress(rows=3), [TableProgress(table="a.b", rows=3)])
    until(lambda: step_row(metadb).progress.rows == 3)
    assert len(failures) == 3
    assert not context.stop_requested()


def test_a_lost_lease_stops_the_task_and_nothing_more_is_written(metadb, context):
    context.start()
    context.set_note("apply.position", 1)
    lose(metadb)
    assert context.wait(20.0), "the pulse sees it"
    mismatch = Mismatch(table=TableName("a", "b"), kind=MismatchKind.MISMATCHED, key={}, source={}, target={})
    for write in (
        lambda: context.set_note("apply.position", 2),
        lambda: context.report(StepProgress(rows=9)),
        lambda: context.event("info", "x"),
        lambda: context.record_mismatches("a.b", [mismatch]),
        lambda: context.finish("finished", None),
    ):
        with pytest.raises(LeaseLostError):
            write()
    with metadb.reading() as tx:
        assert notes.get(tx, "np_1", "apply.position") == 1
        assert tasks.get(tx, KEY).outcome is None


def test_a_lost_lease_is_seen_by_a_write_before_the_pulse(metadb, context):
    lose(metadb)
    with pytest.raises(LeaseLostError):
        context.set_note("apply.position", 2)
    assert context.stop_requested()


def test_a_lease_that_cannot_be_renewed_runs_out(metadb, context, monkeypatch):
    @contextmanager
    def full(self, *, durable=True):
        raise FerrymanError("disk.full", "no room")
        yield

    monkeypatch.setattr(context_module, "LEASE_SECONDS", 0.2)
    monkeypatch.setattr(context_module, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(MetaDb, "writing", full)
    context.start()
    assert context.wait(20.0)
    with pytest.raises(LeaseLostError):
        context.report(StepProgress())


def test_the_wish_to_stop_arrives(metadb, context):
    context.start()
    assert not context.wait(0.1)
    with metadb.writing() as tx:
        tasks.request_stop(tx, KEY)
    assert context.wait(20.0)


def test_events_carry_names_and_numbers(metadb, context):
    context.event("warning", "careful", table=TableName("a", "b"), rows=3)
    with metadb.reading() as tx:
        event = events.after(tx, "np_1", 0, 10)[-1]
    assert (event["step"], event["level"], event["fields"]) == ("apply", "warning", {"table": "a.b", "rows": 3})


# The runner -----------------------------------------------------------------------------------------------------------


class FakeEnd:
    """A source or target that answers, or is away."""

    def __init__(self, error=None):
        self.error = error
        self.asked = 0
        self.closed = 0

    def current_position(self):
        self.asked += 1
        if self.error:
            raise self.error
        return Position(kind="binlog", token={"file": "b.9", "offset": "4"}, order=(9, 4))

    def release_log(self, project): ...

    def forget(self, project):
        self.asked += 1
        if self.error:
            raise self.error

    def close(self):
        self.closed += 1


@pytest.fixture
def end(monkeypatch):
    end = FakeEnd()

    class FakeConnector:
        source = target = staticmethod(lambda _: end)

    monkeypatch.setattr(runner, "connector_for", lambda _: FakeConnector)
    monkeypatch.setattr(runner, "source_of", lambda _: end)
    monkeypatch.setattr(runner, "DRAIN_LOOK_SECONDS", 0.01)
    return end


def test_drain_takes_the_sources_place_once(context, end):
    assert not runner.settle_stop(context)
    context.set_note("apply.drain", True)
    assert runner.settle_stop(context)
    assert runner.settle_stop(context)
    assert (end.asked, end.closed) == (1, 1)
    assert context.note("apply.stop_at") == to_json(FakeEnd().current_position())


def test_drain_is_heard_while_apply_runs_even_if_the_source_is_away_for_a_moment(metadb, context, end):
    end.error = FerrymanError("endpoint.connection_lost", "away")
    with runner.drain_watched(context):
        context.set_note("apply.drain", True)
        until(lambda: end.asked >= 3)
        assert context.note("apply.stop_at") is None
        end.error = None
        until(lambda: context.note("apply.stop_at") is not None)
    assert end.closed == end.asked
    with metadb.reading() as tx:
        levels = [event["level"] for event in events.after(tx, "np_1", 0, 10)]
    assert levels == ["warning", "info"], "said once, and once when it is over"


def test_release_names_what_it_leaves(metadb, context, end, tmp_path):
    (tmp_path / "log" / "np_1").mkdir(parents=True)
    end.error = FerrymanError("endpoint.unreachable", "nobody there")
    runner.run_release(context)
    assert not (tmp_path / "log" / "np_1").exists()
    with metadb.reading() as tx:
        messages = [(event["level"], event["message"]) for event in events.after(tx, "np_1", 0, 10)]
    assert messages[0][0] == "warning"
    assert "nobody there" in messages[0][1]
    assert threading.active_count() < 50


def test_every_step_has_a_runner_that_can_be_imported():
    import importlib

    assert set(runner.RUNNERS) == set(StepName) - {StepName.REVERSE}  # a project of its own
    for package, _ in runner.RUNNERS.values():
        importlib.import_module(package)


def test_a_metadb_that_is_away_is_no_crash_of_the_task():
    from ferryman.control.endings import CRASH_LIMIT, Again, Ending, Failed, Health, judge
    from ferryman.executor.child import EXIT_METADB_AWAY

    health = Health()
    for number in range(CRASH_LIMIT + 5):  # within the patience for what mends itself, however often
        verdict = judge(Ending(outcome=None, exit_code=EXIT_METADB_AWAY), health, 1000.0 + number)
        assert isinstance(verdict, Again)
        assert verdict.error["code"] == "metadb.unreachable"
        health = verdict.health
    assert isinstance(judge(Ending(outcome=None, exit_code=EXIT_METADB_AWAY), health, 2000.0), Failed)

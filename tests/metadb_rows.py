"""How rows of the metadb behave: the same on every database that can hold it; who imports this has a fixture `metadb`."""

import threading
from dataclasses import replace

import pytest

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import endpoints, events, mismatches, notes, projects, samples, steps, tasks
from ferryman.metadb.endpoints import EndpointRow
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.tasks import TaskKey
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.project import (
    Endpoint,
    ProjectSpec,
    ProjectStatus,
    StepName,
    StepProgress,
    StepStatus,
    TableProgress,
)
from ferryman.model.selection import Selection

KEY = TaskKey("np_1", "load")
SPEC = ProjectSpec(
    name="shop 🛒",
    source=Endpoint(scheme="mysql", username="root", password="Quell-Geheimnis", options={"ssl_key_password": "Opt"}),
    target=Endpoint(scheme="oceanbase", port=2881, username="root@t", password="Ziel-Geheimnis"),
    selection=Selection(objects=("shop.*",), rename={"shop": "laden"}, where={"shop.a": "id > 3"}),
    labels=("l_1",),
    api_document={"id": 7},
)


def keep(metadb, spec=SPEC):
    row = ProjectRow(id="np_1", spec=spec, status=ProjectStatus.INIT, created_at=1.0, changed_at=1.0)
    with metadb.writing() as tx:
        projects.insert(tx, metadb.box, row)
        for name in spec.steps:
            steps.insert(tx, "np_1", name, enabled=True)


def step(metadb, name=StepName.LOAD):
    with metadb.reading() as tx:
        return next(row for row in steps.of_project(tx, "np_1") if row.name is name)


def test_a_project_comes_back_as_it_was_and_its_passwords_are_not_in_the_files(metadb):
    keep(metadb)
    with metadb.reading() as tx:
        assert projects.get(tx, metadb.box, "np_1").spec == SPEC
    stored = b"".join(path.read_bytes() for path in metadb.data_dir.iterdir())
    assert b"root" not in stored or b"Geheimnis" not in stored
    assert b"Geheimnis" not in stored
    assert b"Opt" not in stored


def test_an_endpoint_comes_back_and_is_sealed_with_what_the_api_sent(metadb):
    row = EndpointRow(
        id="e_1",
        name="quelle",
        endpoint=SPEC.source,
        created_at=1.0,
        changed_at=1.0,
        api_document={"password": "Auch-Geheim"},
    )
    with metadb.writing() as tx:
        endpoints.insert(tx, metadb.box, row)
    with metadb.reading() as tx:
        assert endpoints.get(tx, metadb.box, "e_1") == row
    stored = b"".join(path.read_bytes() for path in metadb.data_dir.iterdir())
    assert b"Geheim" not in stored


def test_another_key_is_named_as_the_trouble(metadb):
    keep(metadb)
    (metadb.data_dir / "secret.key").unlink()
    box = SecretBox(metadb.data_dir / "secret.key")
    with pytest.raises(FerrymanError) as caught, metadb.reading() as tx:
        projects.get(tx, box, "np_1")
    assert caught.value.code == "metadb.secret_key"


def test_a_key_put_on_top_rotates(tmp_path):
    from cryptography.fernet import Fernet

    path = tmp_path / "secret.key"
    old = SecretBox(path).seal("x")
    path.write_bytes(Fernet.generate_key() + b"\n" + path.read_bytes())
    fresh = SecretBox(path)
    assert fresh.open(old) == "x"
    assert fresh.open(fresh.seal("y")) == "y"
    assert path.stat().st_mode & 0o077 == 0


def test_a_status_is_set_only_at_the_revision_it_was_read_at(metadb):
    keep(metadb)
    with metadb.writing() as tx:
        assert projects.set_status(tx, "np_1", ProjectStatus.RUNNING, 2.0, revision=1)
        assert not projects.set_status(tx, "np_1", ProjectStatus.FAILED, 2.0, revision=1)
        assert projects.status(tx, "np_1") is ProjectStatus.RUNNING


def test_the_clock_of_a_step_runs_while_it_is_under_way(metadb):
    keep(metadb)
    with metadb.writing() as tx:
        for status, at in [
            (StepStatus.RUNNING, 100.0),
            (StepStatus.MONITORING, 103.0),
            (StepStatus.SUSPEND, 110.0),
            (StepStatus.RUNNING, 200.0),
            (StepStatus.FINISHED, 201.0),
        ]:
            steps.set_status(tx, "np_1", StepName.LOAD, status, at)
    row = step(metadb)
    assert (row.started_at, row.finished_at, row.seconds, row.running_since) == (100.0, 201.0, 11.0, None)


def test_table_reports_are_merged_and_keep_their_order(metadb):
    keep(metadb)
    with metadb.writing() as tx:
        steps.report_tables(tx, "np_1", StepName.LOAD, [TableProgress(table="z"), TableProgress(table="a")])
        steps.report_tables(tx, "np_1", StepName.LOAD, [TableProgress(table="a", rows=2), TableProgress(table="m")])
    with metadb.reading() as tx:
        found = steps.tables(tx, "np_1", StepName.LOAD)
    assert [(table.table, table.rows) for table in found] == [("z", 0), ("a", 2), ("m", 0)]


def test_samples_of_a_span_of_time_with_both_its_ends(metadb):
    keep(metadb)
    with metadb.writing() as tx:
        for moment in (100.0, 104.0, 110.0, 120.0):
            samples.add(tx, "np_1", StepName.LOAD, StepProgress(rows_per_second=moment), moment)
    spans = {(110, 110): [110], (100, 119): [100, 110], (111, 119): [], (0, 2**53): [100, 110, 120], (121, 130): []}
    with metadb.reading() as tx:
        for (begin, end), taken in spans.items():
            found = samples.between(tx, "np_1", StepName.LOAD, begin, end)
            assert [sample.taken_at for sample in found] == taken, "a second sample within ten seconds is dropped"
        assert samples.between(tx, "np_1", StepName.APPLY, 0, 2**53) == []


def test_the_foremost_tables_are_found_among_many(metadb):
    keep(metadb)
    states = {"a": "done", "b": "waiting", "c": "running", "d": "failed", "e": "running", "f": "waiting"}
    found = [TableProgress(table=name, state=state, rows_total=ord(name)) for name, state in states.items()]
    with metadb.writing() as tx:
        steps.report_tables(tx, "np_1", StepName.LOAD, found)
        steps.report_tables(tx, "np_1", StepName.VERIFY, found[:1])
    with metadb.reading() as tx:
        first, more = steps.foremost(tx, "np_1", StepName.LOAD, 4)
        every, none = steps.foremost(tx, "np_1", StepName.LOAD, 9)
    assert ([table.table for table in first], more) == (["d", "e", "c", "f"], 2)
    assert ([table.table for table in every], none) == (["d", "e", "c", "f", "b", "a"], 0)


def test_caught_up_once_stays_until_the_step_is_reset(metadb):
    keep(metadb)
    with metadb.writing() as tx:
        steps.report(tx, "np_1", StepName.LOAD, StepProgress(caught_up=True), 3)
        steps.report(tx, "np_1", StepName.LOAD, StepProgress(), 4)
    assert (step(metadb).caught_up, step(metadb).progress.caught_up, step(metadb).reported_epoch) == (True, False, 4)
    with metadb.writing() as tx:
        steps.reset(tx, "np_1", StepName.LOAD)
    assert (step(metadb).caught_up, step(metadb).reported_epoch) == (False, 0)


def test_of_many_claimers_one_wins_each_round(metadb):
    won = []

    def claim(owner):
        with metadb.writing(durable=False) as tx:
            epoch = tasks.claim(tx, KEY, owner, 100.0, 10.0)
        if epoch is not None:
            won.append((epoch, owner))

    for number in range(5):
        threads = [threading.Thread(target=claim, args=(f"s{number}.{i}",)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with metadb.writing() as tx:
            tasks.release(tx, KEY, 101.0)
    assert [epoch for epoch, _ in won] == [1, 2, 3, 4, 5]


def test_a_lease_that_ran_out_may_be_taken_and_fences_the_old_holder(metadb):
    with metadb.writing() as tx:
        old = tasks.claim(tx, KEY, "a", 100.0, 10.0)
        tasks.introduce(tx, KEY, old, 4711, "born")
        assert tasks.claim(tx, KEY, "b", 109.0, 10.0) is None
        tasks.renew(tx, KEY, old, 120.0)
        assert tasks.claim(tx, KEY, "b", 111.0, 10.0) is None
        new = tasks.claim(tx, KEY, "b", 121.0, 10.0)
    assert new == old + 1
    for write in (
        lambda tx: tasks.renew(tx, KEY, old, 200.0),
        lambda tx: tasks.introduce(tx, KEY, old, 1, ""),
        lambda tx: tasks.record_outcome(tx, KEY, old, "finished", None, 1.0),
        lambda tx: tasks.stop_requested(tx, KEY, old),
    ):
        with pytest.raises(LeaseLostError), metadb.writing() as tx:
            write(tx)
    with metadb.reading() as tx:
        row = tasks.get(tx, KEY)
    assert (row.owner, row.expires_at, row.process_id, row.outcome) == ("b", 131.0, None, None)


def test_a_released_task_accepts_nothing_more(metadb):
    with metadb.writing() as tx:
        epoch = tasks.claim(tx, KEY, "a", 100.0, 10.0)
        tasks.release(tx, KEY, 101.0)
        with pytest.raises(LeaseLostError):
            tasks.guard(tx, KEY, epoch)


def test_notes_are_replaced_and_removed(metadb):
    with metadb.writing() as tx:
        notes.put(tx, "np_1", "small", {"a": 1}, 1.0)
        notes.put(tx, "np_1", "small", {"a": 2}, 2.0)
        notes.put(tx, "np_1", "schema.source", [{"n": number, "x": number * 7919} for number in range(50_000)], 1.0)
        assert notes.get(tx, "np_1", "small") == {"a": 2}
        assert len(notes.get(tx, "np_1", "schema.source")) == 50_000
        assert set(notes.small(tx, "np_1", 1 << 16)) == {"small"}
        notes.put(tx, "np_1", "small", None, 3.0)
        assert notes.get(tx, "np_1", "small") is None


def test_events_are_paged_and_bounded(metadb):
    with metadb.writing() as tx:
        for number in range(30):
            events.add(tx, "np_1", float(number), "info", f"event {number}", fields={"n": number})
            events.add(tx, "np_2", float(number), "info", "of another project")
        first = events.after(tx, "np_1", 0, 10)
        second = events.after(tx, "np_1", first[-1]["id"], 100)
        assert [event["fields"]["n"] for event in first + second] == list(range(30))
        events.prune(tx, "np_1", kept=5)
        assert [event["fields"]["n"] for event in events.after(tx, "np_1", 0, 100)] == list(range(25, 30))
        assert len(events.after(tx, "np_2", 0, 100)) == 30


def test_mismatches_are_replaced_by_table_and_paged(metadb):
    def mismatch(number):
        name = TableName("a", "b")
        return Mismatch(table=name, kind=MismatchKind.MISMATCHED, key={"id": str(number)}, source={}, target={})

    with metadb.writing() as tx:
        mismatches.replace(tx, "np_1", "a.b", [mismatch(9)])
        mismatches.replace(tx, "np_1", "a.b", [mismatch(number) for number in range(25)])
        mismatches.replace(tx, "np_1", "a.c", [mismatch(100)])
        assert (mismatches.count(tx, "np_1"), mismatches.count(tx, "np_1", "a.b")) == (26, 25)
        assert [m.key["id"] for m in mismatches.page(tx, "np_1", "a.b", 20, 10)] == ["20", "21", "22", "23", "24"]
        mismatches.replace(tx, "np_1", "a.b", [])
        assert mismatches.count(tx, "np_1") == 1


def test_samples_keep_what_half_and_99_in_100_changes_took(metadb):
    with metadb.writing() as tx:
        told = StepProgress(info={"latency": {"changes": 7, "p50": 0.012, "p99": 0.25, "seconds": 300.0}})
        samples.add(tx, "np_1", StepName.APPLY, told, 10)
        samples.add(tx, "np_1", StepName.APPLY, StepProgress(info={"latency": None}), 20)
        samples.add(tx, "np_1", StepName.APPLY, StepProgress(), 30)
        found = samples.between(tx, "np_1", StepName.APPLY, 0, 100)
    assert [(each.latency_p50, each.latency_p99) for each in found] == [(0.012, 0.25), (None, None), (None, None)]


def test_samples_are_spaced(metadb):
    with metadb.writing() as tx:
        for at in (100.0, 101.0, 109.9, 110.0, 125.0):
            samples.add(tx, "np_1", StepName.APPLY, StepProgress(rows_per_second=at, latency_seconds=0.5), at)
        found = samples.between(tx, "np_1", StepName.APPLY, 0, 1000)
    assert [(sample.taken_at, sample.rows_per_second) for sample in found] == [(100, 100.0), (110, 110.0), (120, 125.0)]


def test_a_name_is_free_again_once_its_project_is_deleted(metadb):
    keep(metadb)
    with metadb.writing() as tx:
        assert projects.name_holder(tx, SPEC.name) == "np_1"
        projects.set_status(tx, "np_1", ProjectStatus.DELETED, 2.0)
        projects.free_name(tx, "np_1")
        assert projects.name_holder(tx, SPEC.name) is None
        again = ProjectRow(id="np_2", spec=replace(SPEC), status=ProjectStatus.INIT, created_at=3.0, changed_at=3.0)
        projects.insert(tx, metadb.box, again)
        assert projects.name_holder(tx, SPEC.name) == "np_2"

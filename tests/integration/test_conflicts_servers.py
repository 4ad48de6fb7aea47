"""Changes that a real target refuses: set aside in the checkpoint's transaction, tried again, or stopped at (ADR 0050)."""

from __future__ import annotations

import contextlib
import json
import threading
import time

import pytest

from ferryman.embedded import Postgres
from ferryman.foundation.errors import FerrymanError
from ferryman.model.dead_letter import LetterState
from ferryman.model.project import ApplyOptions, ConflictPolicy, StepName
from ferryman.model.serial import to_json
from ferryman.pipeline import apply, capture
from ferryman.spi.connector import connector_for
from postgres_project import connected
from real_pipeline import RealProject, execute

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(240)]

TABLES = (
    "create table item (id int primary key, u int unique, name varchar(40) not null)",
    "create table bag (v int, w varchar(10))",
)


class Following(RealProject):
    """A project that follows its source from the start, without a load."""

    def __init__(self, source, target, database, data_dir, **options):
        self.data_dir = data_dir
        super().__init__(
            source,
            target,
            database,
            TABLES,
            steps=(StepName.CAPTURE, StepName.APPLY),
            apply=ApplyOptions(**options),
        )
        self.notes["schema.start"] = json.dumps(to_json(self.here()))

    def context(self, step):
        context = super().context(step)
        context.data_dir = self.data_dir
        return context

    def here(self):
        with contextlib.closing(connector_for(self.spec.source).source(self.spec.source)) as source:
            return source.current_position()

    @contextlib.contextmanager
    def captured(self):
        context = self.context(StepName.CAPTURE)
        thread = threading.Thread(target=capture.run, args=(context,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            context.stopping.set()
            thread.join(60)

    def apply(self):
        """Apply up to the source's end."""
        self.notes["apply.stop_at"] = json.dumps(to_json(self.here()))
        context = self.context(StepName.APPLY)
        apply.run(context)
        return context

    def at_target(self, *statements):
        """Run statements at the target; the last one's rows, in order."""
        if not isinstance(self.target, Postgres):
            return sorted(execute(self.target, *statements))
        with connected(self.target) as connection:
            for statement in statements:
                found = connection.execute(statement)
            return sorted(found.fetchall()) if found.description else []

    def letters(self, *, open_only=False):
        with contextlib.closing(connector_for(self.spec.target).target(self.spec.target)) as target:
            return target.dead_letters(f"np_{self.database}", open_only=open_only)


def refused_changes(project: Following, narrow: str) -> None:
    """The target has been changed by hand: a narrower column, a stranger's row, a row that is gone."""
    name = project.database
    project.at_source("insert into item values (1, 10, 'a'), (2, 20, 'b')", "insert into bag values (1, 'x'), (2, 'y')")
    project.apply()
    project.at_target(narrow, f"insert into {name}.item values (99, 77, 'z')", f"delete from {name}.bag where v = 1")
    project.at_source(
        "insert into item values (3, 77, 'c')",  # 99 holds 77
        "update item set name = 'much too long for it' where id = 1",
        "update item set u = 21 where id = 2",
        "update bag set w = 'xx' where v = 1",  # gone
        "insert into bag values (3, 'q')",
    )


@pytest.mark.parametrize("kind", ["oceanbase", "postgres"])
def test_refused_changes_are_set_aside_and_retried(request, mariadb, kind, database_name, tmp_path):
    target = request.getfixturevalue(kind)
    name = database_name
    project = Following(mariadb, target, name, tmp_path, conflicts=ConflictPolicy.SKIP)
    modify = "alter column name type varchar({})" if kind == "postgres" else "modify name varchar({}) not null"
    narrow, wide = (f"alter table {name}.item {modify.format(length)}" for length in (5, 40))
    with project.captured():
        refused_changes(project, narrow)
        context = project.apply()
        assert context.progress.info["dead_letters"] == 3
        rows = project.at_target(f"select id, u, name from {name}.item")
        assert rows == [(1, 10, "a"), (2, 21, "b"), (99, 77, "z")], "all else has arrived"
        assert project.at_target(f"select v, w from {name}.bag") == [(2, "y"), (3, "q")]
        reasons = {(each.source.table, each.operation.value, each.reason) for each in project.letters()}
        assert ("item", "update", "target.value_refused") in reasons
        assert ("bag", "update", "apply.row_missing") in reasons
        assert "much too long" not in json.dumps([str(event) for event in context.events], default=str)

        # A later change of the row supersedes the letter; the stranger goes, and a retry puts the row there.
        project.at_source("update item set name = 'ok' where id = 1")
        project.at_target(wide, f"delete from {name}.item where id = 99")
        waiting = next(each for each in project.letters() if each.key == (b"3",))
        gone = next(each for each in project.letters() if each.source.table == "bag")
        decisions = [
            {"id": "one", "number": waiting.number, "action": "retry"},
            {"id": "two", "number": gone.number, "action": "skip"},
        ]
        project.notes["apply.letter_decisions"] = json.dumps(decisions)
        project.apply()
        states = {each.number: each.state for each in project.letters()}
        assert sorted(state.value for state in states.values()) == ["applied", "skipped", "superseded"]
        assert states[waiting.number] is LetterState.APPLIED
        theirs = sorted(project.at_source("select id, u, name from item"))
        assert project.at_target(f"select id, u, name from {name}.item") == theirs


def stop_of(project: Following) -> FerrymanError | None:
    try:
        project.apply()
    except FerrymanError as error:
        return error
    return None


def test_a_conflict_stops_where_it_is_and_a_choice_lets_it_go_on(mariadb, oceanbase, database_name, tmp_path):
    project = Following(mariadb, oceanbase, database_name, tmp_path)
    with project.captured():
        refused_changes(project, f"alter table {database_name}.item modify name varchar(40) not null")
        seen = []
        while len(seen) < 4 and (error := stop_of(project)) is not None:
            seen.append(error)
            choice = "overwrite" if error.context["table"].endswith("item") else "skip-to-dead-letters"
            chosen = json.loads(project.notes.get("apply.conflict_choices", "[]"))
            chosen.append({**{name: error.context[name] for name in ("position", "table")}, "choice": choice})
            project.notes["apply.conflict_choices"] = json.dumps(chosen)
        assert {error.code for error in seen} == {"apply.conflict"}
        assert [error.context["reason"] for error in seen] == ["target.duplicate_key", "apply.row_missing"]
        assert seen[0].context["key"] == ["id"]
        rows = project.at_target(f"select id, u from {database_name}.item")
        assert rows == [(1, 10), (2, 21), (3, 77)], "the stranger has gone"
        assert [each.source.table for each in project.letters(open_only=True)] == ["bag"]


def test_a_lock_at_the_target_is_named_while_it_lasts(mariadb, oceanbase, database_name, tmp_path):
    import pymysql

    project = Following(mariadb, oceanbase, database_name, tmp_path)
    with project.captured():
        project.at_source("insert into item values (1, 1, 'a')")
        project.apply()
        end = oceanbase.endpoint
        holder = pymysql.connect(host=end.host, port=end.port, user=end.username, password=end.password)
        with contextlib.closing(holder), holder.cursor() as cursor:
            cursor.execute(f"update {database_name}.item set name = 'mine' where id = 1")
            project.at_source("update item set name = 'b' where id = 1")
            project.notes["apply.stop_at"] = json.dumps(to_json(project.here()))
            context = project.context(StepName.APPLY)
            thread = threading.Thread(target=apply.run, args=(context,), daemon=True)
            thread.start()
            deadline = time.monotonic() + 60
            told = None
            while time.monotonic() < deadline and not (told and told["running"] and told["seconds"] > 2):
                told = context.progress.info["statement"] if context.progress else None
                time.sleep(0.05)
            holder.rollback()
        thread.join(60)
        assert told is not None
        assert (told["table"], told["key"], told["running"]) == (f"{database_name}.item", ["id"], True)
        assert context.progress.info["latency"]["changes"] == 1

"""Apply between real servers: capture, load and apply under a writer, killed and begun again."""

import contextlib
import json
import random
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.project import ApplyOptions, LoadOptions, ProjectSpec, StepName
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.pipeline import apply, capture, load, schema
from ferryman.spi.connector import connector_for

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(300)]

TABLES = """
create table item (id int primary key, u int unique, name varchar(20) collate utf8mb4_general_ci not null,
                   price decimal(10,2), ratio float, seen datetime(6), doc json, twice int as (id * 2) stored,
                   unique key (name));
create table word (k varchar(20) collate utf8mb4_general_ci primary key, v int);
create table pair (a int, b int, c int, v int, primary key (a, b), unique key (b, c));
create table bag (v int, w varchar(10), f double);
create table parent (id int primary key, v int);
create table child (id int primary key, pid int, v int,
                    foreign key (pid) references parent (id) on delete cascade on update cascade);
create table grand (cid int, n int, primary key (cid, n),
                    foreign key (cid) references child (id) on delete cascade on update cascade);
create table loose (pid int, v int, foreign key (pid) references parent (id) on delete set null on update cascade)
"""

SHADOW = """
create table _word_ghc (id bigint auto_increment primary key, hint varchar(64));
insert into _word_ghc (hint) values ('x');
create table _word_gho like word; alter table _word_gho add n int not null default 5;
insert into _word_gho (k, v) select k, v from word; insert into word values ('c', 3);
insert into _word_gho (k, v) values ('c', 3); delete from word where k = 'a'; delete from _word_gho where k = 'a';
create table _word_del (id int auto_increment primary key) comment='ghost-cut-over-sentry'; drop table _word_del;
rename table word to _word_del, _word_gho to word; insert into word values ('d', 4, 6); drop table _word_del;
update word set n = 7 where k = 'b'
"""
"""What gh-ost does: a shadow is made, filled and given the table's name."""

EPOCHS = Counter()
"""(project, step) → the epoch of the last holder."""
FENCE = threading.Lock()


class Context:
    """A task's surroundings, its notes in memory shared by the steps of one project."""

    def __init__(self, spec, step, notes, data_dir, epoch=1, project="np_apply"):
        self.project_id, self.spec, self.step, self.epoch, self.data_dir = project, spec, step, epoch, data_dir
        self.notes = notes
        with FENCE:
            EPOCHS[project, step] = max(EPOCHS[project, step], epoch)
        self.stop = threading.Event()
        self.progress = None
        self.events = []

    def stop_requested(self):
        return self.stop.is_set()

    def wait(self, seconds):
        return self.stop.wait(seconds)

    def report(self, progress, tables=()):
        self.progress = progress

    def event(self, level, message, **fields):
        self.events.append((level, message))

    def note(self, name):
        return json.loads(self.notes[name]) if name in self.notes else None

    def set_note(self, name, document):
        """Write a note as the metadb does: who has lost the task writes none (I7)."""
        with FENCE:
            if self.epoch < EPOCHS[self.project_id, self.step]:
                raise LeaseLostError("lease.lost", f"epoch {self.epoch} of {self.step.value} is over")
            self.notes[name] = json.dumps(document)


class Lab:
    """One project between two servers."""

    def __init__(self, mariadb, oceanbase, database, data_dir, **options):
        self.mariadb, self.oceanbase, self.database = mariadb, oceanbase, database
        self.data_dir, self.notes = data_dir, {}
        self.project = f"np_{database}"
        self.spec = ProjectSpec(
            name=database,
            source=mariadb.endpoint,
            target=oceanbase.endpoint,
            selection=Selection(objects=(f"{database}.*",)),
            load=LoadOptions(streams=3, chunk_rows=7, batch_rows=5),
            apply=ApplyOptions(**options),
        )
        self.sql(f"create database {database} character set utf8mb4")
        for statement in TABLES.split(";"):
            self.sql(statement)

    def connect(self, server=None, **more):
        endpoint = (server or self.mariadb).endpoint
        return pymysql.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.username,
            password=endpoint.password,
            charset="utf8mb4",
            autocommit=True,
            **more,
        )

    def sql(self, statement, server=None):
        with self.connect(server) as connection, connection.cursor() as cursor:
            if not statement.startswith("create database"):
                cursor.execute(f"use {self.database}")
            cursor.execute(statement)
            return cursor.fetchall()

    def context(self, step, epoch=1):
        return Context(self.spec, step, self.notes, self.data_dir, epoch, self.project)

    def capture(self):
        context = self.context(StepName.CAPTURE)
        thread = threading.Thread(target=capture.run, args=(context,), daemon=True)
        thread.start()
        return context, thread

    def stop_here(self):
        source = connector_for(self.spec.source).source(self.spec.source)
        self.notes["apply.stop_at"] = json.dumps(to_json(source.current_position()))
        source.close()

    def rows(self, server):
        tables = [row[0] for row in self.sql("show tables", server)]
        found = {}
        for table in tables:
            columns = [r[0] for r in self.sql(f"show columns from {table}")]
            listed = ",".join(f"`{c}`" if c != "doc" else "json_extract(doc, '$.n')" for c in columns)
            found[table.lower()] = Counter(self.sql(f"select {listed} from {table}", server))
        return found

    def assert_equal(self):
        ours, theirs = self.rows(self.mariadb), self.rows(self.oceanbase)
        assert ours.keys() == theirs.keys()
        for table, rows in ours.items():
            missing, extra = rows - theirs[table], theirs[table] - rows
            assert not missing, f"{table} lacks {list(missing)[:5]}"
            assert not extra, f"{table} has {list(extra)[:5]} too many"


class Writer(threading.Thread):
    """Random transactions at the source until told to stop."""

    def __init__(self, lab, seed):
        super().__init__(daemon=True)
        self.lab, self.random, self.stopping, self.count = lab, random.Random(seed), threading.Event(), 0

    def run(self):
        with self.lab.connect(database=self.lab.database) as connection, connection.cursor() as cursor:
            while not self.stopping.is_set():
                cursor.execute("begin")
                for _ in range(self.random.choice([1, 1, 3, 10])):
                    self.attempt(cursor)
                cursor.execute(self.random.choice(["commit", "commit", "commit", "rollback"]))
                self.count += 1

    def attempt(self, cursor):
        try:
            self.change(cursor)
        except (pymysql.err.IntegrityError, pymysql.err.OperationalError) as error:
            if error.args[0] not in (1062, 1451, 1452):
                raise

    def change(self, cursor):
        r = self.random
        i, j, u, w = r.randrange(60), r.randrange(60), r.choice([None, r.randrange(50)]), r.choice("aAbBcCdDeEsSxX")
        name = r.choice(["ä", "Ä", "a", "é", "ß", "ss", "名"]) + str(r.randrange(30))
        choices = [
            ("insert into item (id,u,name,price,ratio,seen,doc) values (%s,%s,%s,%s,%s,now(6),%s)",
             (i, u, name, r.random() * 100, r.random(), json.dumps({"n": i}))),
            ("update item set u=%s, price=price+0.01 where id=%s", (u, i)),
            ("update item set name=%s, ratio=ratio*1.1 where id=%s", (name, i)),
            ("update item set id=%s where id=%s", (i, j)),
            ("delete from item where id=%s", (i,)),
            ("insert into word values (%s,%s)", (w + str(i % 9), i)),
            ("update word set k=%s where k=%s", (w.swapcase() + str(i % 9), w + str(i % 9))),
            ("delete from word where k=%s", (w + str(i % 9),)),
            ("replace into pair values (%s,%s,%s,%s)", (i % 8, j % 8, u, i)),
            ("update pair set c=%s where a=%s", (u, i % 8)),
            ("insert into bag values (%s,%s,%s),(%s,'dup',1/3)", (u, w, r.random(), i % 4)),
            ("delete from bag where v=%s limit 1", (i % 4,)),
            ("update bag set w='moved' where v=%s limit 2", (i % 4,)),
            ("insert into parent values (%s,%s)", (i % 20, j)),
            ("delete from parent where id=%s", (i % 20,)),
            ("insert into child values (%s,%s,%s)", (i, j % 20, j)),
            ("insert into child values (%s,%s,%s)", (i, j % 20, j)),
            ("update child set pid=%s where id=%s", (j % 20, i)),
            ("insert into grand values (%s,%s)", (i, j)),
            ("insert into grand values (%s,%s)", (i, j)),
            ("insert into loose values (%s,%s)", (i % 20, j)),
            ("update parent set id=%s where id=%s", (i % 20, j % 20)),
        ]  # fmt: skip
        if r.random() < 0.05:
            self.swap(cursor, i, j)
        else:
            cursor.execute(*r.choice(choices))

    def swap(self, cursor, i, j):
        cursor.execute("select id, u from item where id in (%s,%s)", (i, j))
        found = dict(cursor.fetchall())
        if len(found) == 2:
            for key, value in ((i, None), (j, found[i]), (i, found[j])):
                cursor.execute("update item set u=%s where id=%s", (value, key))

    def end(self):
        self.stopping.set()
        self.join()


@pytest.fixture
def lab(mariadb, oceanbase, database_name, tmp_path: Path):
    made = Lab(mariadb, oceanbase, database_name, tmp_path, window_changes=200, lanes=3)
    yield made
    made.sql(f"drop database {database_name}")
    made.sql(f"drop database {database_name}", oceanbase)


def wait_for(condition, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.05)


def test_follows_a_writer_and_ends_equal(lab):
    seed = random.randrange(2**32)
    print("seed", seed)
    writer = Writer(lab, seed)
    writer.start()
    wait_for(lambda: writer.count > 100, "the writer")
    schema.run(lab.context(StepName.SCHEMA))
    capturing, captor = lab.capture()
    load.run(lab.context(StepName.LOAD))
    applying = lab.context(StepName.APPLY)
    applier = threading.Thread(target=apply.run, args=(applying,), daemon=True)
    applier.start()
    wait_for(lambda: not applier.is_alive() or (applying.progress and applying.progress.caught_up), "catching up")
    wait_for(lambda: writer.count > 1500 or not writer.is_alive(), "the writer")
    lab.sql("alter table item add column added int default 7")
    lab.sql("insert into item (id, name, added) values (1001, 'behind', 9)")
    wait_for(lambda: writer.count > 1800 or not writer.is_alive(), "the writer")
    writer.end()
    lab.stop_here()
    applier.join(120)
    assert not applier.is_alive()
    assert applying.progress.percent == 100, applying.events
    capturing.stop.set()
    captor.join()
    print(applying.progress, applying.events)
    lab.assert_equal()


def test_an_online_schema_change_of_a_selected_table_is_followed(lab):
    lab.spec = replace(lab.spec, selection=Selection(objects=(f"{lab.database}.word",)))
    lab.sql("insert into word values ('a', 1), ('b', 2)")
    schema.run(lab.context(StepName.SCHEMA))
    capturing, captor = lab.capture()
    load.run(lab.context(StepName.LOAD))
    for statement in SHADOW.split(";"):
        lab.sql(statement)
    lab.stop_here()
    applying = lab.context(StepName.APPLY)
    apply.run(applying)
    capturing.stop.set()
    captor.join()
    assert applying.progress.percent == 100
    assert sorted(lab.sql("select * from word", lab.oceanbase)) == sorted(lab.sql("select * from word"))
    assert [name for (name,) in lab.sql("show tables", lab.oceanbase)] == ["word"]


def test_begins_again_after_sessions_are_cut(lab):
    """Killed connections at random instants, and takeovers by a higher epoch: nothing is lost or done twice."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    writer = Writer(lab, seed)
    writer.start()
    wait_for(lambda: writer.count > 100, "the writer")
    schema.run(lab.context(StepName.SCHEMA))
    capturing, captor = lab.capture()
    load.run(lab.context(StepName.LOAD))
    failures = []

    def follow(context):
        try:
            apply.run(context)
        except FerrymanError as error:
            if error.code != "lease.lost":
                failures.append(error)

    threads = []
    for epoch in range(1, 5):
        context = lab.context(StepName.APPLY, epoch)
        threads.append(threading.Thread(target=follow, args=(context,), daemon=True))
        threads[-1].start()  # the holder before goes on until it finds that it has lost its lease
        time.sleep(rng.random())
        kill_sessions(lab, rng)
    writer.end()
    lab.stop_here()
    for thread in threads:
        thread.join(120)
    assert not failures
    capturing.stop.set()
    captor.join()
    assert context.progress.percent == 100
    lab.assert_equal()


def kill_sessions(lab, rng):
    with lab.connect(lab.oceanbase) as connection, connection.cursor() as cursor:
        cursor.execute("show processlist")
        others = [row[0] for row in cursor.fetchall() if row[0] != connection.thread_id()]
        for session in rng.sample(others, min(2, len(others))):
            with contextlib.suppress(pymysql.err.Error):  # it has gone by itself
                cursor.execute(f"kill {session}")


def test_a_unique_key_dropped_at_the_source_before_rows_are_loaded_loses_none_of_them(lab):
    """Two rows hold one value then, which the target still forbids: REPLACE keeps one, and the other never changes again."""
    lab.sql("insert into item (id, u, name) values (1, 1, 'a1'), (2, 2, 'b2'), (3, 3, 'c3'), (9, 9, 'i9')")
    schema.run(lab.context(StepName.SCHEMA))
    capturing, captor = lab.capture()
    lab.sql("alter table item drop key u")
    lab.sql("update item set u = 1 where id in (2, 9)")
    loading = lab.context(StepName.LOAD)
    load.run(loading)
    assert loading.note("load.reread") == [[lab.database, "item"]]
    lab.sql("insert into item (id, u, name) values (10, 1, 'j10')")
    lab.stop_here()
    applying = lab.context(StepName.APPLY)
    apply.run(applying)
    capturing.stop.set()
    captor.join()
    assert applying.progress.percent == 100, applying.events
    assert [row[0] for row in lab.sql("select id from item order by id")] == [1, 2, 3, 9, 10]
    lab.assert_equal()


@pytest.mark.parametrize(
    "change",
    [
        "create table one like item; create table two like item; rename table item to three",
        "create table one like item; create table two like item; drop table item",
        "alter table item drop primary key, add primary key (name, id)",
        "alter table item drop primary key",
        "alter table item change price cost varchar(30) after id",
    ],
    ids=["renamed to one of three", "dropped beside two", "another key", "no key", "renamed and altered"],
)
def test_a_change_amid_the_load_that_the_catalog_cannot_tell_is_told_by_the_log(lab, change):
    lab.sql(
        "insert into item (id, u, name, price) values (1, 1, 'a1', 1.5), (2, 2, 'b2', 2), (3, 3, 'c3', 3), (9, 9, 'i9', 9)"
    )
    schema.run(lab.context(StepName.SCHEMA))
    capturing, captor = lab.capture()
    for statement in change.split(";"):
        lab.sql(statement)
    loading = lab.context(StepName.LOAD)
    load.run(loading)
    by_its_old_key = "add primary key" in change  # which can still be read by
    assert loading.note("load.reread") == (None if by_its_old_key else [[lab.database, "item"]]), loading.events
    for (table,) in lab.sql(f"show tables where tables_in_{lab.database} in ('item', 'three')"):
        lab.sql(f"insert into {table} (id, u, name) values (10, 10, 'j10')")
        lab.sql(f"update {table} set u = 30 where id = 3")
        lab.sql(f"delete from {table} where id = 2")
    lab.stop_here()
    applying = lab.context(StepName.APPLY)
    apply.run(applying)
    capturing.stop.set()
    captor.join()
    assert applying.progress.percent == 100, applying.events
    lab.assert_equal()


def test_a_unique_key_dropped_while_nobody_follows_stops_the_load(lab):
    lab.spec = replace(lab.spec, steps=(StepName.SCHEMA, StepName.LOAD))
    lab.sql("insert into item (id, u, name) values (1, 1, 'a1'), (2, 2, 'b2')")
    schema.run(lab.context(StepName.SCHEMA))
    lab.sql("alter table item drop key u")
    lab.sql("update item set u = 1")
    with pytest.raises(FerrymanError) as caught:
        load.run(lab.context(StepName.LOAD))
    assert caught.value.code == "load.table_changed"
    assert "unique key" in caught.value.message

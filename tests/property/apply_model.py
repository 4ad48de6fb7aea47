"""Apply, run against a source and a target in memory, dying wherever chance says. For tests."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from memory_source import MemorySource, added, place, random_schema
from memory_tables import equal_form
from memory_target import Crash, MemoryTarget

from ferryman.foundation.errors import FerrymanError, LeaseLostError, Retry
from ferryman.model.batch import Row
from ferryman.model.changes import LogItem, SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import ApplyOptions, ConflictPolicy
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.pipeline.apply import groups, window
from ferryman.pipeline.apply.applier import Applier, Surroundings
from ferryman.pipeline.apply.conflicts import Policies
from ferryman.pipeline.apply.lanes import FENCED_LANES, Lanes
from ferryman.pipeline.apply.lookahead import Lookahead
from ferryman.pipeline.apply.settling import Ledger, Unsettled
from ferryman.pipeline.apply.statement import Statements
from ferryman.pipeline.apply.window import Cutter, Part
from ferryman.pipeline.apply.writer import Writer
from ferryman.spi.dialect import DdlEffect
from ferryman.spi.source import LogRecord

PROJECT = "p1"
TASK = f"{PROJECT}/apply"


class InlineExecutor(Executor):
    """Runs each job at once: a run can be repeated from its seed."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class LiveLog:
    """Reads the records of a source, those still to come included."""

    def __init__(self, source: MemorySource, start: Position):
        self.source = source
        self.next = start.order[0]

    def poll(self, timeout: float) -> LogRecord | None:
        if self.next == len(self.source.records):
            return None
        self.next += 1
        return self.source.records[self.next - 1]

    def close(self) -> None:
        pass


class MemoryDecoder:
    def __init__(self, source: MemorySource):
        self.source = source

    def decode(self, record: LogRecord) -> list[LogItem]:
        return self.source.items[int(record.payload)]


class MemoryDialect:
    """Knows ``add TABLE COLUMN`` and leaves names and types as they are."""

    def target_table(self, table: Table, selection: Selection) -> Table:
        return table

    def replay(self, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
        verb, *words = sql.split()
        if verb != "add":
            return DdlEffect(schema=schema, known=False)
        name = TableName(database, words[0])
        return DdlEffect(schema=added(schema, name, words[1]), statements=(sql,), touched=(name,))

    def differences(self, wanted: Table, found: Table) -> list[str]:
        return ["columns"] if [c.name for c in wanted.columns] != [c.name for c in found.columns] else []

    def fitted(self, traits: object) -> MemoryDialect:
        return self

    def run(self, target: MemoryTarget, sql: str) -> None:
        _, table, column = sql.split()
        found = target.tables[TableName("s", table)]
        assert column not in found.names, "the statement ran twice"
        schema = added(Schema(tables=(found.table,)), found.table.name, column)
        found.table = schema.tables[0]
        found.names.append(column)
        found.rows = [(*row, None) for row in found.rows]


class Model:
    """One random run: load at different times, apply, crashes; checks what must hold at every commit."""

    def __init__(self, seed: int, *, crashes: int = 12, errors: bool = True):
        self.rng = random.Random(seed)
        self.source = MemorySource(self.rng, random_schema(self.rng))
        self.schema = self.source.first_schema
        self.target = MemoryTarget(self.schema.tables)
        self.dialect = MemoryDialect()
        self.crashes = crashes
        self.errors = errors
        self.epoch = 0
        self.calm = True
        self.transactions = self.rng.choice([5, 20, 60, 120])
        self.keyless_from: dict[TableName, Position] = {}
        self.load_end: Position | None = None
        self.note = ""
        self.settled = 0
        self.halt: Position | None = None
        self.highest = (0, 0)
        self.start = self.source.position
        self.window_changes = self.rng.choice([1, 3, 10, 1000])
        self.lanes = self.rng.choice([1, 3])
        window._LOOK_SECONDS = 1e9  # what lies in the log is read to its end, however slow the machine
        groups._BUNDLE = self.rng.choice([1, 1, 64])
        self.small = self.rng.choice([0, 0, 2, 256])
        self.atomic = self.rng.random() < 0.4
        self.conflicts = ConflictPolicy.STOP
        self._by_key: dict[tuple[int, TableName], dict[Row, Row]] = {}

    # What goes wrong ------------------------------------------------------------------------------------------------

    def strike(self, call: str) -> None:
        """Between any two steps the source may go on, and we may die or stumble."""
        if self.rng.random() < 0.15:
            self.transact()
        if self.calm or self.crashes == 0:
            return
        if self.rng.random() < 0.02:
            self.crashes -= 1
            raise Crash
        if self.errors and call not in ("committed", "ddl done") and self.rng.random() < 0.02:
            self.crashes -= 1
            code = self.rng.choice(["target.deadlock", "endpoint.connection_lost"])
            raise FerrymanError(code, "by chance")
        if self.errors and call == "committed" and self.rng.random() < 0.02:
            self.crashes -= 1
            raise FerrymanError("endpoint.connection_lost", "the answer to the commit is lost")

    def transact(self) -> None:
        if self.transactions:
            self.transactions -= 1
            self.source.transact()

    # The load -------------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read chunks at different times, tables in any order."""
        for table in self._in_order():
            if table.row_key is None:
                self.keyless_from[table.name] = self.source.position
                self.target.tables[table.name].rows = list(self.source.database.tables[table.name].rows)
                continue
            pieces = self.rng.choice([1, 3])
            for piece in self.rng.sample(range(pieces), pieces):
                self._load_chunk(table, piece, pieces)
        self.load_end = self.source.position

    def _in_order(self) -> list[Table]:
        tables = list(self.schema.tables)
        self.rng.shuffle(tables)
        return tables

    def _load_chunk(self, table: Table, piece: int, pieces: int) -> None:
        key = table.row_key
        assert key is not None
        found = self.source.database.tables[table.name]
        rows = []
        for row in found.rows:
            form = repr(
                [equal_form(table, c, v) for c, v in zip(key.columns, found.values(row, key.columns), strict=True)]
            )
            if zlib.crc32(form.encode()) % pieces == piece:
                rows.append(row)
        for _ in range(self.rng.choice([0, 1, 3, 10])):
            self.transact()
        for row in rows:
            if self.rng.random() < 0.1:
                self.transact()
            self.target.tables[table.name].replace(row)

    # Apply ----------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Apply to the end of the log, beginning again after each death."""
        self.target.strike = self.strike
        self.target.on_commit = self.check
        self.target.run_statement = lambda sql: self.dialect.run(self.target, sql)
        self.calm = False
        self.source.ddl = True
        while True:
            self.epoch += 1
            try:
                self.follow_once(self.epoch)
            except Crash:
                continue
            except LeaseLostError:
                raise
            except FerrymanError as error:
                if error.retry is not Retry.AUTO:
                    raise
                continue
            return

    def begin(self, epoch: int) -> tuple[Applier, Cutter, Lookahead]:
        target = self.target
        target.raise_epoch(TASK, epoch, FENCED_LANES)
        checkpoint = target.load_checkpoint(PROJECT) or Checkpoint(position=self.start, schema=self.schema)
        lanes = Lanes(target, TASK, epoch, count=self.lanes, pause=lambda seconds: False, threads=InlineExecutor())
        around = Surroundings(
            project_id=PROJECT,
            selection=Selection(),
            source=self.source,
            target=target,
            lanes=lanes,
            writer=Writer(replace_strangers=False),
            statements=Statements(self.dialect, Selection(), None, lambda: None),
            target_table=lambda table: table,
            keyless_from=self.keyless_from,
            consistent_from=lambda: self.load_end,
            unsettled=Unsettled(Ledger.of(self.note and json.loads(self.note)), self.set_note),
            small=self.small,
            atomic=self.atomic,
            policies=lambda: Policies(ApplyOptions(conflicts=self.conflicts), {}),
        )
        applier = Applier(around, checkpoint)
        window_changes = self.rng.choice([self.window_changes, self.window_changes, 2])
        cutter = Cutter(
            LiveLog(self.source, checkpoint.position),
            MemoryDecoder(self.source),
            checkpoint.position,
            window_changes=window_changes,
            concerns=applier.concerns,
            fence=lambda: applier.fence,
        )
        applier.resume(cutter)
        worth = self.rng.choice([0, 2, 1_000_000])
        return applier, cutter, Lookahead(cutter, applier.prepare, worth_rows=worth, threads=InlineExecutor())

    def lane_open(self) -> bool:
        """Whether the transaction begun last is that of a parallel lane."""
        return self.target.open_lane > 0

    def set_note(self, ledger: Ledger) -> None:
        self.strike("note")
        self.note = json.dumps(ledger.to_document())

    def follow_once(self, epoch: int) -> None:
        applier, cutter, lookahead = self.begin(epoch)
        while self.step(applier, cutter, lookahead):
            pass

    def step(self, applier: Applier, cutter: Cutter, lookahead: Lookahead) -> bool:
        """Apply what comes next; returns whether there may be more."""
        self.settled += applier.settle()
        if self.rng.random() < 0.1:
            self.halt = self.source.position  # verification wants to see both sides there
        cut = applier.checkpoint.intent is None
        ahead = lookahead.next((applier.fence, self.halt) if cut else ())
        item, before = ahead.item if ahead is not None else None, applier.checkpoint.position
        if ahead is not None and isinstance(item, Part):
            lookahead.read_on(item)
            applier.apply(item, ahead.prepared)
            passed = self.halt is not None and before < self.halt < applier.checkpoint.position
            reached = passed and cut and any(placed.position <= self.halt for placed in item.changes)
            assert not reached, "a part reached across a halt"
        elif isinstance(item, SchemaStatement):
            applier.run(item)
        elif cutter.drained:  # on a slow machine it may return amid a window, to let others look at things
            border = cutter.idle_border
            assert border is not None, "nothing comes, but a window waits"
            applier.move_to(border)
            if not self.transactions and applier.consistent and applier.checkpoint.position == self.source.position:
                return False
            self.transact()
        return True

    # What must hold -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """At every commit: the checkpoint never goes back, keyless tables are exact, no row is torn or has vanished."""
        checkpoint = self.target.load_checkpoint(PROJECT)
        if checkpoint is None:
            return
        intent = checkpoint.intent
        applied = intent.applied if intent is not None and intent.applied is not None else checkpoint.position
        low, high = applied.order[0], max(intent.end if intent is not None else applied, applied).order[0]
        now = (checkpoint.position.order[0], low)
        assert now >= self.highest, "the checkpoint went back"
        self.highest = now
        if self.atomic:
            assert intent is None or intent.ddl is not None, "a part of a transaction is to be seen"
            assert self.source.between(low), "the checkpoint lies amid a transaction"
            high = low
        for table in self.target.tables.values():
            name = table.table.name
            if table.table.row_key is None:
                if name in self._read_again():
                    continue
                begin = self.keyless_from[name].order[0]
                exact = Counter(self.source.past[max(low, begin)][name])
                assert table.bag() == exact, f"{name} at {low}: {table.bag()} is not {exact}"
            elif self._is_consistent(checkpoint.position):
                self._check_rows(name, low, high)

    def _read_again(self) -> set[TableName]:
        return Ledger.of(self.note and json.loads(self.note)).whole

    def _is_consistent(self, position: Position) -> bool:
        ledger = Ledger.of(self.note and json.loads(self.note))
        fence = ledger.since or self.load_end
        return fence is not None and position >= fence and not (ledger.moved or ledger.orphans or ledger.whole)

    def _check_rows(self, name: TableName, low: int, high: int) -> None:
        there = self.target.tables[name].by_key()
        width = len(self.target.tables[name].names)
        past = [self._past(number, name) for number in range(low, high + 1)]
        for key in {*there, *(key for rows in past for key in rows)}:
            row = there.get(key)
            seen = [rows.get(key) for rows in past]
            fits = [each if each is None else (*each, *[None] * (width - len(each))) for each in seen]
            assert row in fits, f"{name} {key}: {row} is none of {fits} ({low}..{high})"

    def _past(self, number: int, name: TableName) -> dict[Row, Row]:
        if (number, name) not in self._by_key:
            found = self.source.database.tables[name]
            key = found.table.row_key
            assert key is not None
            rows = self.source.past[number][name]
            self._by_key[(number, name)] = {found.values(row, key.columns): row for row in rows}
        return self._by_key[(number, name)]

    def check_end(self) -> None:
        """At the end: target == source."""
        for name, found in self.source.database.tables.items():
            ours = self.target.tables[name]
            assert ours.names == found.names
            assert ours.bag() == found.bag(), f"{name}: {ours.bag()} is not {found.bag()}"
        checkpoint = self.target.load_checkpoint(PROJECT)
        if self.source.position > self.start:
            assert checkpoint is not None
            assert checkpoint.position == place(len(self.source.records))
            assert checkpoint.intent is None


def run(seed: int, **options: Any) -> Model:
    """One whole run."""
    model = Model(seed, **options)
    for _ in range(model.rng.randrange(5)):
        model.transact()
    model.start = model.source.position
    model.load()
    model.follow()
    model.check_end()
    return model

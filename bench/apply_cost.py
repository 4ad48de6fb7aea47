"""What apply costs its own process: ``python -m bench.apply_cost [--changes N] [--logs sets,mix] [--profile]``.

A log is made at a MariaDB and kept in a log store; then it is read, decoded, planned and written to a target that takes
every statement and does nothing with it. So this is the processor time of apply alone, of which other load on the machine
changes little. Best of three; `--profile` adds the shares by function (one thread).
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.loads import FAST
from bench.paths import execute
from bench.replay_logs import LOGS
from bench.replays import make_changes, rows_before
from ferryman.connectors.mysql_family.connection import Server
from ferryman.connectors.mysql_family.rows.session import Session
from ferryman.embedded import MariaDb
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.position import Position
from ferryman.model.selection import Selection
from ferryman.pipeline.apply.applier import Applier
from ferryman.pipeline.apply.lanes import Lanes
from ferryman.pipeline.apply.lookahead import Lookahead
from ferryman.pipeline.apply.surroundings import Surroundings
from ferryman.pipeline.apply.window import Cutter, Part
from ferryman.pipeline.apply.writer import Writer
from ferryman.pipeline.logstore.reader import StoreReader
from ferryman.pipeline.logstore.writer import LogWriter
from ferryman.spi.connector import connector_for
from ferryman.spi.url import parse_url

SELECTION = Selection(objects=("sb.*",))
WINDOW = 5000


class Nowhere:
    """A connection that takes everything (`ferryman.connectors.mysql_family.connection.Connection`)."""

    server = Server("mariadb", (10, 11, 19), "nowhere")
    where, role, is_open, warning_count = "nowhere", "target", True, 0

    def __init__(self) -> None:
        self.bytes = 0

    def query(self, sql: str, args: object = (), *, table: str = "") -> list[tuple[Any, ...]]:
        if "max_allowed_packet" in sql:
            return [(1 << 24,)]
        return [(0, 0, "ROW")] if "@@local_infile" in sql else [(1,)]

    def execute(self, sql: str | bytes, args: object = (), *, table: str = "") -> int:
        self.bytes += len(sql)
        return 1

    def execute_packet(self, packet: memoryview, *, table: str = "") -> int:
        self.bytes += len(packet)
        return 1

    def close(self) -> None:
        pass


class InPlace(Executor):
    """Runs everything at once, in the thread that asks."""

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*args, **kwargs))
        return future


def record(source: MariaDb, log: Any, changes: int, directory: Path) -> tuple[Any, Checkpoint, Position]:
    """Make the log; return the source, where it begins, and where it ends."""
    execute(source, "DROP DATABASE IF EXISTS sb", *rows_before(log, changes))
    end = parse_url(f"{source.url}/sb")
    real = connector_for(end).source(end)
    start, schema = real.current_position(), real.read_schema(SELECTION)
    make_changes(source, log, changes)
    last = real.current_position()
    writer = LogWriter.open(directory, 1, start)
    with real.log(start) as records:
        for each in records:
            if each is not None:
                writer.append(each)
                if each.position >= last:
                    break
    writer.close()
    return real, Checkpoint(position=start, schema=schema), last


def applier(real: Any, checkpoint: Checkpoint, threads: Executor | None) -> Applier:
    """Return an applier that writes to nowhere."""
    target = SimpleNamespace(
        session=lambda: Session(Nowhere()), last_letter=lambda _: 0, dead_letters=lambda *_, **__: [],
    )  # fmt: skip
    around = Surroundings(
        project_id="cost",
        selection=SELECTION,
        source=real,
        target=target,
        lanes=Lanes(target, "cost/apply", 1, count=4, pause=lambda _: False, threads=threads),
        writer=Writer(replace_strangers=False),
        statements=SimpleNamespace(concerns=lambda *_: False),
        target_table=lambda table: table,
        keyless_from={},
        consistent_from=lambda: checkpoint.position,
        unsettled=SimpleNamespace(is_open=False, keep=lambda: None, ledger=SimpleNamespace(since=None)),
    )
    return Applier(around, checkpoint)


def apply(real: Any, checkpoint: Checkpoint, last: Position, directory: Path, threads: Executor | None) -> float:
    """Apply the whole log; return seconds of processor time."""
    one = applier(real, checkpoint, threads)
    reader = StoreReader(directory, checkpoint.position)
    cutter = Cutter(reader, real.decoder(one.table_at, one.wants), checkpoint.position, window_changes=WINDOW,
                    concerns=one.concerns)  # fmt: skip
    ahead = Lookahead(cutter, one.prepare, threads=threads)
    began = time.process_time()
    while one.checkpoint.position < last:
        found = ahead.next(())
        if found is None:  # it looks up now and then
            continue
        assert isinstance(found.item, Part)
        if threads is None:
            ahead.read_on(found.item)
        one.apply(found.item, found.prepared)
    seconds = time.process_time() - began
    reader.close()
    return seconds


def decode(real: Any, checkpoint: Checkpoint, directory: Path, last: Position) -> tuple[float, float]:
    """Return seconds of processor time of reading the store, and of reading it and decoding."""
    one = applier(real, checkpoint, InPlace())
    times = []
    for decoder in (None, real.decoder(one.table_at, one.wants)):
        reader = StoreReader(directory, checkpoint.position)
        began = time.process_time()
        while (found := reader.poll(1)) is not None and found.position < last:
            if decoder is not None and found.payload:
                decoder.decode(found)
        times.append(time.process_time() - began)
        reader.close()
    return times[0], times[1]


def lines(name: str, changes: int, directory: Path, source: MariaDb, profile: bool) -> Iterator[str]:
    """Yield a row of the table."""
    store = directory / f"store-{name}"
    store.mkdir()
    real, checkpoint, last = record(source, LOGS[name](), changes, store)
    seconds = min(apply(real, checkpoint, last, store, None) for _ in range(3))
    reading, decoding = (
        min(each) for each in zip(*(decode(real, checkpoint, store, last) for _ in range(3)), strict=True)
    )
    million = 1e6 / changes
    yield (
        f"| {name} | {seconds * million:.2f} | {reading * million:.2f} | {(decoding - reading) * million:.2f} |"
        f" {(seconds - decoding) * million:.2f} |"
    )
    if profile:
        profiler = cProfile.Profile(time.process_time)
        profiler.runcall(apply, real, checkpoint, last, store, InPlace())
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.apply_cost")
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--logs", default="sets,mix,hot")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    print("| log | s per M changes | reading | decoding | planning and writing |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o777)
        with MariaDb(directory / "source", settings=FAST) as source:
            for name in options.logs.split(","):
                for line in lines(name, options.changes, directory, source, options.profile):
                    print(line, flush=True)


if __name__ == "__main__":
    main()

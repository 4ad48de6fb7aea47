"""``ferryman demo --sync``: OceanBase into Kafka, live; a consumer shows the messages and rebuilds the tables from them."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ferryman.demo import kiosk
from ferryman.demo.consumer import Consumer, Seen
from ferryman.demo.screen import Screen
from ferryman.embedded import Kafka, OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.selection import Selection
from ferryman.serializers.values import Family, Objects
from ferryman.spi.connector import connector_for

SHOWN_SECONDS = 20.0
LIMIT_SECONDS = 300.0
"""Longer than any machine needs for one step; a demonstration that hangs is a failure, not a wait."""
COLOURS = {"INSERT": "green", "UPDATE": "yellow", "DELETE": "red"}
MARKS = {"INSERT": "+", "UPDATE": "~", "DELETE": "−"}
LINES = 14


def main() -> int:
    """Run it; returns 0 when the rebuilt tables equal the source's, 4 when not."""
    directory = Path(tempfile.mkdtemp(prefix="ferryman-demo-"))
    directory.chmod(0o755)
    stream = Stream(directory)
    try:
        return stream.run()
    except BaseException:
        stream.failed = True
        raise
    finally:
        stream.end()


class Stream:
    """The pieces on stage: OceanBase, Kafka (or a folder), Ferryman, customers, and a consumer."""

    def __init__(self, directory: Path) -> None:
        """Set the stage; nothing runs yet."""
        self.directory = directory
        self.screen = Screen(Console(highlight=False))
        self.source = OceanBase(directory / "oceanbase")
        self.broker: Kafka | None = None
        self.customers = kiosk.Customers(self.source)
        self.consumer: Consumer | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.failed = False

    def run(self) -> int:
        """Tell the whole story; returns the exit code."""
        target = self._open()
        self._publish(target)
        self._watch()
        return self._prove()

    def end(self) -> None:
        """Leave nothing running."""
        self.customers.stop()
        if self.consumer is not None:
            self.consumer.stop()
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            self.process.kill()
        self.source.remove()
        if self.broker is not None:
            self.broker.remove()
        if self.failed:
            self.screen.say(f"what Ferryman said is left in {self.directory}/ferryman.log")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _open(self) -> str:
        """Start both ends; returns the target's URL."""
        self.screen.chapter("A private OceanBase, and a message queue beside it")
        self.source.start()
        rows = kiosk.fill(self.source)
        self.screen.say(f"a kiosk in OceanBase: {len(kiosk.TABLES)} tables, {rows} rows; no log service, no binary log")
        place = self._place()
        self.consumer = Consumer(place)
        self.customers.start()
        self.screen.say("the kiosk is open: customers buy and bring back, items come and go")
        return place.url if isinstance(place, Kafka) else f"file://{place}"

    def _place(self) -> Kafka | Path:
        broker = Kafka(self.directory / "kafka")
        try:
            self.broker = broker.start()
        except FerrymanError as missing:
            if missing.code != "embedded.missing":
                raise
            self.screen.say(f"no Kafka here ({missing.message}): the messages go into files instead")
            return self.directory / "messages"
        self.screen.say(f"a real Apache Kafka at 127.0.0.1:{broker.port}")
        return broker

    def _publish(self, target: str) -> None:
        shown = target if self.broker else "file:///…/messages"
        self.screen.chapter(f"ferryman run --source oceanbase://…/{kiosk.DATABASE} --target {shown}")
        command = [sys.executable, "-m", "ferryman", "run", "--source", f"{self.source.url}/{kiosk.DATABASE}"]
        command += ["--target", target, "--stop-when", "never", "--types", "schema,full,incremental"]
        command += ["--data-dir", str(self.directory / "data")]
        with (self.directory / "ferryman.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        assert self.consumer is not None
        self.consumer.start()
        self._until(lambda: sum(self._counts().values()) >= kiosk.ITEMS, "the first messages")

    def _watch(self) -> None:
        self.screen.chapter("What a consumer gets, as it comes: every row that was there, then every change")
        end = time.monotonic() + SHOWN_SECONDS
        if self.screen.console.is_terminal:
            with Live(console=self.screen.console, refresh_per_second=10) as live:
                while time.monotonic() < end:
                    self._look()
                    live.update(self._picture())
                    time.sleep(0.1)
            return
        self._until(
            lambda: time.monotonic() >= end and self._counts()["INSERT"] < sum(self._counts().values()), "changes"
        )
        for seen in self._recent():
            self.screen.say(f"{seen.place:18} {seen.kind:6} {seen.table:6} {escape(seen.text)}")

    def _picture(self) -> Group:
        table = Table(box=None, padding=(0, 1), show_header=False)
        for seen in self._recent():
            colour = COLOURS.get(seen.kind, "white")
            mark = Text(f"{MARKS.get(seen.kind, '·')} {seen.kind}", style=colour)
            table.add_row("    ", Text(seen.place, style="dim"), mark, Text(seen.table, style="bold"), Text(seen.text))
        counts = "   ".join(
            f"[{COLOURS.get(kind, 'white')}]{n:,} {kind}[/]" for kind, n in sorted(self._counts().items())
        )
        return Group(
            table, Text.from_markup(f"\n      {counts}   [dim]{self.customers.transactions:,} customers so far[/]")
        )

    def _recent(self) -> list[Seen]:
        assert self.consumer is not None
        with self.consumer.lock:
            return list(self.consumer.recent)[-LINES:]

    def _counts(self) -> Any:
        assert self.consumer is not None
        with self.consumer.lock:
            return self.consumer.counts.copy()

    def _prove(self) -> int:
        self.screen.chapter("The kiosk closes; are the consumer's tables, made of messages alone, those of OceanBase?")
        self.customers.stop()
        self._look()
        expected = self._source_tables()
        with contextlib.suppress(FerrymanError):
            self._until(lambda: self._differences(expected) == 0, "the last messages")
        for name, rows in expected.items():
            self.screen.say(f"{name:8} {len(rows):6,} rows in OceanBase, {len(self._rebuilt(name)):6,} rebuilt")
        found = self._differences(expected)
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self._counts().items()))
        colour = "green" if not found else "red"
        self.screen.say(f"[{colour}]{found} differences[/] after {sum(self._counts().values()):,} messages ({told})")
        return 4 if found else 0

    def _source_tables(self) -> dict[str, set[str]]:
        """Return each table's rows as the messages would show them."""
        endpoint = self.source.endpoint
        make = connector_for(endpoint).source
        assert make is not None
        source, objects = make(endpoint), Objects(Family.PLAIN)
        with contextlib.closing(source), contextlib.closing(source.reader()) as reader:
            return {
                table.name.table: {
                    json.dumps(json.loads(text, parse_float=str), sort_keys=True)
                    for batch in reader.read(table, [column.name for column in table.columns])
                    for text in objects.objects(table.columns, batch, batch.row_count)
                }
                for table in source.read_schema(Selection(objects=(f"{kiosk.DATABASE}.*",))).tables
            }

    def _rebuilt(self, name: str) -> set[str]:
        assert self.consumer is not None
        with self.consumer.lock:
            return {json.dumps(row, sort_keys=True) for row in self.consumer.tables.get(name, {}).values()}

    def _differences(self, expected: dict[str, set[str]]) -> int:
        return sum(len(rows ^ self._rebuilt(name)) for name, rows in expected.items())

    def _look(self) -> None:
        """Notice whoever has given up."""
        if self.process is not None and self.process.poll() is not None:
            log = (self.directory / "ferryman.log").read_text("utf-8", "replace").strip().splitlines()
            raise FerrymanError("demo.service_ended", f"ferryman run ended: {log[-1] if log else 'no output'}")
        error = self.customers.error or (self.consumer.error if self.consumer else None)
        if error is not None:
            raise FerrymanError("demo.writer_failed", f"a part of the demonstration failed: {error}") from error

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            self._look()
            if time.monotonic() > deadline:
                raise FerrymanError("demo.too_slow", f"waited {LIMIT_SECONDS:.0f} s for {what}")
            time.sleep(0.1)

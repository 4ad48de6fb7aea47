"""What distance costs a load: ``python -m bench.distance [--rows N] [--rtt SECONDS] …``.

One run loads the same table with source and target near, then with a proxy before the source, the target, or both, that
hands on every byte half a round trip later. Given are the load step's own seconds; medians of so many rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bench.loads import targets
from bench.paths import execute
from bench.processes import watched
from bench.tables import SYSBENCH
from ferryman.embedded import MariaDb

READ_BYTES = 1 << 18
MOST_BYTES = 64 << 20
"""What is under way in one direction at most: more than a fast line of that length holds."""


class DelayProxy:
    """Listens on loopback and hands on what comes, each way `seconds` later; use within ``with``."""

    def __init__(self, port: int, seconds: float) -> None:
        self._upstream, self._seconds = port, seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> DelayProxy:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self._seconds)  # the handshake of TCP
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        ways = DelayedWay(reader, up_writer, self._seconds), DelayedWay(up_reader, writer, self._seconds)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*(way.run() for way in ways))


class DelayedWay:
    """One direction of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader, self._writer, self._seconds = reader, writer, seconds
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Hand on until the sender ends; an empty piece of data says so."""
        await asyncio.gather(self._take(), self._give())

    async def _take(self) -> None:
        data = b"?"
        while data:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError:
                data = b""
            async with self._changed:
                await self._changed.wait_for(lambda: self._bytes < MOST_BYTES)
                self._under_way.append((asyncio.get_running_loop().time() + self._seconds, data))
                self._bytes += len(data)
                self._changed.notify_all()

    async def _give(self) -> None:
        while data := await self._arrived():
            try:
                self._writer.write(data)
                await self._writer.drain()
            except OSError:
                self._writer.transport.abort()
        self._writer.close()

    async def _arrived(self) -> bytes:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._under_way))
            at, data = self._under_way.popleft()
            self._bytes -= len(data)
            self._changed.notify_all()
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        return data


def load_seconds(directory: Path, name: str, source: str, target: str, rows: int) -> tuple[float, float]:
    """Load once; return the seconds of the load step and the peak MiB of its task."""
    report = directory / f"{name}.json"
    run = watched([
        *(sys.executable, "-m", "ferryman", "run", "--source", source, "--target", target, "--objects", "sb.*"),
        *("--map", f"sb={name}", "--types", "schema,full", "--name", name),
        *("--data-dir", str(directory / name), "--report", str(report)),
    ])  # fmt: skip
    step = next(step for step in json.loads(report.read_text())["steps"] if step["name"] == "load")
    if step["rows"] != rows:
        raise SystemExit(f"{step['rows']} rows came, not {rows}")
    return step["seconds"], next(use.peak for task, use in run.uses.items() if "load" in task) / 1024


def measured(directory: Path, source, target, options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table of results."""
    with DelayProxy(source.port, options.rtt / 2) as far_source, DelayProxy(target.port, options.rtt / 2) as far_target:
        source_urls = [source.url, source.url.replace(f":{source.port}", f":{far_source.port}")]
        target_urls = [target.url, target.url.replace(f":{target.port}", f":{far_target.port}")]
        ways = {"both near": (0, 0), "source far": (1, 0), "target far": (0, 1), "both far": (1, 1)}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        peak = dict.fromkeys(ways, 0.0)
        for turn in range(options.repeat):
            for number, (way, (at_source, at_target)) in enumerate(ways.items()):
                urls = source_urls[at_source], target_urls[at_target]
                took, memory = load_seconds(directory, f"d{turn}_{number}", *urls, options.rows)
                seconds[way].append(took)
                peak[way] = max(peak[way], memory)
                execute(target, f"DROP DATABASE d{turn}_{number}")
    near = statistics.median(seconds["both near"])
    for way, took in seconds.items():
        middle = statistics.median(took)
        yield (
            f"| {way}, {options.rtt * 1000:.0f} ms | {options.rows / middle:,.0f} rows/s |"
            f" {middle:.1f} s, {middle / near:.2f} × near; {peak[way]:.0f} MiB at most |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.distance")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of sysbench's table")
    parser.add_argument("--rtt", type=float, default=0.2, help="seconds there and back")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--target", default="oceanbase", choices=("mariadb", "oceanbase"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o755)
        with MariaDb(directory / "source") as source, targets(directory)[options.target]() as target:
            execute(source, "CREATE DATABASE sb", SYSBENCH.create("sb"), "USE sb", SYSBENCH.fill("sb", 1, options.rows))
            for line in measured(directory, source, target, options):
                print(line, flush=True)


if __name__ == "__main__":
    main()

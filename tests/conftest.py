"""Fixtures for every tier: real private servers, started once a session, gone at its end."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from ferryman.embedded import Kafka, MariaDb, MySql56, OceanBase, Postgres, RocketMq, TiDb
from ferryman.embedded.mysql56 import WITHOUT_GTID
from ferryman.foundation.errors import FerrymanError

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell: it ignores Ctrl-C, and all that the tests start would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FIRST = ("fault", "end_to_end", "integration", "property", "kernel", "unit")
_names = itertools.count(1)
Broker = TypeVar("Broker", Kafka, RocketMq)


def pytest_report_header() -> str:
    import ferryman.kernel

    return f"ferryman kernel: {ferryman.kernel.IMPLEMENTATION}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that all workers end together (`make test` gives each whole files)."""
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.relative_to(item.config.rootpath).parts[1]))


@pytest.fixture(scope="session")
def servers_directory() -> Iterator[Path]:
    """A short path (unix sockets have a length limit), removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="fm-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb(servers_directory: Path) -> Iterator[MariaDb]:
    """A running MariaDB, shared by the session: make your own database (`database_name`)."""
    server = MariaDb(servers_directory / "mariadb").start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def mysql56(servers_directory: Path) -> Iterator[MySql56]:
    """A running MySQL 5.6 with GTIDs, shared by the session."""
    yield from running_mysql56(servers_directory / "mysql56", {})


@pytest.fixture(scope="session")
def mysql56_without_gtid(servers_directory: Path) -> Iterator[MySql56]:
    """A running MySQL 5.6 whose log has no GTIDs, shared by the session."""
    yield from running_mysql56(servers_directory / "mysql56-plain", WITHOUT_GTID)


def running_mysql56(directory: Path, settings: Mapping[str, str]) -> Iterator[MySql56]:
    """Run a MySQL 5.6 while the caller uses it; skip where it is not installed, but never in CI."""
    server = MySql56(directory, settings=settings)
    try:
        server.start()
    except FerrymanError as missing:
        if missing.code != "embedded.missing" or os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{missing.message} ({missing.hint})")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def tidb(servers_directory: Path) -> Iterator[TiDb]:
    """A running TiDB, shared by the session; skipped where it is not built, but not by `make tidb`."""
    server = TiDb(servers_directory / "tidb")
    try:
        server.start()
    except FerrymanError as missing:
        if missing.code != "embedded.missing" or os.environ.get("FERRYMAN_TIDB_WANTED"):
            raise
        pytest.skip(f"{missing.message} ({missing.hint})")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def kafka(servers_directory: Path) -> Iterator[Kafka]:
    """A running Kafka, shared by the session: make your own topics; skipped where Java or the jars are not to be had."""
    yield from _broker(Kafka(servers_directory / "kafka"))


@pytest.fixture(scope="session")
def rocketmq(servers_directory: Path) -> Iterator[RocketMq]:
    """A running RocketMQ, likewise."""
    yield from _broker(RocketMq(servers_directory / "rocketmq"))


def _broker(server: Broker) -> Iterator[Broker]:
    try:
        server.start()
    except FerrymanError as missing:
        if missing.code != "embedded.missing" or os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{missing.message} ({missing.hint})")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def oceanbase(servers_directory: Path) -> Iterator[OceanBase]:
    """A running OceanBase, shared by the session."""
    server = OceanBase(servers_directory / "oceanbase").start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres(servers_directory: Path) -> Iterator[Postgres]:
    """A running PostgreSQL, shared by the session."""
    server = Postgres(servers_directory / "postgres").start()
    yield server
    server.remove()


@pytest.fixture
def database_name() -> str:
    """A name no other test of this session uses."""
    return f"t{os.getpid()}_{next(_names)}"

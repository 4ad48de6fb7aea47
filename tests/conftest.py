"""Fixtures for every tier: real private servers, started once a session, gone at its end."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.embedded import MariaDb, OceanBase, Postgres

TIERS = ("unit", "property", "kernel", "integration", "fault", "end_to_end")
_names = itertools.count(1)


def pytest_report_header() -> str:
    import ferryman.kernel

    return f"ferryman kernel: {ferryman.kernel.IMPLEMENTATION}"


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

"""A project from a schema of a real PostgreSQL to a server of the MySQL family, its steps in threads of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from ferryman.connectors.postgresql.source import PostgresSource
from ferryman.embedded import Postgres, Server
from ferryman.model.project import LoadOptions, ProjectSpec, StepName, VerifyOptions
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.pipeline import apply, capture, load, schema, verify
from ferryman.pipeline.runner import run_release
from memory_endpoints import MemoryContext

PATIENCE = 120.0


def connected(server: Postgres, **options: Any) -> psycopg.Connection[Any]:
    """Connect as the administrator, or as whom `options` say."""
    login = {"user": server.user, "password": server.password, "dbname": "postgres"} | options
    return psycopg.connect(host="127.0.0.1", port=server.port, autocommit=True, **login)


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for something to be so."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)
    return found


class Step(threading.Thread):
    """One step in a thread; its error is raised where it is joined."""

    def __init__(self, run: Callable[[Any], None], context: MemoryContext) -> None:
        super().__init__(daemon=True)
        self._run_step, self.context = run, context
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._run_step(self.context)
        except BaseException as error:
            self.error = error

    def end(self, *, stop: bool = False) -> None:
        if stop:
            self.context.stopping.set()
        self.join(PATIENCE)
        assert not self.is_alive(), f"{self.context.step} did not end"
        if self.error is not None:
            raise self.error


class PostgresProject:
    """One schema of PostgreSQL on its way."""

    def __init__(self, source: Postgres, target: Server, name: str, sql: str, data_dir: Path, **options: Any) -> None:
        self.server, self.target, self.name, self.data_dir = source, target, name, data_dir
        self.connection = connected(source)
        self.sql(f'CREATE SCHEMA "{name}"')
        self.sql(sql)
        self.spec = ProjectSpec(
            name=name,
            source=source.endpoint,
            target=target.endpoint,
            selection=Selection(objects=(f"{name}.*",)),
            load=LoadOptions(streams=2, chunk_rows=50),
            verify=VerifyOptions(recheck_seconds=30),
            **options,
        )
        self.notes: dict[str, str] = {}
        self.epoch = 0

    def sql(self, sql: str) -> list[tuple[Any, ...]]:
        """Run statements at the source, in the project's schema."""
        with self.connection.cursor() as cursor:
            cursor.execute(f'SET search_path = "{self.name}", public; {sql}')  # type: ignore[arg-type]
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def at_target(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement at the target, in the project's database."""
        endpoint = self.target.endpoint
        with (
            pymysql.connect(
                host="127.0.0.1", port=endpoint.port, user=endpoint.username, password=endpoint.password,
                database=self.name, charset="utf8mb4", autocommit=True, init_command="SET time_zone='+00:00'",
            ) as connection,
            connection.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute(sql)
            return list(cursor.fetchall())

    def context(self, step: StepName) -> MemoryContext:
        self.epoch += 1
        context = MemoryContext(self.spec, step, self.notes, self.epoch)
        context.project_id, context.data_dir = f"np_{self.name}", self.data_dir
        return context

    def begin(self) -> None:
        """Make the tables, and begin to spool the log."""
        self.made = self.context(StepName.SCHEMA)
        schema.run(self.made)
        self.capture = self.capturing()

    def capturing(self) -> Step:
        return Step(capture.run, self.context(StepName.CAPTURE))

    def load(self) -> None:
        load.run(self.context(StepName.LOAD))

    def applying(self) -> Step:
        return Step(apply.run, self.context(StepName.APPLY))

    def end_here(self) -> None:
        """Let apply end at the source's position now."""
        self.notes["apply.stop_at"] = to_text(PostgresSource(self.spec.source).current_position())

    def mismatches(self) -> dict[str, list[Any]]:
        """Verify; returns what differs."""
        context = self.context(StepName.VERIFY)
        verify.run(context)
        return {table: found for table, found in context.mismatches.items() if found}

    def release(self) -> None:
        run_release(self.context(StepName.CAPTURE))

    def close(self) -> None:
        """Stop what runs and leave nothing at the source."""
        for step in (getattr(self, "capture", None), getattr(self, "apply", None)):
            if step is not None:
                step.context.stopping.set()
                step.join(PATIENCE)
        PostgresSource(self.spec.source).release_log(f"np_{self.name}")
        self.connection.close()

    def move(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Make, load and follow up to the end of what `meanwhile` does."""
        self.begin()
        self.load()
        self.apply = self.applying()
        meanwhile()
        self.end_here()
        self.apply.end()


def to_text(position: Any) -> str:
    """Return a note's text."""
    import json

    return json.dumps(to_json(position))

"""A project over real servers without control: notes in memory, tables made by the dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pymysql

from ferryman.embedded import Server
from ferryman.model.project import LoadOptions, ProjectSpec, StepName, VerifyOptions
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.spi.connector import connector_for
from memory_endpoints import MemoryContext


def connect(server: Server, database: str | None = None) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        database=database,
        autocommit=True,
        charset="utf8mb4",
        init_command="SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'",
    )


def execute(server: Server, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
    with connect(server, database) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


class RealProject:
    """One database of a running source, one of a running target."""

    def __init__(
        self, source: Server, target: Server, database: str, statements: Sequence[str], **options: Any
    ) -> None:
        self.source, self.target, self.database = source, target, database
        execute(source, f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
        execute(source, *statements, database=database)
        options.setdefault("steps", (StepName.CAPTURE, StepName.LOAD, StepName.APPLY))
        options.setdefault("load", LoadOptions(chunk_rows=5_000))
        options.setdefault("verify", VerifyOptions(chunk_rows=5_000, recheck_seconds=20))
        selection = Selection(objects=(f"{database}.*",))
        self.spec = ProjectSpec(
            name=database, source=source.endpoint, target=target.endpoint, selection=selection, **options
        )
        self.notes: dict[str, str] = {}
        self.epoch = 0
        self.make_tables()

    def make_tables(self) -> None:
        source = connector_for(self.spec.source).source(self.spec.source)  # type: ignore[misc]
        self.schema = source.read_schema(self.spec.selection)
        dialect = connector_for(self.spec.target).dialect
        assert dialect is not None
        self.plan = dialect.plan(self.schema, self.spec.selection)
        target = connector_for(self.spec.target).target(self.spec.target)  # type: ignore[misc]
        for statement in self.plan.statements:
            target.run_ddl(statement.sql)
        context = self.context(StepName.SCHEMA)
        context.set_note("schema.source", to_json(self.schema))
        context.set_note("schema.plan", to_json(self.plan))

    def context(self, step: StepName) -> MemoryContext:
        self.epoch += 1
        context = MemoryContext(self.spec, step, self.notes, self.epoch)
        context.project_id = f"np_{self.database}"
        return context

    def at_source(self, *statements: str) -> list[tuple[Any, ...]]:
        return execute(self.source, *statements, database=self.database)

    def at_target(self, *statements: str) -> list[tuple[Any, ...]]:
        return execute(self.target, *statements, database=self.database)

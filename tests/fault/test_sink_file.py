"""Files as a sink: whatever is killed, the lines that count rebuild every table, each change once (I1, I8)."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import sink_stage
from ferryman.connectors.file.journal import read_state
from ferryman.embedded import MariaDb
from ferryman.kernel.values import double_text
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType, Kind
from ferryman.serializers.values import Family, Objects
from ferryman.spi.connector import connector_for

parquet = pytest.importorskip("pyarrow.parquet")

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "2"))


class Files:
    """A directory, read as far as its journals say; the load's files come before those of the changes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.endpoint = Endpoint(scheme="file", host="", port=0, options={"path": str(directory)})

    def disturb(self) -> None:
        """Nothing serves files."""

    def partitions(self) -> list[list[bytes]]:
        return [self._lines(topic) for topic in sorted(self.directory.iterdir()) if topic.name != "_ferryman"]

    def _lines(self, topic: Path) -> list[bytes]:
        counted: dict[str, int] = {}
        for journal in (self.directory / "_ferryman").rglob("*.journal"):
            lane = journal.stem.removeprefix("load-")
            prefix = f"full-{lane}" if "load" in journal.stem else "incremental"
            for name, (number, size) in read_state(journal).files.items():
                if name == topic.name:
                    counted[f"{prefix}-{number:06d}.jsonl"] = size
        found = []
        for file in sorted(topic.glob("*.jsonl")):
            found += file.read_bytes()[: counted.get(file.name)].splitlines()
        return found


class Parquets:
    """Parquet files, as a consumer that knows the tables would turn them into the suite's messages."""

    def __init__(self, directory: Path, source: MariaDb, database: str) -> None:
        self.directory = directory
        self.endpoint = Endpoint(scheme="file", host="", port=0, options={"path": str(directory)})
        self._source, self._database = source, database
        self._objects = Objects(Family.PLAIN)

    def disturb(self) -> None:
        """Nothing serves files."""

    def partitions(self) -> list[list[bytes]]:
        source = connector_for(self._source.endpoint).source(self._source.endpoint)  # type: ignore[misc]
        schema = source.read_schema(Selection(objects=(f"{self._database}.*",)))
        return [self._messages(table) for table in schema.tables]

    def _messages(self, table: Table) -> list[bytes]:
        files = [*self._files(table, "full"), *self._files(table, "incremental")]
        return [message for path in files for message in self._of(table, parquet.read_table(path))]

    def _files(self, table: Table, prefix: str) -> list[Path]:
        return sorted((self.directory / str(table.name)).glob(f"{prefix}-*.parquet"))

    def _of(self, table: Table, rows: Any) -> Iterator[bytes]:
        texts = {c.name: [canonical(c.type, v) for v in rows.column(c.name).to_pylist()] for c in table.columns}
        batch = Batch(rows.num_rows, tuple(ColumnData.of(texts[column.name]) for column in table.columns))
        images = self._objects.objects(table.columns, batch, rows.num_rows)
        key = table.row_key
        for number, (row, image) in enumerate(zip(rows.to_pylist(), images, strict=True)):
            gone, held = row["_ferryman_operation"] == "delete", json.loads(image)
            values = [texts[name][number].decode() for name in key.columns] if key else []
            meta = {
                "table_name": table.name.table, "record_primary_key": "\x01".join(key.columns) if key else None,
                "record_primary_value": "\x01".join(values), "uniqueId": row["_ferryman_change"],
            }  # fmt: skip
            pair = {"prevStruct": held if gone else None, "postStruct": None if gone else held}
            yield json.dumps({**pair, "allMetaData": meta, "recordType": row["_ferryman_operation"]}).encode()


def canonical(kind: ColumnType, value: Any) -> bytes | None:
    """Return what a Parquet reader shows of a value in the canonical form."""
    if value is None or isinstance(value, bytes):
        return b"%d" % int.from_bytes(value or b"") if kind.kind is Kind.BIT and value else value
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, datetime):
        digits = f".{value.microsecond:06d}"[: kind.fraction + 1] if kind.fraction else ""
        return (value.strftime("%Y-%m-%d %H:%M:%S") + digits).encode()
    return str(value).encode()


@pytest.mark.mariadb
def test_parquet_files_rebuild_every_table(mariadb: MariaDb, tmp_path: Path, database_name: str) -> None:
    files = Parquets(tmp_path / "out", mariadb, database_name)
    stage = sink_stage.Stage(mariadb, files, tmp_path / "project", database_name, PublishOptions(format="PARQUET"))
    sink_stage.check(stage, kills=KILLS, seed=SEED, exactly_once=True)


@pytest.mark.mariadb
def test_files_rebuild_every_table(mariadb: MariaDb, tmp_path: Path, database_name: str) -> None:
    files = Files(tmp_path / "out")
    stage = sink_stage.Stage(mariadb, files, tmp_path / "project", database_name, PublishOptions(transactions=True))
    sink_stage.check(stage, kills=KILLS, seed=SEED, exactly_once=True)

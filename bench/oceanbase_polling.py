"""What polling an OceanBase costs: a table of 1 M rows, 1 % of them changed, against one plain scan of it.

Run: ``python -m bench.oceanbase_polling [rows]``. Prints medians of several rounds, all on one server in one run.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pymysql

from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.oceanbase.scn import queries
from ferryman.connectors.oceanbase.scn.keyed import KeyedChanges
from ferryman.connectors.oceanbase.scn.moments import begin_snapshot, current_scn
from ferryman.connectors.oceanbase.scn.window import Window
from ferryman.connectors.oceanbase.source import OceanBaseSource
from ferryman.embedded import OceanBase
from ferryman.model.schema import Table
from ferryman.model.selection import Selection

ROUNDS = 3
SELECTION = Selection(objects=("bench.t",))


def main(rows: int) -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory(prefix="fm-") as directory:
        server = OceanBase(Path(directory)).start()
        try:
            _fill(server, rows)
            _measure(server, rows)
        finally:
            server.remove()


def _run(server: OceanBase, *statements: str) -> None:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SET ob_query_timeout = 1000000000, ob_trx_timeout = 1000000000")
        for statement in statements:
            cursor.execute(statement)


def _fill(server: OceanBase, rows: int) -> None:
    values = ",".join(f"({n},{n},REPEAT('c',120),REPEAT('p',60))" for n in range(10_000))
    _run(
        server,
        "CREATE DATABASE bench",
        "CREATE TABLE bench.t (id bigint PRIMARY KEY, k int, c char(120), pad char(60))",
        f"INSERT INTO bench.t VALUES {values}",
    )
    for start in range(10_000, rows, 10_000):
        _run(server, f"INSERT INTO bench.t SELECT id + {start}, k, c, pad FROM bench.t WHERE id < 10000")


def _measure(server: OceanBase, rows: int) -> None:
    source = OceanBaseSource(server.endpoint, SELECTION)
    table = source.read_schema(SELECTION).tables[0]
    jobs = {
        "1 % updated": f"UPDATE bench.t SET k = k + 1 WHERE id % 100 = 7 AND id < {rows}",
        "1 % updated, 0.1 % deleted": (
            f"UPDATE bench.t SET k = k + 1 WHERE id % 100 = 8 AND id < {rows}; DELETE FROM bench.t WHERE id % 1000 = {{n}}"
        ),
        "nothing changed": "SELECT 1",
    }
    print(f"{rows:,} rows; {ROUNDS} rounds, medians\n| | seconds | x one scan |\n|---|---|---|")
    scan = statistics.median(_scan(source, table) for _ in range(ROUNDS))
    print(f"| one full scan, rows read and decoded | {scan:.2f} | 1.00 |")
    for name, sql in jobs.items():
        found = statistics.median(_poll(server, source, table, sql.format(n=n)) for n in range(ROUNDS))
        print(f"| poll: {name} | {found:.2f} | {found / scan:.2f} |")


def _scan(source: OceanBaseSource, table: Table) -> float:
    begun = time.monotonic()
    with closing(Reader(source._connect)) as reader:
        count = sum(batch.row_count for batch in reader.read(table, [column.name for column in table.columns]))
    assert count > 0
    return time.monotonic() - begun


def _poll(server: OceanBase, source: OceanBaseSource, table: Table, sql: str) -> float:
    """Return how long one window takes when the count of the one before is known, as it is while polling goes on."""
    with source._connect() as past, source._connect() as snapshot:
        then = current_scn(past)
        count = int(past.query(queries.count_at(table, then))[0][0])
        _run(server, *sql.split("; "))
        begun = time.monotonic()
        window = Window(then, begin_snapshot(snapshot, table.name), snapshot, past)
        for _payload in KeyedChanges(window, table, count).payloads():
            pass
        return time.monotonic() - begun


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

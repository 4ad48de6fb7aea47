"""dlt's pipeline for one table; run by the peers' own Python: ``peer_dlt.py SOURCE TARGET KIND DIRECTORY``. Prints seconds."""

import sys
import time

import dlt
from dlt.sources.sql_database import sql_table


def main() -> None:
    source, target, kind, directory = sys.argv[1:]
    postgres = kind == "postgresql"
    make = dlt.destinations.postgres if postgres else dlt.destinations.sqlalchemy
    pipeline = dlt.pipeline("bench", destination=make(target), dataset_name="peer_dlt", pipelines_dir=directory)
    backend = "pyarrow" if postgres else "sqlalchemy"  # the fastest way that works into each
    table = sql_table(credentials=source, table="peers", backend=backend, chunk_size=50_000)
    began = time.monotonic()
    options = {"loader_file_format": "csv"} if postgres else {}
    pipeline.run(table, write_disposition="replace", **options).raise_on_failed_jobs()
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()

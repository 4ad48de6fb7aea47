"""The source's clock goes back and forth: everything arrives once, latencies stay sane, and a second is found in the log."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from test_conflicts_servers import Following, stop_of

from ferryman.embedded import MariaDb, OceanBase
from ferryman.pipeline.logstore import open_reader, position_at

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(240)]

JUMPS = (0, -3600, +86_400, -86_400, +7200, 0)
"""Seconds that the clock is off by."""


def test_everything_arrives_whatever_the_clock_says(
    mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path
) -> None:
    project = Following(mariadb, oceanbase, database_name, tmp_path)
    began = int(time.time())
    first = project.here()
    with project.captured():
        for number, jump in enumerate(JUMPS, start=1):
            clock = f"set timestamp={began + jump}" if jump else "set timestamp=default"
            project.at_source(
                clock, f"insert into item values ({number}, {number}, 'x')", "insert into bag values (1, 'y')"
            )
        assert stop_of(project) is None
        assert project.at_target(f"select id from {database_name}.item") == [(n,) for n in range(1, len(JUMPS) + 1)]
        assert project.at_target(f"select count(*) from {database_name}.bag") == [(len(JUMPS),)]
        latest = project.apply().progress
    assert latest.latency_seconds == 0.0
    with contextlib.closing(open_reader(tmp_path, f"np_{database_name}", first)) as log:
        times = [record.position.time for record in iter(lambda: log.poll(0), None) if record.payload]
    assert times == sorted(times), "the times of places never go back, whatever the clock does"
    assert times[-1] >= began + 86_400
    found = position_at(tmp_path, f"np_{database_name}", began - 1800)
    assert found is None or found <= first

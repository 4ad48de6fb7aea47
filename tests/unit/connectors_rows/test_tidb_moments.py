"""TiDB's timestamps, durations and what is said when a moment is gone."""

from __future__ import annotations

import pytest

from ferryman.connectors.tidb.moments import collected_told
from ferryman.connectors.tidb.precheck import life_seconds
from ferryman.connectors.tidb.tso import position_of, seconds_of, tso_at, tso_of
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

TSO = 454_263_918_592_000_001
"""2024-12-06 09:06:24.615 UTC, by hand: (TSO >> 18) milliseconds."""


def test_a_tso_is_milliseconds_and_a_counter():
    assert seconds_of(TSO) == (TSO // 262_144) / 1000
    assert seconds_of(tso_at(1_700_000_000)) == 1_700_000_000
    place = position_of(TSO)
    assert (tso_of(place), place.order, str(place)) == (TSO, (TSO, 0), str(TSO))
    assert position_of(TSO) < position_of(TSO, 1) < position_of(TSO + 1)


def test_a_position_of_another_log_is_refused():
    with pytest.raises(FerrymanError) as refused:
        tso_of(Position(kind="binlog", token={}, order=(1, 4)))
    assert refused.value.code == "position.other_log"


@pytest.mark.parametrize(("text", "seconds"), [("10m0s", 600), ("24h", 86_400), ("1h30m", 5400), ("500ms", 0.5)])
def test_durations_are_read_as_go_writes_them(text, seconds):
    assert life_seconds(text) == seconds


def test_a_collected_moment_names_what_to_do():
    with pytest.raises(FerrymanError) as told, collected_told("shop.orders", TSO):
        raise FerrymanError("endpoint.query_failed", "snapshot is older than GC safe point", context={"errno": 8055})
    assert told.value.code == "source.no_snapshot"
    assert "tidb_gc_life_time" in told.value.hint
    with pytest.raises(FerrymanError) as other, collected_told("shop.orders", TSO):
        raise FerrymanError("endpoint.query_failed", "x", context={"errno": 1105})
    assert other.value.code == "endpoint.query_failed"

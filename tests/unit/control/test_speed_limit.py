from ferryman.foundation.speed_limit import SpeedLimit


def test_work_is_held_to_both_limits_on_average():
    now = [100.0]
    limit = SpeedLimit(lambda: now[0])
    limit.spend(10**9, 10**9)
    assert limit.owed_seconds() == 0  # no limit
    limit.set(100, 10_000)
    limit.spend(100, 1)
    assert limit.owed_seconds() <= 1.0
    limit.spend(900, 1)
    owed = limit.owed_seconds()
    assert 8.0 <= owed <= 10.0
    limit.spend(0, 200_000)
    assert limit.owed_seconds() >= 19.0
    now[0] += 30
    assert limit.owed_seconds() == 0


def test_a_changed_limit_counts_at_once():
    now = [0.0]
    limit = SpeedLimit(lambda: now[0])
    limit.set(1, 0)
    limit.spend(1000, 0)
    assert limit.owed_seconds() > 900
    limit.set(1, 0)
    assert limit.owed_seconds() > 900  # the same limit, said again
    limit.set(0, 0)
    assert limit.owed_seconds() == 0

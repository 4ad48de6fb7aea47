"""Whatever comes and goes, and whatever is silenced: nothing is open twice, and who was told of an opening is told of its end."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.control.alerts.evaluation import CLEAR_SECONDS, Finding, due_event, next_state
from ferryman.control.alerts.rules import RuleName
from ferryman.metadb.alerts import AlertState
from ferryman.model.project import Importance

LEVELS = st.sampled_from(list(Importance))
LOOKS = st.lists(
    st.tuples(st.none() | LEVELS, st.booleans(), st.sampled_from([1.0, 5.0, CLEAR_SECONDS, 60.0])),
    min_size=1,
    max_size=60,
)


def _finding(level: Importance, hold: float) -> Finding:
    return Finding(rule=RuleName.LATENCY, level=level, message="m", hold_seconds=hold, project_id="np_1")


@settings(max_examples=300, deadline=None)
@given(looks=LOOKS, hold=st.sampled_from([0.0, 5.0, 30.0]), repeat=st.sampled_from([0.0, 1.0]))
def test_the_life_of_alerts(looks, hold, repeat):
    now, alert, told, seen_for, away_for, count = 0.0, None, {}, 0.0, 0.0, 0
    for level, silent, pause in looks:
        now += pause
        was = alert
        finding = None if level is None else _finding(level, hold)
        count += 1
        alert = next_state(alert, finding, now, lambda: f"al_{count}")  # noqa: B023 - called at once
        seen_for, away_for = _clocks(was, alert, finding, seen_for, away_for, pause)
        if alert is None:
            assert finding is None, "what is seen is kept"
            assert was is None or was.state is AlertState.PENDING, "what is open ends only by recovering"
            continue
        if alert.state is AlertState.OPEN and (was is None or was.state is AlertState.PENDING):
            assert seen_for >= hold, "opened before its time"
        if alert.state is AlertState.RECOVERED:
            assert away_for >= CLEAR_SECONDS, "recovered before its time"
        alert = _tell(alert, told, silent, repeat, now)
        if alert.state is AlertState.RECOVERED:
            assert told.get(alert.id, [])[-1:] in ([], ["recovered"])
            assert told.get(alert.id, []).count("recovered") <= 1
            alert = None


def _tell(alert, told, silent, repeat, now):
    event = due_event(alert, repeat, now, silent=silent)
    assert not (event in {"opened", "repeated"} and (silent or alert.level == "IGNORE"))
    if not event:
        return alert
    before = told.setdefault(alert.id, [])
    assert event == "opened" or before, "the first notice is of the opening"
    before.append(event)
    return replace(alert, sent_at=now, sent_count=alert.sent_count + 1)


def _clocks(was, alert, finding, seen_for, away_for, pause):
    if finding is None:
        starts = was is not None and was.clear_since is None
        return 0.0, 0.0 if starts else away_for + pause
    return (0.0 if was is None else seen_for + pause), 0.0

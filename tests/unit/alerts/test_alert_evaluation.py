"""The decision table of alerts: what is found, when it opens, when it recovers, when people are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ferryman.control.alerts.book import silenced
from ferryman.control.alerts.evaluation import (
    CLEAR_SECONDS,
    ProjectFacts,
    ServiceFacts,
    due_event,
    next_state,
    project_findings,
    service_findings,
)
from ferryman.control.alerts.rules import DEFAULTS, ByLevel, RuleName
from ferryman.metadb.alert_settings import SilenceRow
from ferryman.metadb.alerts import AlertRow, AlertState
from ferryman.model.project import Importance, ProjectStatus

WELL = ProjectFacts(id="np_1", name="shop", status=ProjectStatus.RUNNING, level=Importance.HIGH, latency_seconds=0.0)
OPEN = AlertRow(
    id="al_1",
    key="latency/np_1",
    rule="latency",
    level="HIGH",
    message="m",
    since=0,
    opened_at=0,
    state=AlertState.OPEN,
)


def found(**facts):
    return {each.rule.value: each for each in project_findings(replace(WELL, **facts), DEFAULTS)}


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"status": ProjectStatus.FAILED, "error": "the disk is full"}, "project_failed"),
        ({"latency_seconds": 30.5}, "latency"),
        ({"mismatches": 1}, "differences"),
        ({"lost_steps": ("apply",)}, "worker_lost"),
        ({"status": ProjectStatus.SUSPEND, "latency_seconds": None, "stray_tasks": ("load",)}, "stray_worker"),
        ({"log_store_percent": 80.5}, "log_store_full"),
        ({"log_left_seconds": 14_399.0}, "source_log_expires"),
        ({"dead_letters": 1}, "dead_letters"),
    ],
)
def test_each_rule_finds_its_own_and_nothing_else(facts, rule):
    assert set(found(**facts)) == {rule}
    finding = found(**facts)[rule]
    assert finding.level is Importance.HIGH
    assert finding.project_name == "shop"
    assert finding.message


def test_a_well_project_has_no_findings():
    assert not found()
    assert not found(latency_seconds=30.0, log_store_percent=80.0, log_left_seconds=14_400.0), (
        "a threshold must be crossed"
    )
    assert not found(latency_seconds=None)


def test_the_projects_level_chooses_the_threshold():
    assert not found(latency_seconds=299.0, level=Importance.MEDIUM)
    assert found(latency_seconds=301.0, level=Importance.MEDIUM)["latency"].level is Importance.MEDIUM
    assert not found(latency_seconds=1e9, level=Importance.IGNORE), "IGNORE has no threshold"
    assert found(status=ProjectStatus.FAILED, level=Importance.IGNORE)["project_failed"].level is Importance.IGNORE


def test_a_rule_may_be_off_and_may_have_a_level_of_its_own():
    off = DEFAULTS | {RuleName.LATENCY: replace(DEFAULTS[RuleName.LATENCY], enabled=False)}
    assert not list(project_findings(replace(WELL, latency_seconds=999.0), off))
    low = DEFAULTS | {RuleName.LATENCY: replace(DEFAULTS[RuleName.LATENCY], level=Importance.LOW)}
    assert [each.level for each in project_findings(replace(WELL, latency_seconds=901.0), low)] == [Importance.LOW]


@pytest.mark.parametrize(("free", "level"), [(4.9, "HIGH"), (9.0, "MEDIUM"), (14.0, "LOW"), (15.0, None), (None, None)])
def test_a_rule_of_the_service_takes_the_worst_level_crossed(free, level):
    levels = [each.level.value for each in service_findings(ServiceFacts(disk_free_percent=free), DEFAULTS)]
    assert levels == ([level] if level else [])


def step(known, finding, now):
    return next_state(known, finding, now, lambda: "al_new")


def test_an_alert_waits_for_its_hold_and_is_forgotten_when_it_was_short():
    finding = found(latency_seconds=99.0)["latency"]
    pending = step(None, finding, 100.0)
    assert pending.state is AlertState.PENDING
    assert step(pending, finding, 159.9) == replace(pending, project_name="shop")
    assert step(pending, None, 159.9) is None
    opened = step(pending, finding, 160.0)
    assert (opened.state, opened.opened_at, opened.since) == (AlertState.OPEN, 160.0, 100.0)
    assert step(None, replace(finding, hold_seconds=0), 100.0).state is AlertState.OPEN


def test_an_alert_recovers_once_it_has_stayed_away():
    finding = found(latency_seconds=99.0)["latency"]
    away = step(OPEN, None, 50.0)
    assert (away.state, away.clear_since) == (AlertState.OPEN, 50.0)
    assert step(away, finding, 55.0).clear_since is None, "it came back: one alert, not two"
    gone = step(away, None, 50.0 + CLEAR_SECONDS)
    assert (gone.state, gone.recovered_at) == (AlertState.RECOVERED, 50.0 + CLEAR_SECONDS)


def test_a_worse_level_is_told_again_and_a_better_one_is_not():
    sent = replace(OPEN, level="MEDIUM", sent_at=5.0)
    worse = step(sent, found(latency_seconds=99.0)["latency"], 10.0)
    assert (worse.level, worse.sent_at) == ("HIGH", None)
    better = step(replace(OPEN, sent_at=5.0), found(latency_seconds=999.0, level=Importance.LOW)["latency"], 10.0)
    assert (better.level, better.sent_at) == ("LOW", 5.0)


@pytest.mark.parametrize(
    ("changes", "silent", "event"),
    [
        ({"state": AlertState.PENDING, "opened_at": None}, False, ""),
        ({}, False, "opened"),
        ({}, True, ""),
        ({"level": "IGNORE"}, False, ""),
        ({"sent_at": 100.0}, False, ""),
        ({"sent_at": 40.0}, False, "repeated"),
        ({"sent_at": 40.0}, True, ""),
        ({"state": AlertState.RECOVERED}, False, ""),
        ({"state": AlertState.RECOVERED, "sent_at": None, "sent_count": 1}, False, "recovered"),
        ({"state": AlertState.RECOVERED, "sent_at": None, "sent_count": 1}, True, "recovered"),
    ],
)
def test_when_people_are_told(changes, silent, event):
    assert due_event(replace(OPEN, **changes), 1.0, 100.0, silent=silent) == event


def test_no_repetition_when_none_is_asked_for():
    assert due_event(replace(OPEN, sent_at=0.0), 0.0, 1e9, silent=False) == ""


@pytest.mark.parametrize(
    ("members", "covers"),
    [
        ({}, True),
        ({"project_id": "np_1"}, True),
        ({"project_id": "np_2"}, False),
        ({"rule": "latency"}, True),
        ({"rule": "differences"}, False),
        ({"label_id": "l_1"}, True),
        ({"label_id": "l_2"}, False),
        ({"project_id": "np_1", "rule": "differences"}, False),
    ],
)
def test_what_a_silence_covers(members, covers):
    silence = SilenceRow(id="as_1", created_at=0, ends_at=1, **members)
    assert silenced(replace(OPEN, project_id="np_1"), ("l_1",), [silence]) is covers


def test_thresholds_are_by_level():
    assert [ByLevel(1, 2, 3).of(level) for level in Importance] == [1, 2, 3, None]

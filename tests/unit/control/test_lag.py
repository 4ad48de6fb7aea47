"""Why a project is behind: the verdict from what tasks report."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ferryman.control.lag import explain
from ferryman.control.views import ErrorView, ProjectView, StepView
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StepName, StepProgress, StepStatus

NOW = 10_000.0
THEN = datetime(2026, 1, 1, tzinfo=UTC)
SLOW = {"operation": "delete", "table": "shop.item", "key": ["id"], "rows": 500, "seconds": 42.0, "running": True}


def project(apply_info=None, *, behind=100.0, captured=NOW, capture_info=None, status=ProjectStatus.RUNNING, **more):
    end = Endpoint(scheme="mysql")
    steps = (
        StepView(
            order=3,
            name=StepName.CAPTURE,
            status=StepStatus.RUNNING,
            progress=StepProgress(checkpoint_seconds=int(captured), info=capture_info or {}),
        ),
        StepView(
            order=6,
            name=StepName.APPLY,
            status=StepStatus.MONITORING,
            progress=StepProgress(latency_seconds=behind, checkpoint_seconds=int(NOW - behind), info=apply_info or {}),
            **more,
        ),
    )
    spec = ProjectSpec(name="p", source=end, target=end)
    return ProjectView(id="np_1", spec=spec, status=status, steps=steps, created_at=THEN, changed_at=THEN)


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("caught-up", project(behind=0.5)),
        ("statement", project({"statement": SLOW})),
        ("lease", project({"statement": SLOW | {"operation": "lease", "table": "_ferryman"}})),
        ("source", project(captured=NOW - 90, capture_info={"stages": {"source": 29.0, "all": 30.0}})),
        ("log-store", project(captured=NOW - 90, capture_info={"stages": {"storing": 29.0, "all": 30.0}})),
        ("target", project({"stages": {"lanes": 20.0, "decoding": 5.0, "all": 30.0}})),
        ("decoding", project({"stages": {"lanes": 5.0, "decoding": 20.0, "all": 30.0}})),
        ("speed-limit", project({"stages": {"held": 20.0, "lanes": 9.0, "all": 30.0}})),
        ("restarting", project({"stages": {"lanes": 20.0, "all": 30.0}}, restarts=5)),
        ("paused", project(status=ProjectStatus.SUSPEND)),
        ("not-following", project(status=ProjectStatus.FINISHED)),
        (
            "hot-rows",
            project(
                {
                    "stages": {"writing": 25.0, "all": 30.0},
                    "hot_rows": {"table": "shop.counter", "key": ["id"], "changes": 5000, "rows": 1},
                }
            ),
        ),
        (
            "transaction",
            project(
                {
                    "transaction": {
                        "position": "bin.1/4",
                        "rows": 10**6,
                        "bytes": 10**8,
                        "log_bytes_left": 10**9,
                        "seconds_left": 60.0,
                    }
                }
            ),
        ),
    ],
)
def test_the_bottleneck_is_named(reason, given):
    assert explain(given, NOW).reason == reason


def test_what_it_says_has_names_and_figures():
    lag = explain(project({"statement": SLOW}), NOW)
    assert "delete of 500 rows at shop.item by id" in lag.message
    assert "42 s" in lag.message
    assert (lag.latency_seconds, lag.capture_seconds, lag.apply_seconds) == (100.0, 0.0, 100.0)


def test_an_error_is_named():
    failed = project(status=ProjectStatus.FAILED)
    failed = replace(failed, error=ErrorView(code="x", message="the disk is full", failed_at=THEN))
    assert explain(failed, NOW).reason == "failed"
    assert "the disk is full" in explain(failed, NOW).message


def test_a_project_without_apply_is_not_behind():
    only_load = replace(project(), steps=())
    assert explain(only_load, NOW).reason == "not-following"

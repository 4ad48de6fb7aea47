"""The report, the exit code and the verdict of a run in each of its endings."""

from __future__ import annotations

import json

import pytest
from fake_service import FAILURE

from ferryman.api.native.creation import Wish, spec_of
from ferryman.cli import report
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import ProjectStatus, StepName, StepProgress, StepStatus, TableProgress
from ferryman.spi.url import parse_url


@pytest.fixture
def project(service):
    wish = Wish(name="shop", source=parse_url("mysql://u:geheim@a"), target=parse_url("oceanbase://r:geheim@b"))
    found = service.create_project(spec_of(wish))
    tables = (TableProgress(table="a.t", rows=7, state="done"), TableProgress(table="a.u", rows=2, state="done"))
    service.put_step(found.id, StepName.LOAD, status=StepStatus.FINISHED, tables=tables, seconds=1.23456)
    compared = (TableProgress(table="a.t", rows=8, mismatches=0, state="done"),)
    service.put_step(found.id, StepName.VERIFY, status=StepStatus.FINISHED, tables=compared)
    progress = StepProgress(latency_seconds=0.2, checkpoint_seconds=1700000000, rows=3, bytes=99)
    service.put_step(found.id, StepName.APPLY, status=StepStatus.FINISHED, progress=progress)
    return service.put(found.id, status=ProjectStatus.FINISHED)


def test_the_report_has_exactly_the_members_of_the_contract(project):
    made = report.report_of(project)
    assert list(made) == ["project", "status", "steps", "tables", "latency_seconds", "checkpoint", "errors"]
    assert set(made["steps"][0]) == {"name", "status", "seconds", "rows", "bytes"}
    assert next(s for s in made["steps"] if s["name"] == "load")["seconds"] == 1.235
    assert made["tables"] == [
        {"name": "a.t", "rows": 8, "mismatches": 0},
        {"name": "a.u", "rows": 2, "mismatches": None},
    ]
    assert (made["latency_seconds"], made["checkpoint"], made["errors"]) == (0.2, 1700000000, [])
    assert "geheim" not in json.dumps(made)


def test_exit_codes(service, project):
    assert report.exit_code_of(project) == 0
    different = (TableProgress(table="a.t", rows=8, mismatches=2, state="done"),)
    service.put_step(project.id, StepName.VERIFY, tables=different)
    assert report.exit_code_of(service.project(project.id)) == 4
    assert report.exit_code_of(service.put(project.id, status=ProjectStatus.FAILED, error=FAILURE)) == 3
    assert report.exit_code_of(service.put(project.id, status=ProjectStatus.SUSPEND)) == 1


def test_errors_of_steps_and_of_the_project(service, project):
    service.put_step(project.id, StepName.LOAD, status=StepStatus.FAILED, error=FAILURE)
    errors = report.errors_of(service.put(project.id, error=FAILURE))
    assert [(error["step"], error["code"]) for error in errors] == [("load", "endpoint.unreachable")]


def test_a_run_that_never_began_reports_too(tmp_path):
    path = tmp_path / "new folder" / "r.json"
    report.write_report(path, report.failure_report("n", UsageError("usage.bad_url", "m")))
    made = json.loads(path.read_text())
    assert list(made) == ["project", "status", "steps", "tables", "latency_seconds", "checkpoint", "errors"]
    assert made["errors"][0]["code"] == "usage.bad_url"


def test_a_report_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FerrymanError) as caught:
        report.write_report(tmp_path / "file" / "r.json", {})
    assert caught.value.code == "report.not_written"

"""``/metrics``: names by Prometheus's conventions, values as they are, one group a name, whatever projects are called."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ferryman.metadb import projects, steps
from ferryman.metadb.projects import ProjectRow
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StepName, StepProgress, StepStatus

NASTY = 'a"b\\c\nd'


@pytest.fixture
def project(metadb):
    spec = ProjectSpec(name=NASTY, source=Endpoint(scheme="mysql"), target=Endpoint(scheme="oceanbase"))
    row = ProjectRow(id="np_metrics", spec=spec, status=ProjectStatus.RUNNING, created_at=1.0, changed_at=1.0)
    with metadb.writing() as tx:
        projects.insert(tx, metadb.box, row)
        for name in spec.steps:
            steps.insert(tx, row.id, name, enabled=True)
        steps.set_status(tx, row.id, StepName.APPLY, StepStatus.MONITORING, 1.0)
        said = StepProgress(percent=50, rows=7, rows_per_second=2.5, latency_seconds=0.25, info={"dead_letters": 2})
        steps.report(tx, row.id, StepName.APPLY, said, 1)
    yield row.id
    with metadb.writing() as tx:
        tx.execute("DELETE FROM step WHERE project_id = 'np_metrics'")
        tx.execute("DELETE FROM project WHERE id = 'np_metrics'")


def samples(client):
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a name in two groups"
    assert all(family.documentation for family in families if family.samples)
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


def test_figures_of_projects_and_steps(client, project, metadb):
    found = samples(client)
    assert found["ferryman_project_state", "RUNNING", NASTY] == 1
    assert found["ferryman_step_state", "MONITORING", NASTY, "apply"] == 1
    assert found["ferryman_step_rows_total", NASTY, "apply"] == 7
    assert found["ferryman_step_latency_seconds", NASTY, "apply"] == 0.25
    assert found["ferryman_step_progress_ratio", NASTY, "apply"] == 0.5
    assert found["ferryman_step_dead_letters", NASTY, "apply"] == 2
    assert ("ferryman_step_latency_seconds", NASTY, "load") not in found
    assert found[("process_resident_memory_bytes",)] > 0
    with metadb.writing() as tx:
        steps.report(tx, project, StepName.APPLY, StepProgress(rows=8), 1)
    assert samples(client)["ferryman_step_rows_total", NASTY, "apply"] == 8, "what was kept is renewed"


def test_figures_of_the_service(client):
    found = samples(client)
    names = {name for name, *_ in found}
    assert {"ferryman_build_info", "ferryman_tasks", "ferryman_data_dir_free_bytes"} <= names

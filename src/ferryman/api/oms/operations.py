"""The operations behind ``POST /api/v2?Action=…``, one function each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ferryman.api.oms import creation, endpoints, progress, requests, verification
from ferryman.api.oms.changing import CHANGING
from ferryman.api.oms.endpoint_types import schemes_of
from ferryman.api.oms.envelope import Answer
from ferryman.api.oms.monitoring import MONITORING
from ferryman.api.oms.object_records import OBJECT_RECORDS
from ferryman.api.oms.projects import project_document
from ferryman.api.oms.steps import step_documents
from ferryman.api.oms.surroundings import Body, Operation, Surroundings, identifier
from ferryman.api.oms.wire import fold, parse
from ferryman.control.service import Service
from ferryman.control.views import EndpointView, ProjectView
from ferryman.foundation.errors import FerrymanError, UsageError, cited
from ferryman.model.project import ProjectStatus, ProjectType

_CHANGING = frozenset({"RUNNING_MODIFYING", "RUNNING_MERGING", "RUNNING_ALARMING"})


def create_mysql_data_source(here: Surroundings, body: Body) -> Answer:
    """CreateMySqlDataSource."""
    return Answer(data=endpoints.create_mysql(here.service, parse(requests.CreateMySqlDataSource, body)))


def create_oceanbase_data_source(here: Surroundings, body: Body) -> Answer:
    """CreateOceanBaseDataSource."""
    return Answer(data=endpoints.create_oceanbase(here.service, parse(requests.CreateOceanBaseDataSource, body)))


def create_kafka_data_source(here: Surroundings, body: Body) -> Answer:
    """CreateKafkaDataSource."""
    return Answer(data=endpoints.create_kafka(here.service, parse(requests.CreateKafkaDataSource, body)))


def create_rocketmq_data_source(here: Surroundings, body: Body) -> Answer:
    """CreateRocketMqDataSource."""
    return Answer(data=endpoints.create_rocketmq(here.service, parse(requests.CreateRocketMqDataSource, body)))


def create_postgresql_data_source(here: Surroundings, body: Body) -> Answer:
    """CreatePostgreSqlDataSource."""
    return Answer(data=endpoints.create_postgresql(here.service, parse(requests.CreateMySqlDataSource, body)))


def create_tidb_data_source(here: Surroundings, body: Body) -> Answer:
    """CreateTiDbDataSource."""
    return Answer(data=endpoints.create_tidb(here.service, parse(requests.CreateMySqlDataSource, body)))


def delete_data_source(here: Surroundings, body: Body) -> Answer:
    """DeleteDataSource."""
    here.service.delete_endpoint(identifier(body))
    return Answer()


def list_data_source(here: Surroundings, body: Body) -> Answer:
    """ListDataSource."""
    request = parse(requests.ListDataSource, body)
    page = here.service.endpoints(
        search=(request.search_key or "").strip(),
        schemes=schemes_of(request.types or ()),
        sort=request.sort,
        descending=request.descending,
        page=request.number,
        size=request.size,
    )
    shown = [endpoints.data_source_document(view, here.owner) for view in page.items]
    return Answer(data=shown, page_number=page.number, page_size=page.size, total=page.total)


def create_project(here: Surroundings, body: Body) -> Answer:
    """CreateProject."""
    spec = creation.asked_spec(here.service, here.labels, body)
    return Answer(data=here.service.create_project(spec).id)


def start_project(here: Surroundings, body: Body) -> Answer:
    """StartProject."""
    here.service.start_project(identifier(body))
    return Answer()


def stop_project(here: Surroundings, body: Body) -> Answer:
    """StopProject."""
    here.service.stop_project(identifier(body))
    return Answer()


def resume_project(here: Surroundings, body: Body) -> Answer:
    """ResumeProject."""
    here.service.resume_project(identifier(body))
    return Answer()


def release_project(here: Surroundings, body: Body) -> Answer:
    """ReleaseProject."""
    here.service.release_project(identifier(body))
    return Answer()


def delete_project(here: Surroundings, body: Body) -> Answer:
    """DeleteProject."""
    here.service.delete_project(identifier(body))
    return Answer()


def list_projects(here: Surroundings, body: Body) -> Answer:
    """ListProjects."""
    request = parse(requests.ListProjects, body)
    statuses = _statuses(request.status or ())
    if request.status and not statuses:
        return Answer(data=[], page_number=request.number, page_size=request.size, total=0)
    page = here.service.projects(
        search=(request.search_key or "").strip(),
        type_=ProjectType(request.type) if request.type else None,
        statuses=statuses,
        labels=request.label_ids or (),
        source_schemes=schemes_of(request.source_endpoint_types or ()),
        target_schemes=schemes_of(request.sink_endpoint_types or ()),
        sub_projects=bool(request.visible_sub_project),
        sort=request.sort,
        descending=request.descending,
        page=request.number,
        size=request.size,
    )
    shown = [_document(here, project) for project in page.items]
    return Answer(data=shown, page_number=page.number, page_size=page.size, total=page.total)


def describe_project(here: Surroundings, body: Body) -> Answer:
    """DescribeProject: a list of one (contradiction 14)."""
    return Answer(data=[_document(here, here.service.project(identifier(body), tables=False))])


def describe_project_steps(here: Surroundings, body: Body) -> Answer:
    """DescribeProjectSteps."""
    return Answer(data=step_documents(here.service.project(identifier(body), tables=False)))


def describe_project_progress(here: Surroundings, body: Body) -> Answer:
    """DescribeProjectProgress."""
    return Answer(data=progress.project_progress(here.service.project(identifier(body), tables=False)))


def list_full_verify_result(here: Surroundings, body: Body) -> Answer:
    """ListProjectFullVerifyResult."""
    request = parse(requests.VerifyResult, body)
    tables = verification.statistics_of(here.service, here.service.project(request.project_id.strip()))
    different = sum(t["sourceOnlyCount"] + t["destOnlyCount"] + t["mismatchedCount"] for t in tables)
    filters = {
        "sourceSchemaName": request.source_schemas,
        "destSchemaName": request.dest_schemas,
        "status": request.status,
    }
    chosen = [t for t in tables if all(not wanted or t[name] in wanted for name, wanted in filters.items())]
    shown = chosen[(request.number - 1) * request.size :][: request.size]
    data = {"differentNumber": different, "fullVerifyTableStatistics": shown}
    return Answer(data=data, page_number=request.number, page_size=request.size, total=len(chosen))


def list_inconsistencies(here: Surroundings, body: Body) -> Answer:
    """ListFullVerifyInconsistenciesResult."""
    request = parse(requests.TableRows, body)
    page = _mismatch_page(here, request)
    shown = [verification.inconsistency_document(mismatch) for mismatch in page.items]
    return Answer(data=shown, page_number=page.number, page_size=page.size, total=page.total)


def list_corrections(here: Surroundings, body: Body) -> Answer:
    """ListFullVerifyCorrectionsResult."""
    request = parse(requests.TableRows, body)
    page = _mismatch_page(here, request)
    shown = [mismatch.correction for mismatch in page.items if mismatch.correction]
    return Answer(data=shown, page_number=page.number, page_size=page.size, total=page.total)


def create_label(here: Surroundings, body: Body) -> Answer:
    """CreateLabel."""
    return Answer(data=here.labels.create(parse(requests.CreateLabel, body).name))


def list_all_labels(here: Surroundings, _body: Body) -> Answer:
    """ListAllLabels."""
    return Answer(data=[{"id": key, "name": name} for key, name in here.labels.all().items()])


def start_projects_by_label(here: Surroundings, body: Body) -> Answer:
    """StartProjectsByLabel: every project with the label that was never started."""
    return _by_label(here, body, ProjectStatus.INIT, here.service.start_project)


def stop_projects_by_label(here: Surroundings, body: Body) -> Answer:
    """StopProjectsByLabel: every running project with the label."""
    return _by_label(here, body, ProjectStatus.RUNNING, here.service.stop_project)


def _by_label(here: Surroundings, body: Body, status: ProjectStatus, act: Callable[[str], None]) -> Answer:
    labels = here.labels.known([identifier(body)])
    succeeded: list[str] = []
    failed: list[str] = []
    for project_id in _ids_with(here.service, labels, status):
        try:
            act(project_id)
        except FerrymanError:  # told in the answer: the batch goes on with the others
            failed.append(project_id)
        else:
            succeeded.append(project_id)
    total = len(succeeded) + len(failed)
    return Answer(data={"total": total, "succeedProjectIds": succeeded, "failedProjectIds": failed})


def _ids_with(service: Service, labels: tuple[str, ...], status: ProjectStatus) -> list[str]:
    """Collect the ids first: acting on a project takes it out of the listing that is being paged."""
    ids: list[str] = []
    number = 1
    while True:
        page = service.projects(
            labels=labels, statuses=[status], sort="created", descending=False, page=number, size=100
        )
        ids += [project.id for project in page.items]
        if not page.items or len(ids) >= page.total:
            return ids
        number += 1


def _mismatch_page(here: Surroundings, request: requests.TableRows) -> Any:
    project = here.service.project(request.project_id.strip(), tables=False)
    table = f"{request.schema_}.{request.table}"
    return here.service.mismatches(project.id, table, page=request.number, size=request.size)


def _document(here: Surroundings, project: ProjectView) -> dict[str, Any]:
    ids = {project.spec.source_endpoint_id, project.spec.target_endpoint_id} - {""}
    views: dict[str, EndpointView] = {}
    for endpoint_id in ids:
        try:
            views[endpoint_id] = here.service.endpoint(endpoint_id)
        except FerrymanError as error:  # an endpoint may go while its project stays
            if error.code != "endpoint.unknown":
                raise
    return project_document(project, here.labels.all(), views, project.owner or here.owner)


def _statuses(names: Sequence[str]) -> list[ProjectStatus]:
    """Read a status filter; our projects are never in one of the statuses of a change of objects."""
    known = ProjectStatus.__members__
    if unknown := [name for name in names if name not in known and name not in _CHANGING]:
        message = f"parameter status: {unknown[0][:32]!r} is none of {', '.join(known)}"
        raise UsageError("api.wrong_parameter", message)
    return [known[name] for name in dict.fromkeys(names) if name in known]


OPERATIONS: dict[str, Operation] = {
    "CreateMySqlDataSource": create_mysql_data_source,
    "CreateOceanBaseDataSource": create_oceanbase_data_source,
    "CreateKafkaDataSource": create_kafka_data_source,
    "CreateRocketMqDataSource": create_rocketmq_data_source,
    "CreatePostgreSqlDataSource": create_postgresql_data_source,
    "CreateTiDbDataSource": create_tidb_data_source,
    "DeleteDataSource": delete_data_source,
    "ListDataSource": list_data_source,
    "CreateProject": create_project,
    "StartProject": start_project,
    "StopProject": stop_project,
    "ResumeProject": resume_project,
    "ReleaseProject": release_project,
    "DeleteProject": delete_project,
    "ListProjects": list_projects,
    "DescribeProject": describe_project,
    "DescribeProjectSteps": describe_project_steps,
    "DescribeProjectProgress": describe_project_progress,
    "ListProjectFullVerifyResult": list_full_verify_result,
    "ListFullVerifyInconsistenciesResult": list_inconsistencies,
    "ListFullVerifyCorrectionsResult": list_corrections,
    "CreateLabel": create_label,
    "ListAllLabels": list_all_labels,
    "StartProjectsByLabel": start_projects_by_label,
    "StopProjectsByLabel": stop_projects_by_label,
    **MONITORING,
    **OBJECT_RECORDS,
    **CHANGING,
}
"""By documented name; `operation` compares without case."""

ALIASES = {
    "CreateOmsMysqlDataSource": "CreateMySqlDataSource",
    "CreateRdsPostgreSQLDataSource": "CreatePostgreSqlDataSource",
}
"""Names that other editions have for the same."""

_BY_FOLDED_NAME = {fold(name): operation for name, operation in OPERATIONS.items()} | {
    fold(alias): OPERATIONS[name] for alias, name in ALIASES.items()
}


def operation(action: str) -> Operation:
    """Return an operation; ``api.unknown_action``."""
    found = _BY_FOLDED_NAME.get(fold(action))
    if found is None:
        if not action.strip():
            raise UsageError("api.unknown_action", "parameter Action is missing: it stands in the query, ?Action=…")
        raise UsageError("api.unknown_action", f"there is no operation {cited(action.strip())}")
    return found

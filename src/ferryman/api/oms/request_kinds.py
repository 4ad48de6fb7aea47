"""Which request each operation takes: for the description of the API."""

from __future__ import annotations

from typing import Any

from ferryman.api.oms import requests
from ferryman.api.oms.wire import Document

_IDENTIFIED = (
    "DeleteDataSource StartProject StopProject ResumeProject ReleaseProject DeleteProject DescribeProject"
    " DescribeProjectSteps DescribeProjectProgress DescribeProjectComponents StartProjectsByLabel StopProjectsByLabel"
    " GetPreCheckResult AdvanceProject"
)

REQUEST_KINDS: dict[str, type[Document]] = {
    **dict.fromkeys(_IDENTIFIED.split(), requests.Identifier),
    "CreateMySqlDataSource": requests.CreateMySqlDataSource,
    "CreateOceanBaseDataSource": requests.CreateOceanBaseDataSource,
    "CreateKafkaDataSource": requests.CreateKafkaDataSource,
    "CreateRocketMqDataSource": requests.CreateRocketMqDataSource,
    "CreatePostgreSqlDataSource": requests.CreateMySqlDataSource,
    "CreateTiDbDataSource": requests.CreateMySqlDataSource,
    "ListDataSource": requests.ListDataSource,
    "CreateProject": requests.CreateProject,
    "ListProjects": requests.ListProjects,
    "ListProjectFullVerifyResult": requests.VerifyResult,
    "ListFullVerifyInconsistenciesResult": requests.TableRows,
    "ListFullVerifyCorrectionsResult": requests.TableRows,
    "CreateLabel": requests.CreateLabel,
    "ListAllLabels": Document,
    "DescribeProjectStepMetric": requests.Metric,
    "UpdateStore": requests.ComponentUpdate,
    "UpdateFullImport": requests.ComponentUpdate,
    "UpdateIncrSync": requests.ComponentUpdate,
    "UpdateFullVerification": requests.ComponentUpdate,
    "UpdateProjectConfig": requests.ProjectConfig,
    "SubmitPreCheck": requests.PreCheck,
    "ResetIncrStartTimestamp": requests.StartTimestamp,
    "CreateProjectModifyRecords": requests.ModifyRecord,
    "ListProjectModifyRecords": requests.Identifier,
    "CancelProjectModifyRecord": requests.Identifier,
    "RetryProjectModifyRecords": requests.Identifier,
    "StopProjectModifyRecords": requests.Identifier,
}
"""By documented name of the operation."""


def request_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of each operation's request, and the definitions they share, under ``components/schemas``.

    Names are those of the documents; what is taken beyond them (case of keys, digits as strings) is told in prose.
    """
    definitions: dict[str, Any] = {}
    by_action: dict[str, Any] = {}
    for action, kind in REQUEST_KINDS.items():
        schema = kind.model_json_schema(mode="serialization", ref_template="#/components/schemas/Oms{model}")
        definitions |= {f"Oms{name}": nested for name, nested in schema.pop("$defs", {}).items()}
        definitions[f"Oms{kind.__name__}"] = schema
        by_action[action] = {"$ref": f"#/components/schemas/Oms{kind.__name__}"}
    return by_action, definitions

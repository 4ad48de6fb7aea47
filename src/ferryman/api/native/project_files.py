"""A project as a file: all that a person decides about it, and nothing that happens to it.

Members that are left out have their defaults, so that the same file always means the same project.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from ferryman.api.native.creation import STEPS_OF_TYPE
from ferryman.api.native.documents import ColumnRulesDocument, Kind, Model
from ferryman.model.project import (
    LEAST_LOG_BYTES,
    START_LENGTH,
    ApplyOptions,
    ConflictPolicy,
    Endpoint,
    LoadOptions,
    PartitionRule,
    ProjectSpec,
    ProjectType,
    PublishOptions,
    Subjects,
    VerifyOptions,
)
from ferryman.model.serial import to_json
from ferryman.spi.url import format_url

RATE_LIMIT = 2**53
_LOAD, _APPLY, _VERIFY, _PUBLISH = LoadOptions(), ApplyOptions(), VerifyOptions(), PublishOptions()


class LoadSettings(Model):
    """How existing rows are copied."""

    mode: Literal["steady", "normal", "fast"] = Field(
        default="normal", description="How much of source and target it may take."
    )
    streams: int = Field(default=_LOAD.streams, ge=0, le=256, description="Parallel streams; 0: they adapt.")
    batch_rows: int = Field(default=_LOAD.batch_rows, ge=0, le=1_000_000, description="Rows a write; 0: they adapt.")
    source_running: int = Field(
        default=_LOAD.source_running,
        ge=0,
        le=100_000,
        description="From so many statements of others running at the source on it steps back; 0: by the mode.",
    )
    chunk_rows: int = Field(default=_LOAD.chunk_rows, ge=1, le=100_000_000)
    allow_target_not_empty: bool = _LOAD.allow_target_not_empty
    defer_index_creation: bool | None = _LOAD.defer_index_creation
    rows_per_second: int = Field(default=0, ge=0, le=RATE_LIMIT, description="0: no limit.")
    bytes_per_second: int = Field(default=0, ge=0, le=RATE_LIMIT, description="0: no limit.")


class ApplySettings(Model):
    """How changes are applied."""

    lanes: int = Field(default=_APPLY.lanes, ge=1, le=32, description="Connections to the target.")
    window_changes: int = Field(default=_APPLY.window_changes, ge=1, le=1_000_000)
    atomic: bool = Field(default=_APPLY.atomic, description="Readers see each source transaction whole, or not at all.")
    start_timestamp: int = Field(
        default=0, ge=0, le=RATE_LIMIT, description="Begin at this Unix second, without a load."
    )
    start_position: str = Field(
        default="",
        max_length=START_LENGTH,
        description="Begin at this place in the source's log, without a load: FILE:OFFSET, or GTIDs.",
    )
    log_kept_hours: int = Field(
        default=_APPLY.log_kept_hours, ge=0, le=87_600, description="So long the log store keeps what is applied."
    )
    log_kept_bytes: int = Field(
        default=_APPLY.log_kept_bytes,
        ge=LEAST_LOG_BYTES,
        le=RATE_LIMIT,
        description="Above this size it lets go what is applied, however young; what is not applied yet it never does.",
    )
    caught_up_seconds: float = Field(default=_APPLY.caught_up_seconds, ge=0, le=86_400)
    statistics: bool = _APPLY.statistics
    rows_per_second: int = Field(default=0, ge=0, le=RATE_LIMIT, description="0: no limit.")
    bytes_per_second: int = Field(default=0, ge=0, le=RATE_LIMIT, description="0: no limit.")
    conflicts: ConflictPolicy = Field(default=_APPLY.conflicts, description="Changes that the target refuses.")
    conflicts_of: dict[str, ConflictPolicy] = Field(default={}, description="Source table: another policy for it.")


class VerifySettings(Model):
    """How tables are compared."""

    streams: int = Field(default=_VERIFY.streams, ge=0, le=256, description="Parallel streams; 0 chooses.")
    chunk_rows: int = Field(default=_VERIFY.chunk_rows, ge=1, le=100_000_000)
    recheck_seconds: float = Field(default=_VERIFY.recheck_seconds, ge=0, le=86_400)
    mismatch_limit: int = Field(default=_VERIFY.mismatch_limit, ge=1, le=1_000_000)


class PublishSettings(Model):
    """How changes become messages; only where the target takes messages."""

    format: str = Field(default=_PUBLISH.format, max_length=64)
    with_schema: bool = _PUBLISH.with_schema
    rule: PartitionRule = _PUBLISH.rule
    partition: int = Field(default=_PUBLISH.partition, ge=0, le=100_000)
    topic: str = Field(default=_PUBLISH.topic, min_length=1, max_length=512)
    partitions: int = Field(default=_PUBLISH.partitions, ge=1, le=100_000)
    replication: int = Field(default=_PUBLISH.replication, ge=1, le=100)
    topic_options: dict[str, str] = Field(default={})
    exactly_once: bool = _PUBLISH.exactly_once
    heartbeat_seconds: float = Field(default=_PUBLISH.heartbeat_seconds, ge=0, le=86_400)
    transactions: bool = _PUBLISH.transactions
    key_columns: dict[str, list[str]] = Field(default={})
    business: str = ""
    producer_group: str = _PUBLISH.producer_group
    tags: str = ""
    message_trace: bool = _PUBLISH.message_trace
    subjects: Subjects = _PUBLISH.subjects
    register_schemas: bool = _PUBLISH.register_schemas
    times_as_text: bool = _PUBLISH.times_as_text
    send_timeout_ms: int = Field(default=_PUBLISH.send_timeout_ms, ge=1, le=3_600_000)


class ProjectFile(Model):
    """A project of ``ferryman apply``: what it is called is what it is known by."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^\S+$")
    source: str = Field(
        description="URL, or the id of an endpoint. `${NAME}` stands for a variable of the environment."
    )
    target: str = Field(
        description="URL, or the id of an endpoint. `${NAME}` stands for a variable of the environment."
    )
    objects: list[str] = Field(default=[], description="Patterns database.table of what moves.")
    exclude: list[str] = Field(default=[], description="Patterns of what stays; stronger.")
    rename: dict[str, str] = Field(default={}, description="database: database, or database.table: database.table")
    where: dict[str, str] = Field(default={}, description="Source table: SQL condition of the rows that move.")
    columns: dict[str, ColumnRulesDocument] = Field(default={}, description="Source table: rules for its columns.")
    hash_key: str = Field(default="", repr=False, description="Keys the hashes of columns; never exported.")
    types: list[Kind] = Field(default=["schema", "full", "incremental", "verify"])
    stop_when: Literal["caught-up", "never"] = "never"
    two_way: bool = Field(default=False, description="Another project moves changes the other way.")
    importance: Literal["HIGH", "MEDIUM", "LOW", "IGNORE"] = "MEDIUM"
    labels: list[str] = Field(default=[], description="Names of labels.")
    skip_prechecks: list[str] = Field(default=[])
    on_value: list[str] = Field(default=[], description="database.table.column:misfit=action, see docs/fidelity.md.")
    load: LoadSettings = LoadSettings()
    apply: ApplySettings = ApplySettings()
    verify: VerifySettings = VerifySettings()
    publish: PublishSettings | None = None


class SettingsChange(Model):
    """What to change of a living project; members left out stay as they are, within `load`, `apply` and `verify`, too."""

    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^\S+$")
    importance: Literal["HIGH", "MEDIUM", "LOW", "IGNORE"] | None = None
    labels: list[str] | None = Field(default=None, description="Ids of labels.")
    stop_when: Literal["caught-up", "never"] | None = None
    load: LoadSettings | None = None
    apply: ApplySettings | None = None
    verify: VerifySettings | None = None


def file_of(spec: ProjectSpec, label_names: Mapping[str, str]) -> ProjectFile:
    """Return the file of a project; passwords are left out, `label_names`: id → name."""
    publish = PublishSettings.model_validate(to_json(spec.publish)) if spec.type is ProjectType.SYNC else None
    return ProjectFile.model_validate(
        {
            "name": spec.name,
            "source": place_of(spec.source, spec.source_endpoint_id),
            "target": place_of(spec.target, spec.target_endpoint_id),
            "objects": list(spec.selection.objects),
            "exclude": list(spec.selection.exclude),
            "rename": spec.selection.rename,
            "where": spec.selection.where,
            "columns": to_json(spec.selection.columns),
            "types": types_of(spec),
            "stop_when": spec.stop_when.value,
            "two_way": spec.two_way,
            "importance": spec.importance.value,
            "labels": [label_names[key] for key in spec.labels if key in label_names],
            "skip_prechecks": list(spec.skip_prechecks),
            "on_value": [str(policy) for policy in spec.value_policies],
            "load": to_json(spec.load),
            "apply": to_json(spec.apply),
            "verify": to_json(spec.verify),
            "publish": publish,
        }
    )


def as_yaml(file: ProjectFile) -> str:
    """Write a file as people keep it: members in their order, defaults left out."""
    import yaml

    document: dict[str, Any] = file.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def place_of(endpoint: Endpoint, endpoint_id: str) -> str:
    """Return how a file names an end."""
    return endpoint_id or format_url(endpoint)


def types_of(spec: ProjectSpec) -> list[str]:
    """Return the types whose steps a project has."""
    return [name for name, steps in STEPS_OF_TYPE.items() if set(steps) <= set(spec.steps)]

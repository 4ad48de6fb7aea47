"""From CreateProject to a `ProjectSpec`."""

from __future__ import annotations

from ferryman.api.labels import Labels
from ferryman.api.oms.mapping import selection_of
from ferryman.api.oms.publishing import published
from ferryman.api.oms.requests import (
    CommonTransferConfig,
    CreateProject,
    FullTransferConfig,
    IncrTransferConfig,
    StructTransferConfig,
)
from ferryman.control.views import EndpointView
from ferryman.foundation.errors import UsageError
from ferryman.model.project import (
    ApplyOptions,
    LoadOptions,
    ProjectSpec,
    ProjectType,
    StepName,
    VerifyOptions,
)

STREAMS = {"STEADY": 2, "NORMAL": 4, "FAST": 8}
"""Parallel streams of load and verification by speed mode; a missing mode is NORMAL (contradiction 20)."""

OMS_CONCURRENCY = 64
"""OMS's default of ``incrSyncConcurrency``: clients send it without meaning it, so it stands for our default."""

MOST_LANES = 32

_DATA_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE"})


def spec_of(request: CreateProject, source: EndpointView, target: EndpointView, labels: Labels) -> ProjectSpec:
    """Turn a request into a project.

    Raises:
        UsageError: ``project.invalid``, ``api.not_supported``, ``label.unknown``.
    """
    _refuse_unsupported(request)
    place, publish = published(request, target.endpoint)
    return ProjectSpec(
        name=request.name,
        type=ProjectType(request.type),
        source=source.endpoint,
        target=place,
        source_endpoint_id=source.id,
        target_endpoint_id=target.id,
        selection=selection_of(request.transfer_mapping),
        steps=_steps(request),
        load=_load_options(request),
        apply=_apply_options(request),
        verify=VerifyOptions(
            streams=_streams((request.full_transfer_config or FullTransferConfig()).full_verify_speed_mode)
        ),
        publish=publish,
        labels=labels.known(request.label_ids or ()),
        api_document=request.to_json(),
    )


def _steps(request: CreateProject) -> tuple[StepName, ...]:
    enabled = {
        StepName.SCHEMA: request.enable_struct_transfer,
        StepName.CAPTURE: request.enable_incr_transfer,
        StepName.LOAD: request.enable_full_transfer,
        StepName.APPLY: request.enable_incr_transfer,
        StepName.VERIFY: request.enable_full_verify,
    }
    chosen = tuple(name for name in StepName if enabled.get(name))
    if not chosen:
        raise UsageError(
            "project.invalid",
            "no step is switched on",
            hint="set at least one of enableStructTransfer, enableFullTransfer, enableIncrTransfer, enableFullVerify",
        )
    return (StepName.PRECHECK, *chosen)


def _load_options(request: CreateProject) -> LoadOptions:
    full = request.full_transfer_config or FullTransferConfig()
    struct = request.struct_transfer_config or StructTransferConfig()
    return LoadOptions(
        streams=_streams(full.full_transfer_speed_mode),
        allow_target_not_empty=bool(full.allow_dest_table_not_empty),
        defer_index_creation=bool(struct.defer_index_creation and request.enable_struct_transfer),
    )


def _apply_options(request: CreateProject) -> ApplyOptions:
    incr = request.incr_transfer_config or IncrTransferConfig()
    only_changes = request.enable_incr_transfer and not request.enable_full_transfer
    defaults = ApplyOptions()
    return ApplyOptions(
        lanes=_lanes(incr.incr_sync_concurrency, defaults.lanes),
        # Sent along with full transfer it has no meaning: the log begins where the load does (contradiction 17).
        start_timestamp=(incr.start_timestamp or 0) if only_changes else 0,
        log_kept_hours=defaults.log_kept_hours if incr.store_log_kept_hour is None else incr.store_log_kept_hour,
        statistics=incr.enable_incr_sync_statistics is not False,
    )


def _streams(mode: str | None) -> int:
    return STREAMS[mode or "NORMAL"]


def _lanes(concurrency: int | None, default: int) -> int:
    return default if concurrency in {None, OMS_CONCURRENCY} else min(concurrency or default, MOST_LANES)


def _refuse_unsupported(request: CreateProject) -> None:
    """Refuse by name what this version cannot do; nothing asked for is left out in silence."""
    common = request.common_transfer_config or CommonTransferConfig()
    changes = set((request.incr_transfer_config or IncrTransferConfig()).record_type_white_list or ())
    if request.enable_reverse_incr_transfer:
        _refuse("enableReverseIncrTransfer", "switchover with changes flowing back to the source", "set it to false")
    if common.active_active:
        _refuse("commonTransferConfig.activeActive", "two-way replication", "set it to false")
    if common.table_category not in {None, "ALL"} and request.transfer_mapping.mode == "WILDCARD":
        _refuse(
            "commonTransferConfig.tableCategory", "choosing tables by their keys", "set it to ALL, or name the tables"
        )
    if request.enable_incr_transfer and changes and not ({"ROW"} & changes or changes >= _DATA_CHANGES):
        lacking = ", ".join(sorted(_DATA_CHANGES - changes))
        _refuse("incrTransferConfig.recordTypeWhiteList", f"leaving out {lacking}", "name INSERT, UPDATE and DELETE")


def _refuse(parameter: str, what: str, hint: str) -> None:
    raise UsageError("api.not_supported", f"{parameter}: {what} is not available in this version", hint=hint)

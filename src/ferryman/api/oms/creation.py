"""From CreateProject to a `ProjectSpec`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ferryman.api.labels import Labels
from ferryman.api.oms.mapping import selection_of
from ferryman.api.oms.publishing import published
from ferryman.api.oms.requests import (
    CommonTransferConfig,
    CreateProject,
    FullTransferConfig,
    IncrTransferConfig,
    ProjectConfig,
    StructTransferConfig,
)
from ferryman.api.oms.wire import parse
from ferryman.control.service import Service
from ferryman.control.views import EndpointView
from ferryman.foundation.errors import UsageError
from ferryman.model.project import (
    ApplyOptions,
    LoadOptions,
    ProjectSpec,
    ProjectType,
    SpeedMode,
    StepName,
    VerifyOptions,
)

STREAMS = {"STEADY": 2, "NORMAL": 4, "FAST": 8}
"""Parallel streams of verification by speed mode; a missing mode is NORMAL (contradiction 20)."""

MODES = {mode.name: mode for mode in SpeedMode}
"""How a load goes by speed mode: its streams and batches adapt within it."""

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
        two_way=bool((request.common_transfer_config or CommonTransferConfig()).active_active),
        labels=labels.known(request.label_ids or ()),
        api_document=request.to_json(),
    )


def asked_spec(service: Service, labels: Labels, body: dict[str, Any]) -> ProjectSpec:
    """Return the project that the body of a CreateProject asks for."""
    request = parse(CreateProject, body)
    source = service.endpoint(request.source_endpoint_id.strip())
    target = service.endpoint(request.sink_endpoint_id.strip())
    return spec_of(request, source, target, labels)


def reconfigured(spec: ProjectSpec, request: ProjectConfig) -> ProjectSpec:
    """Return a project with changed settings; what the request leaves out, and what it may not change, stays."""
    full, incr = request.full_transfer_config, request.incr_transfer_config
    if full is not None:
        spec = replace(spec, load=_load_again(spec.load, full), verify=_verify_again(spec.verify, full))
    if incr is not None:
        spec = replace(spec, apply=_apply_again(spec.apply, incr))
    given = {name: value for name, value in request.to_json().items() if isinstance(value, dict)}
    document = dict(spec.api_document)
    for name, config in given.items():
        said = {key: value for key, value in config.items() if value is not None}
        document[name] = {**(document.get(name) or {}), **said}
    return replace(spec, api_document=document)


def _load_again(load: LoadOptions, full: FullTransferConfig) -> LoadOptions:
    streams, mode = full.write_worker_num or full.read_worker_num, full.full_transfer_speed_mode
    kept = 0 if mode is not None else load.streams  # another mode counts where a number was chosen before
    return replace(
        load,
        mode=load.mode if mode is None else MODES[mode],
        streams=kept if streams is None else streams,
        rows_per_second=_given(full.throttle_rps, load.rows_per_second),
        bytes_per_second=_given(full.throttle_iops, load.bytes_per_second),
    )


def _verify_again(verify: VerifyOptions, full: FullTransferConfig) -> VerifyOptions:
    mode = full.full_verify_speed_mode
    return verify if mode is None else replace(verify, streams=STREAMS[mode])


def _apply_again(apply: ApplyOptions, incr: IncrTransferConfig) -> ApplyOptions:
    return replace(
        apply,
        lanes=apply.lanes if incr.incr_sync_concurrency is None else _lanes(incr.incr_sync_concurrency, apply.lanes),
        rows_per_second=_given(incr.throttle_rps, apply.rows_per_second),
        bytes_per_second=_given(incr.throttle_iops, apply.bytes_per_second),
        log_kept_hours=_given(incr.store_log_kept_hour, apply.log_kept_hours),
    )


def _given(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _steps(request: CreateProject) -> tuple[StepName, ...]:
    enabled = {
        StepName.SCHEMA: request.enable_struct_transfer,
        StepName.CAPTURE: request.enable_incr_transfer,
        StepName.LOAD: request.enable_full_transfer,
        StepName.APPLY: request.enable_incr_transfer,
        StepName.VERIFY: request.enable_full_verify,
        StepName.REVERSE: request.enable_reverse_incr_transfer,
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
        mode=MODES[full.full_transfer_speed_mode or "NORMAL"],
        streams=full.write_worker_num or full.read_worker_num or 0,
        rows_per_second=full.throttle_rps or 0,
        bytes_per_second=full.throttle_iops or 0,
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
        rows_per_second=incr.throttle_rps or 0,
        bytes_per_second=incr.throttle_iops or 0,
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
    if common.table_category not in {None, "ALL"} and request.transfer_mapping.mode == "WILDCARD":
        _refuse(
            "commonTransferConfig.tableCategory", "choosing tables by their keys", "set it to ALL, or name the tables"
        )
    if request.enable_incr_transfer and changes and not ({"ROW"} & changes or changes >= _DATA_CHANGES):
        lacking = ", ".join(sorted(_DATA_CHANGES - changes))
        _refuse("incrTransferConfig.recordTypeWhiteList", f"leaving out {lacking}", "name INSERT, UPDATE and DELETE")


def _refuse(parameter: str, what: str, hint: str) -> None:
    raise UsageError("api.not_supported", f"{parameter}: {what} is not available in this version", hint=hint)

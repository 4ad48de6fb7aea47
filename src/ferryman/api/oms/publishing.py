"""From ``commonTransferConfig`` and sharding columns to how a project publishes; a database as target has none of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ferryman.api.oms.mapping import selection_of
from ferryman.api.oms.requests import CommonTransferConfig, CreateProject
from ferryman.model.names import TableName
from ferryman.model.project import Endpoint, PartitionRule, PublishOptions
from ferryman.spi.connector import is_sink
from ferryman.spi.publishing import publish_options


def published(request: CreateProject, target: Endpoint) -> tuple[Endpoint, PublishOptions]:
    """Return the target without the options of publishing, and these as the request has them."""
    if not is_sink(target):
        return target, PublishOptions()
    place, options = publish_options(target)
    return place, replace(options, **_wanted(request.common_transfer_config), key_columns=_key_columns(request))


def _wanted(common: CommonTransferConfig | None) -> dict[str, Any]:
    """Return what is said; what is not keeps the endpoint's own, or the default."""
    if common is None:
        return {}
    said = {
        "format": common.mq_serializer_type,
        "rule": PartitionRule(common.mq_partition_mode) if common.mq_partition_mode else None,
        "partition": common.mq_partition,
        "business": common.data_works_business_name,
        "producer_group": common.rocket_mq_producer_group,
        "tags": common.rocket_mq_msg_tags,
        "message_trace": common.rocket_mq_enable_msg_trace,
        "send_timeout_ms": common.rocket_mq_send_msg_timeout,
    }
    return {name: value for name, value in said.items() if value is not None}


def _key_columns(request: CreateProject) -> dict[str, tuple[str, ...]]:
    """Return sharding columns by the published name of their table."""
    mapping = request.transfer_mapping
    selection = selection_of(mapping)
    found: dict[str, tuple[str, ...]] = {}
    for database in mapping.databases or ():
        for table in (*(database.tables or ()), *(database.specific_tables or ())):
            if table.shard_columns and database.name and table.name:
                name = selection.target_name(TableName(database.name, table.name))
                found[str(name)] = tuple(table.shard_columns)
    return found

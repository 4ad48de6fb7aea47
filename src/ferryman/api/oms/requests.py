"""The requests of the operations: documented members, liberal types (see `wire`)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ferryman.api.oms.wire import (
    Boolean,
    Document,
    Integer,
    Strings,
    Word,
    Words,
    fold,
    list_of,
    loose_int,
    no_blanks,
    one_of,
    word,
)

TABLE_CATEGORIES = ("ALL", "WITH_UNIQUE_ROW_ID", "WITHOUT_UNIQUE_ROW_ID")
SERIALIZERS = (
    "DEFAULT",
    "CANAL",
    "DATAWORKS_V2",
    "SHAREPLEX",
    "DEFAULT_WITH_SCHEMA",
    "DEBEZIUM",
    "DEBEZIUMFLATTEN",
    "DEBEZIUMSMT",
)
BYTE_CHAR_STRATEGIES = (
    "IGNORE_BYTE_IF_BYTE_USED",
    "FORCE_CHAR_IF_BYTE_USED",
    "EXPAND_LEN_IF_BYTE_USED",
    "DO_NOTHING_IF_BYTE_USED",
)
SpeedMode = Annotated[Word, one_of("STEADY", "NORMAL", "FAST")]


def _with_underscores(value: str | None) -> str | None:
    """Take the run-together spelling of the English pages (contradiction 19)."""
    return {"WITHUNIQUEROWID": TABLE_CATEGORIES[1], "WITHOUTUNIQUEROWID": TABLE_CATEGORIES[2]}.get(value or "", value)


class ColumnItem(Document):
    """A column of a table, as a client has read it from somewhere."""

    type: Word = None
    column_name: str | None = None
    mapped_name: str | None = None
    position: Integer = None
    column_type: str | None = None
    record_field_type: str | None = None
    raw_column_type: str | None = None
    column_key: str | None = None
    nullable: Boolean = None
    default_value: str | None = None
    data_length: Integer = None
    data_precision: Integer = None
    data_scale: Integer = None
    encoding: str | None = None
    column_comment: str | None = None
    is_generate_field: Boolean = None


class TableItem(Document):
    """A table or a view of a mapping."""

    name: str | None = None
    mapped_name: str | None = None
    id: str | None = None
    where_clause: str | None = None
    filter_columns: Strings = None
    shard_columns: Strings = None
    columns: list[ColumnItem] | None = None


Tables = Annotated[list[TableItem] | None, BeforeValidator(list_of)]


class DatabaseItem(Document):
    """A database of a mapping."""

    cluster_name: str | None = None
    tenant_name: str | None = None
    name: str | None = None
    mapped_name: str | None = None
    id: str | None = None
    tables: Tables = None
    views: Tables = None
    specific_tables: Tables = None
    specific_views: Tables = None


Databases = Annotated[list[DatabaseItem] | None, BeforeValidator(list_of)]


class TransferMapping(Document):
    """What moves."""

    mode: Annotated[Word, one_of("SPECIFIC", "WILDCARD")] = None
    databases: Databases = None
    databases_black: Databases = None
    table_and_view_white_list: Strings = None
    table_and_view_black_list: Strings = None


class CommonTransferConfig(Document):
    """Settings of all steps."""

    table_category: Annotated[Word, AfterValidator(_with_underscores), one_of(*TABLE_CATEGORIES)] = None
    active_active: Boolean = None
    mq_serializer_type: Annotated[Word, one_of(*SERIALIZERS)] = None
    mq_partition_mode: Annotated[Word, one_of("ONE", "HASH", "TABLE")] = None
    mq_partition: Integer = None
    datahub_topic_type: Annotated[Word, one_of("TUPLE", "BLOB")] = None
    rocket_mq_producer_group: str | None = None
    rocket_mq_msg_tags: str | None = None
    rocket_mq_enable_msg_trace: Boolean = None
    rocket_mq_send_msg_timeout: Integer = None
    data_works_business_name: str | None = None


class StructTransferConfig(Document):
    """Settings of the schema step."""

    byte_char_convert_strategy: Annotated[Word, one_of(*BYTE_CHAR_STRATEGIES)] = None
    defer_index_creation: Boolean = None


class FullTransferConfig(Document):
    """Settings of load and verification; the throttles are 0 (no limit), or most rows and bytes a second."""

    throttle_rps: Integer = Field(default=None, ge=0, serialization_alias="throttleRps")
    throttle_iops: Integer = Field(default=None, ge=0, serialization_alias="throttleIOPS")
    read_worker_num: Integer = Field(default=None, ge=1, le=256)
    write_worker_num: Integer = Field(default=None, ge=1, le=256)

    none_pk_uk_truncate_dst_table: Boolean = None
    allow_dest_table_not_empty: Boolean = None
    full_transfer_speed_mode: SpeedMode = None
    full_verify_speed_mode: SpeedMode = None


class IncrTransferConfig(Document):
    """Settings of capture and apply; the throttles as in `FullTransferConfig`."""

    throttle_rps: Integer = Field(default=None, ge=0, serialization_alias="throttleRps")
    throttle_iops: Integer = Field(default=None, ge=0, serialization_alias="throttleIOPS")

    start_timestamp: Integer = None
    record_type_white_list: Words = None
    store_log_kept_hour: Integer = Field(default=None, ge=0, le=8760)
    enable_sequencing_within_txn: Boolean = None
    incr_sync_concurrency: Integer = Field(default=None, ge=1)
    enable_incr_sync_statistics: Boolean = None


class CreateProject(Document):
    """CreateProject."""

    name: Annotated[str, AfterValidator(no_blanks)] = Field(min_length=1, max_length=64)
    type: Annotated[str, BeforeValidator(word), one_of("MIGRATION", "SYNC")]
    label_ids: Strings = Field(default=None, max_length=5)
    source_endpoint_id: str
    sink_endpoint_id: str
    transfer_mapping: TransferMapping
    common_transfer_config: CommonTransferConfig | None = None
    enable_struct_transfer: Boolean = None
    struct_transfer_config: StructTransferConfig | None = None
    enable_full_transfer: Boolean = None
    enable_full_verify: Boolean = None
    full_transfer_config: FullTransferConfig | None = None
    enable_incr_transfer: Boolean = None
    enable_reverse_incr_transfer: Boolean = None
    incr_transfer_config: IncrTransferConfig | None = None


class ModifyRecord(Document):
    """CreateProjectModifyRecords; without a type, objects are added."""

    id: str = Field(min_length=1)
    type: Annotated[Word, one_of("INCREASE_OBJECT", "DECREASE_OBJECT")] = None
    databases: Databases


class Identifier(Document):
    """The operations that take just an id."""

    id: str = Field(min_length=1)


class Paging(Document):
    """Where in a listing: pages count from 1."""

    page_number: Integer = None
    page_size: Integer = None

    @property
    def number(self) -> int:
        """The page asked for."""
        return min(10**9, max(1, self.page_number or 1))

    @property
    def size(self) -> int:
        """Entries of a page, 150 at most."""
        return min(150, max(1, self.page_size or 10))


class Listing(Paging):
    """What the listings share; `order` is ``asc`` or ``descend``, a number means the default."""

    search_key: str | None = None
    sort_field: str | None = None
    order: str | int | None = None

    @property
    def sort(self) -> str:
        """The service's name of the sort field."""
        return "changed" if fold(self.sort_field or "") == "gmtmodified" else "created"

    @property
    def descending(self) -> bool:
        """Whether the youngest comes first."""
        return not (isinstance(self.order, str) and self.order.strip().lower() in {"asc", "ascend"})


class ListProjects(Listing):
    """ListProjects."""

    type: Annotated[Word, one_of("MIGRATION", "SYNC")] = None
    status: Words = None
    label_ids: Strings = None
    source_endpoint_types: Words = None
    sink_endpoint_types: Words = None
    visible_sub_project: Boolean = None


class ListDataSource(Listing):
    """ListDataSource."""

    types: Words = None


class VerifyResult(Paging):
    """ListProjectFullVerifyResult."""

    project_id: str
    source_schemas: Strings = None
    dest_schemas: Strings = None
    status: Words = None


class TableRows(Paging):
    """The differing rows of a table, or their corrections."""

    project_id: str
    schema_: str = Field(validation_alias="schema")
    table: str


class NamedDataSource(Document):
    """What all kinds of data source have."""

    name: str = Field(min_length=1, max_length=128)
    region: str | None = None
    description: str | None = Field(default=None, max_length=128)


class CreateQueueDataSource(NamedDataSource):
    """A message queue: brokers as ``host:port,host:port``."""

    endpoint: str = Field(min_length=1)
    username: str | None = None
    password: str | None = None


class CreateKafkaDataSource(CreateQueueDataSource):
    """CreateKafkaDataSource."""

    enable_ssl: Boolean = None
    enable_sasl: Boolean = None
    sasl_mechanism: Annotated[
        Word, one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM_SHA_256", "SCRAM_SHA_512")
    ] = None
    disable_identification_algorithm: Boolean = None


class CreateRocketMqDataSource(CreateQueueDataSource):
    """CreateRocketMqDataSource."""


class CreateDataSource(NamedDataSource):
    """What databases have."""

    ip: str = Field(min_length=1)
    port: Annotated[int, BeforeValidator(loose_int)] = Field(ge=1, le=65535)
    schema_: str | None = Field(default=None, validation_alias="schema", serialization_alias="schema")
    username: str = ""
    password: str


class CreateMySqlDataSource(CreateDataSource):
    """CreateMySqlDataSource."""

    name: Annotated[str, AfterValidator(no_blanks)] = Field(min_length=1, max_length=32)
    username: str = Field(min_length=1)
    try_keep_hb: Boolean = None


class CreateOceanBaseDataSource(CreateDataSource):
    """CreateOceanBaseDataSource."""

    username: str = Field(min_length=1)
    tenant: str | None = None
    cluster: str | None = None
    ocp_name: str | None = None
    config_url: str | None = None
    drc_user_name: str | None = None
    drc_password: str | None = None
    inner_drc_password: str | None = None


class CreateLabel(Document):
    """CreateLabel."""

    name: Annotated[str, AfterValidator(no_blanks)] = Field(min_length=1, max_length=20)


class Metric(Document):
    """DescribeProjectStepMetric."""

    project_id: str = Field(min_length=1)
    step_name: Annotated[str, BeforeValidator(word)]
    metric_type: Annotated[str, BeforeValidator(word)]
    aggregator: Annotated[Word, one_of("NONE", "AVG")] = None
    begin_timestamp: Annotated[int, BeforeValidator(loose_int)] = Field(ge=0, le=2**53)
    end_timestamp: Annotated[int, BeforeValidator(loose_int)] = Field(ge=0, le=2**53)
    max_point_num: Integer = Field(default=None, ge=1)


class ComponentUpdate(Document):
    """UpdateStore, UpdateFullImport, UpdateIncrSync, UpdateFullVerification."""

    dimension: Annotated[str, BeforeValidator(word), one_of("NAME", "TASK_NAME", "IP")]
    key: str = Field(min_length=1)
    cm_region: str = Field(min_length=1)
    config: dict[str, Any]
    allow_delete: Boolean = None


class ProjectConfig(Document):
    """UpdateProjectConfig: members that are left out stay as they are."""

    id: str = Field(min_length=1)
    common_transfer_config: CommonTransferConfig | None = None
    full_transfer_config: FullTransferConfig | None = None
    incr_transfer_config: IncrTransferConfig | None = None
    reverse_incr_transfer_config: dict[str, Any] | None = None


class StartTimestamp(Document):
    """ResetIncrStartTimestamp."""

    id: str = Field(min_length=1)
    reverse: Boolean = None
    start_timestamp: Annotated[int, BeforeValidator(loose_int)] = Field(ge=0, le=2**53)


class PreCheck(Document):
    """SubmitPreCheck of a project that is there; without `projectId` it is a CreateProject."""

    project_id: str | None = None
    sub_project: Boolean = None

"""Projects, steps and tasks: what they are, their states, and the allowed transitions as tables."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from ferryman.model.policies import ValuePolicy
from ferryman.model.selection import Selection


class ProjectType(enum.Enum):
    """Migration: database to database. Synchronization: database to message queue."""

    MIGRATION = "MIGRATION"
    SYNC = "SYNC"


class ProjectStatus(enum.Enum):
    """Where a project stands in its life (OMS names)."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    SUSPEND = "SUSPEND"
    FAILED = "FAILED"
    FINISHED = "FINISHED"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    DELETED = "DELETED"


PROJECT_TRANSITIONS: dict[ProjectStatus, frozenset[ProjectStatus]] = {
    ProjectStatus.INIT: frozenset({ProjectStatus.RUNNING, ProjectStatus.DELETED}),
    ProjectStatus.RUNNING: frozenset({ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.FINISHED}),
    ProjectStatus.SUSPEND: frozenset({ProjectStatus.RUNNING, ProjectStatus.RELEASING}),
    ProjectStatus.FAILED: frozenset({ProjectStatus.RUNNING, ProjectStatus.RELEASING}),
    ProjectStatus.FINISHED: frozenset({ProjectStatus.RELEASING, ProjectStatus.SUSPEND}),  # SUSPEND: to be run again
    ProjectStatus.RELEASING: frozenset({ProjectStatus.RELEASED}),
    ProjectStatus.RELEASED: frozenset({ProjectStatus.DELETED}),
    ProjectStatus.DELETED: frozenset(),
}


class Importance(enum.Enum):
    """Alert level of a project."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    IGNORE = "IGNORE"


class StepName(enum.Enum):
    """The steps, in running order (our names; `api` maps them to OMS names)."""

    PRECHECK = "precheck"
    SCHEMA = "schema"
    CAPTURE = "capture"
    LOAD = "load"
    INDEX = "index"
    APPLY = "apply"
    VERIFY = "verify"
    SWITCHOVER = "switchover"
    REVERSE = "reverse"


class StepStatus(enum.Enum):
    """Where a step stands (OMS names)."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    MONITORING = "MONITORING"
    """APPLY only: caught up once, follows the source; never goes back to RUNNING."""
    SUSPEND = "SUSPEND"
    FAILED = "FAILED"
    FINISHED = "FINISHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A configured database: where it is and who we are there.

    Attributes:
        scheme: Which connector: ``mysql``, ``oceanbase``.
        options: What the URL had after ``?``: ``unix_socket``, ``ssl_ca`` …
        password: Never logged, never shown; `repr` leaves it out.
    """

    scheme: str
    host: str = "127.0.0.1"
    port: int = 3306
    username: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.username}@{self.host}:{self.port}/{self.database}"


class StopWhen(enum.Enum):
    """When a project with an apply step ends by itself."""

    NEVER = "never"
    CAUGHT_UP = "caught-up"


class SpeedMode(enum.Enum):
    """How much of source and target a load may take (OMS fullTransferSpeedMode)."""

    STEADY = "steady"
    """As little as goes on beside others: few streams, small writes, a pause behind each, the first to step back."""
    NORMAL = "normal"
    """What both bear; it steps back when the source is busy with others."""
    FAST = "fast"
    """All that makes it faster; it never stops for others."""


_SIDE_BY_SIDE = {SpeedMode.STEADY: 2, SpeedMode.NORMAL: 4, SpeedMode.FAST: 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How existing rows are copied.

    Attributes:
        mode: How much it may take; streams and batches adapt within it.
        streams: Parallel streams, exactly so many; 0 lets them adapt.
        batch_rows: Most rows written at a time (a multiple of 8 is taken); 0 lets them adapt.
        source_running: From so many statements of others running at the source on it steps back; 0: as the mode says.
        allow_target_not_empty: Load into tables that hold rows (OMS allowDestTableNotEmpty).
        defer_index_creation: Make secondary indexes after the load; `None`: of great tables, where that is sooner done.
        rows_per_second: Most rows a second, over all streams; 0 = no limit (OMS throttleRps).
        bytes_per_second: Most bytes a second, likewise (OMS throttleIOPS).
    """

    mode: SpeedMode = SpeedMode.NORMAL
    streams: int = 0
    batch_rows: int = 0
    source_running: int = 0
    chunk_rows: int = 50_000
    allow_target_not_empty: bool = False
    defer_index_creation: bool | None = None
    rows_per_second: int = 0
    bytes_per_second: int = 0

    @property
    def side_by_side(self) -> int:
        """How many objects are made at once."""
        return self.streams or _SIDE_BY_SIDE[self.mode]


class ConflictPolicy(enum.Enum):
    """What is done with a change that the target refuses."""

    STOP = "stop"
    """The project stops there."""
    OVERWRITE = "overwrite"
    """The source wins: rows in the way go, rows that are missing are put there."""
    SKIP = "skip-to-dead-letters"
    """The change is set aside, in the target's `_ferryman`.`dead_letter`."""


LOG_KEPT_HOURS, LOG_KEPT_BYTES = 168, 50 << 30
START_LENGTH = 64 << 10
"""Most characters of a place's name: the GTID set of a server with a long history is long."""
LEAST_LOG_BYTES = 64 << 20
"""About one segment: less cannot be promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How changes are applied.

    Attributes:
        lanes: Parallel target connections.
        window_changes: Most changes in a window when behind.
        atomic: Readers at the target see each source transaction as a whole or not at all; over one connection.
        start_timestamp: Begin at this Unix second, for projects without a load; 0 = now.
        start_position: Begin at the place of this name (``file:offset``, GTIDs), likewise; empty = now.
        log_kept_hours: How long the log store keeps what every reader has passed.
        log_kept_bytes: Above this size the log store lets what every reader has passed go, however young.
        caught_up_seconds: A latency at or under this turns the step to MONITORING.
        rows_per_second: Most row changes a second; 0 = no limit (OMS throttleRps).
        bytes_per_second: Most bytes a second, likewise (OMS throttleIOPS).
        conflicts: What is done with changes that the target refuses.
        conflicts_of: Source table (``database.table``) → another policy for it.
    """

    lanes: int = 4
    window_changes: int = 5000
    atomic: bool = False
    start_timestamp: int = 0
    start_position: str = ""
    log_kept_hours: int = LOG_KEPT_HOURS
    log_kept_bytes: int = LOG_KEPT_BYTES
    caught_up_seconds: float = 15.0
    statistics: bool = True
    rows_per_second: int = 0
    bytes_per_second: int = 0
    conflicts: ConflictPolicy = ConflictPolicy.STOP
    conflicts_of: dict[str, ConflictPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How tables are compared.

    Attributes:
        recheck_seconds: How long a moving row may take to settle.
    """

    streams: int = 0
    chunk_rows: int = 20_000
    recheck_seconds: float = 60.0
    mismatch_limit: int = 10_000


class PartitionRule(enum.Enum):
    """How messages spread over the partitions of a topic (OMS names)."""

    HASH = "HASH"
    """By key: changes of one key stay in order."""
    TABLE = "TABLE"
    """By table: changes of one table stay in order."""
    ONE = "ONE"
    """All in one partition: everything stays in order."""


class Subjects(enum.Enum):
    """What schemas are called in a registry (Confluent's strategies)."""

    TOPIC = "topic"
    """By the topic: one table a topic."""
    RECORD = "record"
    """By the record, whichever topic it goes to."""
    TOPIC_RECORD = "topic-record"
    """By both: a topic may hold several tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How a synchronization project publishes into a message queue or files.

    Attributes:
        format: Name of the serializer, e.g. ``DEFAULT``, ``CANAL``.
        with_schema: DEBEZIUM: the schema in every message, beside the payload.
        rule: How messages spread.
        partition: ONE: which partition.
        topic: Name of a table's topic, with ``{database}`` and ``{table}``.
        partitions: Of a topic that is made.
        replication: Copies of a topic that is made.
        topic_options: The queue's own options of a topic that is made.
        exactly_once: Messages and position commit together, where the queue can.
        heartbeat_seconds: A heartbeat message after so long without another; 0 = none.
        transactions: Records of where transactions begin and end, in formats that have them.
        key_columns: Source table → columns that stand for its key (sharding columns).
        business: DATAWORKS_V2: the business system's name.
        producer_group: RocketMQ.
        tags: RocketMQ.
        message_trace: RocketMQ: a trace of each message, where its own clients write them.
        send_timeout_ms: How long a message may be under way.
        subjects: AVRO: what a schema is called in the registry.
        register_schemas: AVRO: whether schemas are registered; else they must be there.
        times_as_text: AVRO: dates and times as their text, for values that no number stands for.
    """

    format: str = "DEFAULT"
    with_schema: bool = False
    rule: PartitionRule = PartitionRule.HASH
    partition: int = 0
    topic: str = "{database}.{table}"
    partitions: int = 3
    replication: int = 1
    topic_options: dict[str, str] = field(default_factory=dict)
    exactly_once: bool = True
    heartbeat_seconds: float = 0.0
    transactions: bool = False
    key_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    business: str = ""
    producer_group: str = "OMS"
    tags: str = ""
    message_trace: bool = False
    send_timeout_ms: int = 3000
    subjects: Subjects = Subjects.TOPIC
    register_schemas: bool = True
    times_as_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSpec:
    """What a user asks for; immutable once the project has started but for names and options.

    Attributes:
        steps: The steps that run, in order. CAPTURE is there exactly when APPLY is.
        skip_prechecks: Precheck items whose failure the user accepted.
        hash_key: Keys the hashes of columns (`model.rules`); as secret as a password.
        two_way: Another project moves changes the other way: none that came from there is sent back.
        value_policies: What becomes of values that do not fit; without one, the row is refused.
        api_document: What CreateProject sent, kept to answer DescribeProject with.
    """

    name: str
    type: ProjectType = ProjectType.MIGRATION
    source: Endpoint
    target: Endpoint
    source_endpoint_id: str = ""
    target_endpoint_id: str = ""
    selection: Selection = Selection()
    steps: tuple[StepName, ...] = (
        StepName.PRECHECK,
        StepName.SCHEMA,
        StepName.CAPTURE,
        StepName.LOAD,
        StepName.APPLY,
        StepName.VERIFY,
    )
    stop_when: StopWhen = StopWhen.NEVER
    load: LoadOptions = LoadOptions()
    apply: ApplyOptions = ApplyOptions()
    verify: VerifyOptions = VerifyOptions()
    publish: PublishOptions = PublishOptions()
    skip_prechecks: tuple[str, ...] = ()
    hash_key: str = field(default="", repr=False)
    two_way: bool = False
    value_policies: tuple[ValuePolicy, ...] = ()
    labels: tuple[str, ...] = ()
    importance: Importance = Importance.MEDIUM
    api_document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProgress:
    """How far one table is within a step.

    Attributes:
        rows_total: Estimate until the step has finished the table.
        mismatches: VERIFY: settled differences; `None` in other steps.
        state: ``waiting``, ``running``, ``done``, ``failed``.
    """

    table: str
    rows: int = 0
    rows_total: int = 0
    bytes: int = 0
    mismatches: int | None = None
    state: str = "waiting"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """What a task says of its step, replaced as a whole at each report.

    Attributes:
        percent: 0..100.
        rows: LOAD, VERIFY: rows done; APPLY: row changes applied.
        rows_per_second: Over the last few seconds, as `bytes_per_second`.
        latency_seconds: APPLY: now less the commit time of the last change applied, 0 when nothing waits.
        checkpoint_seconds: CAPTURE, APPLY: Unix seconds up to which all is captured or applied.
        info: Facts of this step only, shown as they are (e.g. precheck items, schema objects, DDL applied).
    """

    percent: int = 0
    rows: int = 0
    rows_total: int = 0
    bytes: int = 0
    rows_per_second: float = 0.0
    bytes_per_second: float = 0.0
    latency_seconds: float | None = None
    checkpoint_seconds: int | None = None
    caught_up: bool = False
    message: str = ""
    info: dict[str, Any] = field(default_factory=dict)

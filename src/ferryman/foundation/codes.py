"""The register of error codes: exit status, retry class, OMS code and the hint that always holds.

A code is `noun.problem` and is never renamed. Exit codes are those of the command line (design §5):
1 failed, 2 wrong usage, 3 environment (unreachable, missing privilege), 4 differences left.
Keep the table sorted by code; one line each.
"""

from __future__ import annotations

from ferryman.foundation.code import Code
from ferryman.foundation.codes_endpoint import ENDPOINT_CODES

__all__ = ["CODES", "Code"]

_OTHERS: dict[str, Code] = {
    "account.invalid": Code(2, "never", "PARAM_ERROR"),
    "account.last_admin": Code(2, "never", "PARAM_ERROR", "make another account an admin first"),
    "account.name_taken": Code(2, "never", "PARAM_ERROR", "choose another name"),
    "account.unknown": Code(2, "never", "PARAM_ERROR", "GET /api/v1/accounts shows them all"),
    "account.unknown_key": Code(2, "never", "PARAM_ERROR", "GET /api/v1/keys shows your keys"),
    "account.weak_password": Code(2, "never", "PARAM_ERROR", "take at least 8 characters"),
    "alert.invalid": Code(2, "never", "PARAM_ERROR", "docs/operations.md lists rules, channels and what can be set"),
    "alert.name_taken": Code(2, "never", "PARAM_ERROR", "choose another name"),
    "alert.not_delivered": Code(3, "auto", "INNER_ERROR", "check the channel's address, its secret, and the receiver"),
    "alert.unknown": Code(2, "never", "PARAM_ERROR", "`ferryman alerts` lists alerts, silences and channels"),
    "api.body_too_large": Code(2, "never", "PARAM_ERROR", "send less in one call"),
    "api.cross_site": Code(
        2, "never", "PARAM_ERROR", "call the service from its own address, not from another web page"
    ),
    "api.csrf": Code(2, "never", "PARAM_ERROR", "send X-CSRF-Token as GET /api/v1/session answers it"),
    "api.forbidden": Code(3, "manual", "GHANA-OPERAT000101", "ask an admin of the service for the role"),
    "api.key_in_use": Code(2, "never", "PARAM_ERROR", "look whether what it asked for is there; then take a new key"),
    "api.key_reused": Code(2, "never", "PARAM_ERROR", "take a new Idempotency-Key for another request"),
    "api.malformed": Code(2, "never", "PARAM_ERROR", "send one JSON object in UTF-8"),
    "api.not_found": Code(2, "never", "PARAM_ERROR", "see /docs for what there is"),
    "api.not_supported": Code(2, "never", "PARAM_ERROR"),
    "api.too_many_calls": Code(
        3, "auto", "INNER_ERROR", "call less often; FERRYMAN_CALLS_PER_SECOND of the service sets how often"
    ),
    "api.too_many_logins": Code(3, "manual", "GHANA-OPERAT000101", "wait, then log in with the right password"),
    "api.unauthorized": Code(
        3,
        "manual",
        "GHANA-OPERAT000101",
        "send HTTP Basic with the service's user and password (see DIR/admin-password)",
    ),
    "api.unknown_action": Code(2, "never", "PARAM_ERROR", "docs/http-api.md lists the actions"),
    "api.unreachable": Code(3, "manual", "INNER_ERROR", "is `ferryman serve` running there? check --url"),
    "api.wrong_method": Code(2, "never", "PARAM_ERROR", "see /docs for what there is"),
    "api.wrong_parameter": Code(2, "never", "PARAM_ERROR"),
    "apply.cascade_unsettled": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "give the table a primary key, or let the source show it in a snapshot, then start the project anew with --fresh",
    ),
    "apply.conflict": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "mend the target, then resume; or `ferryman projects choose PROJECT skip` (the change goes to the dead letters) or"
        " `overwrite` (the source wins), then resume",
    ),
    "apply.ddl_torn": Code(
        1,
        "manual",
        "CM-SCHEOR000002",
        "bring the target's table to the form the statement asks for, then resume with `done`",
    ),
    "apply.ddl_unknown": Code(
        1,
        "manual",
        "CM-SCHEOR000002",
        "choose: `apply` (with the SQL to run at the target), `skip`, or `done` when the target has it already",
    ),
    "apply.keyless_changed": Code(
        1,
        "manual",
        "CM-SCHEOR000002",
        "start the project anew with --fresh, and leave tables without a key as they are until they are loaded",
    ),
    "apply.row_missing": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "somebody else writes to the target's table; verify it, mend it, then resume",
    ),
    "apply.target_changed": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "give the column its type back, resume, and verify the table: rows of the last seconds may be changed already",
    ),
    "apply.too_many_letters": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "mend what they have in common (`ferryman dead-letters list PROJECT`), retry or skip them, then resume",
    ),
    "apply.unique_conflict": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "a row that the source does not have holds a unique value; remove it from the target, then resume",
    ),
    "checkpoint.moved_back": Code(
        1, "never", "INNER_ERROR", "this is a defect of ferryman: please report it with the log"
    ),
    "checkpoint.unreadable": Code(
        1, "never", "INNER_ERROR", "use the version of ferryman that wrote it, or start anew with --fresh"
    ),
    "component.unknown": Code(2, "never", "PARAM_ERROR", "DescribeProjectComponents shows a project's components"),
    "ddl.syntax": Code(
        1, "manual", "CM-RESOIE000202", "see the statement in the report; skip it or run its like by hand"
    ),
    "demo.refused": Code(1, "never", "INNER_ERROR"),
    "demo.service_ended": Code(1, "never", "INNER_ERROR"),
    "demo.step_failed": Code(1, "never", "INNER_ERROR"),
    "demo.too_slow": Code(1, "never", "INNER_ERROR"),
    "demo.writer_failed": Code(1, "never", "INNER_ERROR"),
    "disk.full": Code(
        3, "auto", "CM-RESONF000003", "make room on that disk; the task then goes on by itself, or resume it"
    ),
    "embedded.missing": Code(3, "never", "INNER_ERROR"),
    "embedded.not_started": Code(3, "manual", "INNER_ERROR", "read the log; is there memory and disk space left?"),
    "internal.error": Code(1, "manual", "INNER_ERROR", "this is a defect of ferryman: please report it with the log"),
    "label.limit": Code(2, "never", "PARAM_ERROR", "use an existing label"),
    "label.name_taken": Code(2, "never", "PARAM_ERROR", "choose another name"),
    "label.unknown": Code(2, "never", "PARAM_ERROR", "ListAllLabels shows all labels"),
    "lease.lost": Code(1, "auto", "CM-RESOAT000011", "another process runs this task now; this one has stopped"),
    "load.column_missing": Code(
        2, "manual", "INNER_ERROR", "add the columns at the target, or let the schema step make the table"
    ),
    "load.key_collision": Code(
        1, "manual", "CONNECTOR-SIOO0400600", "give the target's key columns a collation as fine as the source's"
    ),
    "load.table_changed": Code(
        1, "manual", "INNER_ERROR", "start the project anew (--fresh) once the table keeps its columns"
    ),
    "load.table_gone": Code(1, "manual", "INNER_ERROR", "leave the table out (--exclude), then resume"),
    "load.table_missing": Code(2, "manual", "INNER_ERROR", "make the table, or let the schema step make it"),
    "load.target_key_missing": Code(2, "manual", "INNER_ERROR", "add that key at the target, then resume"),
    "load.target_not_empty": Code(
        2, "manual", "GHANA-PCHKNP000010", "empty them, or allow it for tables with a key (allowDestTableNotEmpty)"
    ),
    "log.corrupt": Code(
        1, "manual", "CM-RESOIE000202", "the source's log could not be read; check the server and its log"
    ),
    "log.incident": Code(1, "manual", "CM-RESOIE000202"),
    "log.partial_image": Code(
        1, "manual", "CM-RESOIE000202", "set binlog_row_image=FULL at the source, then load the table again"
    ),
    "log.schema_mismatch": Code(
        1, "manual", "CM-RESOIE000202", "the schema known is not the one the log was written with: load the table again"
    ),
    "log.statement_format": Code(
        1, "manual", "CM-RESOIE000202", "set binlog_format=ROW at the source, then load the table again"
    ),
    "log.unreadable": Code(3, "manual", "INNER_ERROR", "check the permissions of the data directory"),
    "log.unsupported_event": Code(1, "manual", "CM-RESOIE000202"),
    "logstore.corrupt": Code(
        1, "manual", "CM-RESOIE000202", "the log store on disk is damaged: check the disk, then load again with --fresh"
    ),
    "logstore.failed": Code(1, "manual", "CM-RESOIE000202", "check the disk under the data directory, then resume"),
    "logstore.newer": Code(3, "never", "INNER_ERROR", "use the version of ferryman that wrote the log store"),
    "metadb.busy": Code(1, "auto", "INNER_ERROR", "another process holds the state; it is tried again"),
    "metadb.failed": Code(1, "manual", "INNER_ERROR", "check the disk and the file's permissions"),
    "metadb.newer": Code(3, "never", "INNER_ERROR", "use the version of ferryman that wrote it, or another --data-dir"),
    "metadb.not_empty": Code(3, "never", "INNER_ERROR", "give the service a database of its own, and empty"),
    "metadb.secret_key": Code(
        3, "manual", "INNER_ERROR", "put back the secret.key that belongs to this data directory"
    ),
    "metadb.unreachable": Code(
        3, "auto", "INNER_ERROR", "check that the server of --metadb runs and lets us in; it is tried again"
    ),
    "oidc.expired": Code(2, "never", "PARAM_ERROR", "begin the login again, in one browser"),
    "oidc.no_role": Code(3, "manual", "GHANA-OPERAT000101", "ask an admin for a group that may use the service"),
    "oidc.provider": Code(
        3, "auto", "INNER_ERROR", "check the provider and FERRYMAN_OIDC_ISSUER; passwords still open"
    ),
    "oidc.refused": Code(3, "manual", "GHANA-OPERAT000101", "log in again; the admin finds more in the provider's log"),
    "oidc.settings": Code(2, "never", "PARAM_ERROR", "docs/security.md lists the FERRYMAN_OIDC_ settings"),
    "position.invalid": Code(
        2, "never", "PARAM_ERROR", "write FILE:OFFSET (mysql-bin.000007:4), a MySQL GTID set, or MariaDB's 0-1-5,1-1-7"
    ),
    "position.not_found": Code(1, "manual", "CM-RESOIE000202", "give a place that the server's log has"),
    "position.other_log": Code(
        1,
        "manual",
        "CM-RESOIE000202",
        "was the log reset, or is another server at that address? point the endpoint at the server it was, or load the"
        " tables again (--fresh)",
    ),
    "position.purged": Code(
        1, "manual", "CM-RESOIE000202", "load the tables again (--fresh), and keep the source's log for longer"
    ),
    "precheck.failed": Code(
        3, "manual", "GHANA-PCHKNP000010", "mend what is named, or skip the items that allow it, then resume"
    ),
    "precheck.unknown": Code(2, "never", "PARAM_ERROR", "SubmitPreCheck answers the id to ask with"),
    "precheck.value_misfit": Code(
        3, "manual", "GHANA-PREPROC000001", "change the values at the source, or name a policy for them (--on-value)"
    ),
    "precheck.value_policy": Code(2, "never", "PARAM_ERROR", "docs/fidelity.md says which policies there are"),
    "project.being_repaired": Code(2, "manual", "PARAM_ERROR", "wait until the repair is over"),
    "project.changed_meanwhile": Code(2, "never", "PARAM_ERROR", "look at it again, then decide anew"),
    "project.invalid": Code(2, "never", "PARAM_ERROR"),
    "project.name_taken": Code(2, "never", "PARAM_ERROR", "choose another name, or delete that project first"),
    "project.needs_recreation": Code(
        2, "never", "PARAM_ERROR", "name the file otherwise, or release and delete the project"
    ),
    "project.not_owner": Code(3, "manual", "GHANA-OPERAT000101", "ask its owner, or an admin to change the owner"),
    "project.not_reversible": Code(2, "never", "GHANA-PCHKNP000010"),
    "project.not_two_way": Code(2, "never", "PARAM_ERROR", "docs/apply.md says which pairs go both ways, and how"),
    "project.unknown": Code(2, "never", "GHANA-PROJECT000001", "`ferryman projects list` shows all projects"),
    "project.unknown_change": Code(2, "never", "PARAM_ERROR", "`ferryman projects objects NAME` shows its changes"),
    "project.unknown_letter": Code(
        2, "never", "PARAM_ERROR", "`ferryman dead-letters list PROJECT` shows those that are open"
    ),
    "project.wrong_status": Code(2, "never", "PARAM_ERROR"),
    "registry.incompatible": Code(
        1,
        "manual",
        "PARAM_ERROR",
        "set the subject's compatibility in the registry (NONE takes any change), or use another topic, then resume",
    ),
    "registry.refused": Code(1, "manual", "PARAM_ERROR"),
    "registry.schema_missing": Code(
        1, "manual", "PARAM_ERROR", "register the schema, or let the project do it (register_schemas=true), then resume"
    ),
    "report.differences": Code(
        4, "manual", "INNER_ERROR", "`ferryman repair` prints the SQL that makes the target equal"
    ),
    "report.not_written": Code(3, "manual", "INNER_ERROR", "choose another place for the file"),
    "rules.cascade": Code(
        2,
        "manual",
        "CONNECTOR-SIOO0400600",
        "leave the row filter of that table away, or leave the tables out that refer to it",
    ),
    "rules.column_missing": Code(2, "manual", "CONNECTOR-SIOO0400600", "check the column's name"),
    "rules.column_refused": Code(2, "manual", "CONNECTOR-SIOO0400600", "change or leave away the rule of that column"),
    "rules.filter_refused": Code(
        2,
        "manual",
        "CONNECTOR-SIOO0400600",
        "docs/rules.md lists what a filter may say; without following, any SQL goes",
    ),
    "rules.table_missing": Code(2, "manual", "CONNECTOR-SIOO0400600", "name the table as the source spells it"),
    "rules.value_refused": Code(
        1, "manual", "CONNECTOR-SIOO0400600", "change the row at the source, or start anew with another row filter"
    ),
    "schema.failed": Code(1, "manual", "INNER_ERROR", "see the objects' messages; mend or exclude them, then resume"),
    "schema.index_failed": Code(
        1, "manual", "INNER_ERROR", "mend what its message says, then resume; or leave it out: `projects choose … skip`"
    ),
    "schema.name_collision": Code(
        2, "manual", "GHANA-PCHKNP002010", "rename one of them for the target (--map), or leave one out (--exclude)"
    ),
    "schema.name_too_long": Code(
        2, "manual", "GHANA-PCHKNP002010", "give it a shorter name for the target (--map), or leave it out (--exclude)"
    ),
    "schema.nothing_selected": Code(2, "manual", "GHANA-PCHKNP002010", "check --objects; `*` and `?` are wildcards"),
    "schema.unknown_object": Code(2, "manual", "GHANA-PCHKNP002010", "check the names of the objects"),
    "schema.unsupported_type": Code(
        2,
        "manual",
        "GHANA-PCHKNP003010",
        "leave the column or the table out (--leave-out, --exclude), or change the column at the source",
    ),
    "serve.address_in_use": Code(3, "manual", "INNER_ERROR", "choose another --port, or stop what listens there"),
    "serve.certificate": Code(
        3, "manual", "INNER_ERROR", "give --tls-cert and --tls-key: PEM files that belong together"
    ),
    "serve.password_not_set": Code(
        3, "manual", "INNER_ERROR", "set FERRYMAN_ADMIN_PASSWORD, or listen at 127.0.0.1 (the default)"
    ),
    "service.data_dir_in_use": Code(3, "manual", "INNER_ERROR", "stop that process, or choose another --data-dir"),
    "sink.key_column_missing": Code(2, "never", "PARAM_ERROR", "name columns that the table has"),
    "sink.locked": Code(1, "auto", "CM-RESOAT000011"),
    "sink.partition_unknown": Code(
        2, "never", "PARAM_ERROR", "name a partition that the topic has, or use another rule"
    ),
    "sink.refused": Code(1, "manual", "CONNECTOR-SIOO0400600"),
    "sink.too_large": Code(
        1,
        "manual",
        "CONNECTOR-SIOO0400600",
        "let the queue take larger messages (Kafka: message.max.bytes), then resume",
    ),
    "sink.topic_missing": Code(
        1, "manual", "PARAM_ERROR", "make the topic, or switch structure synchronization on, then resume"
    ),
    "sink.topic_refused": Code(1, "manual", "PARAM_ERROR"),
    "sink.topic_shrunk": Code(1, "auto", "PARAM_ERROR", "is a broker away? start it; keys keep their partition"),
    "sink.value_unfit": Code(
        1, "manual", "PARAM_ERROR", "use times=text for dates that are none, another format, or correct the value"
    ),
    "source.history_lost": Code(
        3, "auto", "INNER_ERROR", "raise undo_retention at the source (ALTER SYSTEM SET undo_retention = 21600)"
    ),
    "source.log_settings": Code(3, "manual", "GHANA-PCHKNP000010"),
    "source.no_log": Code(3, "manual", "GHANA-PCHKNP000010"),
    "source.no_snapshot": Code(3, "manual", "INNER_ERROR"),
    "source.privilege": Code(
        3, "manual", "GHANA-OPERAT000101", "grant the missing privilege at the source; `ferryman check` lists them"
    ),
    "source.replica_identity": Code(
        3, "manual", "GHANA-PCHKNP000010", "ALTER TABLE … REPLICA IDENTITY FULL at the source, then resume"
    ),
    "source.schema_changed": Code(
        1,
        "manual",
        "CM-SCHEOR000002",
        "GRANT SELECT ON oceanbase.* so that schema statements can be followed, and start the project anew with --fresh",
    ),
    "source.server_id_taken": Code(
        1,
        "auto",
        "CM-RESOIE000202",
        "another id is taken at once; if it comes again and again, ask SHOW SLAVE HOSTS who else reads the log",
    ),
    "source.slot_busy": Code(
        3, "manual", "GHANA-PCHKNP000010", "end the long transactions at the source (pg_stat_activity), then resume"
    ),
    "source.slot_lost": Code(
        1, "manual", "CM-RESOIE000202", "what lay behind it is lost: load the tables again (--fresh)"
    ),
    "source.table_changed": Code(
        1, "manual", "INNER_ERROR", "the table was changed or dropped meanwhile: resume reads the catalog again"
    ),
    "switchover.differences": Code(
        4, "manual", "PARAM_ERROR", "repair or mend them and retry, accept them as they are, or cancel the switchover"
    ),
    "switchover.latency": Code(1, "manual", "PARAM_ERROR", "wait until the latency has fallen, then retry"),
    "switchover.log_unreadable": Code(3, "manual", "GHANA-PCHKNP000010", "mend the target's log settings, then retry"),
    "switchover.not_ready": Code(2, "manual", "PARAM_ERROR"),
    "switchover.source_written": Code(
        1, "manual", "PARAM_ERROR", "stop the application for good, then confirm again; what it wrote is being applied"
    ),
    "switchover.under_way": Code(
        2, "manual", "PARAM_ERROR", "cancel it while that is possible, or make another project"
    ),
    "switchover.wrong_stage": Code(
        2, "manual", "PARAM_ERROR", "`ferryman projects switchover NAME status` shows where it is"
    ),
    "target.ddl_failed": Code(
        1,
        "manual",
        "INNER_ERROR",
        "mend what the target complains of, then resume; for a statement of the log also choose `apply`, `skip` or `done`",
    ),
    "target.deadlock": Code(1, "auto", "CONNECTOR-SIOO0400600"),
    "target.duplicate_key": Code(1, "manual", "CONNECTOR-SIOO0400600"),
    "target.full": Code(
        1, "manual", "CONNECTOR-SIOO0400600", "make room at the target (disk, table space, tenant memory), then resume"
    ),
    "target.no_snapshot": Code(1, "never", "INNER_ERROR"),
    "target.not_empty": Code(3, "manual", "GHANA-PCHKNP002010"),
    "target.packet_too_large": Code(
        1, "manual", "CONNECTOR-SIOO0400600", "raise max_allowed_packet at the target, then resume"
    ),
    "target.privilege": Code(
        3, "manual", "GHANA-OPERAT000101", "grant the missing privilege at the target; `ferryman check` lists them"
    ),
    "target.row_ambiguous": Code(1, "manual", "CONNECTOR-SIOO0400600"),
    "target.table_changed": Code(
        1, "manual", "CONNECTOR-SIOO0400600", "the target's table is not what it was: compare it with the source's"
    ),
    "target.table_differs": Code(
        1, "manual", "GHANA-PCHKNP002010", "drop or alter the table at the target, or leave it out, then resume"
    ),
    "target.table_missing": Code(3, "manual", "GHANA-PCHKNP002010", "make the table, or let the schema step run"),
    "target.value_refused": Code(
        1, "manual", "CONNECTOR-SIOO0400600", "widen the target's column, or exclude the table, then resume"
    ),
    "task.crashed": Code(1, "manual", "CM-SCHEOR000002", "read the step's log; resume goes on from the checkpoint"),
    "telemetry.not_installed": Code(
        3, "manual", "PARAM_ERROR", "pip install 'ferryman[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT"
    ),
    "telemetry.settings": Code(
        2, "never", "PARAM_ERROR", "docs/operations.md names OpenTelemetry's variables that are read"
    ),
    "usage.bad_url": Code(2, "never", "PARAM_ERROR", "an endpoint is scheme://user:password@host:port/database"),
    "usage.unknown_executor": Code(2, "never", "PARAM_ERROR", "`local` is the executor there is"),
    "usage.wrong_option": Code(2, "never", "PARAM_ERROR", "`ferryman COMMAND --help` shows the options"),
    "wire.malformed": Code(
        1, "auto", "INNER_ERROR", "is that a server of this family? a proxy in between may have cut the answer"
    ),
}

CODES: dict[str, Code] = dict(sorted({**_OTHERS, **ENDPOINT_CODES}.items()))
"""All of them, sorted."""

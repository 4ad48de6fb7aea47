CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE endpoint (
	id VARCHAR(40) NOT NULL,
	name VARCHAR(128) NOT NULL,
	scheme VARCHAR(64) NOT NULL,
	description TEXT NOT NULL,
	region VARCHAR(128) NOT NULL,
	sealed TEXT NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name)
);

CREATE TABLE project (
	id VARCHAR(40) NOT NULL,
	name VARCHAR(128) NOT NULL,
	living_name VARCHAR(128) NOT NULL,
	type VARCHAR(64) NOT NULL,
	status VARCHAR(64) NOT NULL,
	source_scheme VARCHAR(64) NOT NULL,
	target_scheme VARCHAR(64) NOT NULL,
	spec_version INTEGER NOT NULL,
	spec BLOB NOT NULL,
	sealed TEXT NOT NULL,
	labels TEXT NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	started_at DOUBLE,
	finished_at DOUBLE,
	error BLOB,
	alarm_count INTEGER NOT NULL,
	revision BIGINT NOT NULL, owner VARCHAR(64),
	PRIMARY KEY (id),
	UNIQUE (living_name)
);

CREATE INDEX ix_project_status ON project (status);

CREATE TABLE step (
	project_id VARCHAR(40) NOT NULL,
	name VARCHAR(64) NOT NULL,
	place INTEGER NOT NULL,
	enabled INTEGER NOT NULL,
	status VARCHAR(64) NOT NULL,
	progress BLOB NOT NULL,
	reported_epoch BIGINT NOT NULL,
	caught_up INTEGER NOT NULL,
	started_at DOUBLE,
	finished_at DOUBLE,
	seconds DOUBLE NOT NULL,
	running_since DOUBLE,
	error BLOB,
	restarts INTEGER NOT NULL,
	PRIMARY KEY (project_id, name)
);

CREATE TABLE table_progress (
	project_id VARCHAR(40) NOT NULL,
	step VARCHAR(64) NOT NULL,
	name VARCHAR(300) NOT NULL,
	place INTEGER NOT NULL,
	done_rows BIGINT NOT NULL,
	total_rows BIGINT NOT NULL,
	done_bytes BIGINT NOT NULL,
	mismatches BIGINT,
	state VARCHAR(64) NOT NULL,
	message TEXT NOT NULL,
	PRIMARY KEY (project_id, step, name)
);

CREATE TABLE task (
	project_id VARCHAR(40) NOT NULL,
	name VARCHAR(64) NOT NULL,
	epoch BIGINT NOT NULL,
	owner VARCHAR(128),
	expires_at DOUBLE NOT NULL,
	process_id BIGINT,
	process_born VARCHAR(64),
	stop_requested INTEGER NOT NULL,
	outcome VARCHAR(64),
	error BLOB,
	started_at DOUBLE,
	ended_at DOUBLE,
	PRIMARY KEY (project_id, name)
);

CREATE TABLE note (
	project_id VARCHAR(40) NOT NULL,
	name VARCHAR(300) NOT NULL,
	document BLOB NOT NULL,
	size BIGINT NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (project_id, name)
);

CREATE TABLE mismatch (
	project_id VARCHAR(40) NOT NULL,
	table_name VARCHAR(300) NOT NULL,
	place INTEGER NOT NULL,
	document BLOB NOT NULL,
	PRIMARY KEY (project_id, table_name, place)
);

CREATE TABLE event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	project_id VARCHAR(40) NOT NULL,
	happened_at DOUBLE NOT NULL,
	level VARCHAR(64) NOT NULL,
	step VARCHAR(64) NOT NULL,
	message TEXT NOT NULL,
	fields BLOB NOT NULL
);

CREATE INDEX event_project ON event (project_id, id);

CREATE TABLE sample (
	project_id VARCHAR(40) NOT NULL,
	step VARCHAR(64) NOT NULL,
	taken_at BIGINT NOT NULL,
	rows_per_second DOUBLE NOT NULL,
	bytes_per_second DOUBLE NOT NULL,
	latency_seconds DOUBLE, latency_p50 DOUBLE, latency_p99 DOUBLE,
	PRIMARY KEY (project_id, step, taken_at)
);

CREATE TABLE account (
	name VARCHAR(64) NOT NULL,
	role VARCHAR(64) NOT NULL,
	secret TEXT NOT NULL,
	disabled INTEGER NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL, identity VARCHAR(64),
	PRIMARY KEY (name)
);

CREATE TABLE web_session (
	digest VARCHAR(64) NOT NULL,
	account VARCHAR(64) NOT NULL,
	created_at DOUBLE NOT NULL,
	expires_at DOUBLE NOT NULL,
	PRIMARY KEY (digest)
);

CREATE TABLE api_key (
	id VARCHAR(40) NOT NULL,
	name VARCHAR(64) NOT NULL,
	account VARCHAR(64) NOT NULL,
	role VARCHAR(64) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	created_at DOUBLE NOT NULL,
	expires_at DOUBLE,
	PRIMARY KEY (id),
	UNIQUE (digest)
);

CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	happened_at DOUBLE NOT NULL,
	account VARCHAR(64) NOT NULL,
	address VARCHAR(64) NOT NULL,
	action VARCHAR(300) NOT NULL,
	outcome VARCHAR(64) NOT NULL,
	detail BLOB NOT NULL
);

CREATE TABLE label (
	id VARCHAR(40) NOT NULL,
	name VARCHAR(64) NOT NULL,
	created_at DOUBLE NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name)
);

CREATE TABLE precheck_run (
	id VARCHAR(40) NOT NULL,
	project_id VARCHAR(40) NOT NULL,
	status VARCHAR(64) NOT NULL,
	document BLOB NOT NULL,
	created_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE alert_rule (
	name VARCHAR(64) NOT NULL,
	document BLOB NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (name)
);

CREATE TABLE alert (
	id VARCHAR(40) NOT NULL,
	living_key VARCHAR(200) NOT NULL,
	rule VARCHAR(64) NOT NULL,
	project_id VARCHAR(40) NOT NULL,
	project_name VARCHAR(128) NOT NULL,
	level VARCHAR(64) NOT NULL,
	state VARCHAR(64) NOT NULL,
	message TEXT NOT NULL,
	since DOUBLE NOT NULL,
	opened_at DOUBLE,
	clear_since DOUBLE,
	recovered_at DOUBLE,
	sent_at DOUBLE,
	sent_count INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (living_key)
);

CREATE INDEX ix_alert_project_id ON alert (project_id);

CREATE INDEX ix_alert_state ON alert (state);

CREATE INDEX ix_alert_opened_at ON alert (opened_at);

CREATE TABLE alert_silence (
	id VARCHAR(40) NOT NULL,
	project_id VARCHAR(40) NOT NULL,
	rule VARCHAR(64) NOT NULL,
	label_id VARCHAR(40) NOT NULL,
	reason VARCHAR(300) NOT NULL,
	account VARCHAR(64) NOT NULL,
	created_at DOUBLE NOT NULL,
	ends_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE alert_channel (
	id VARCHAR(40) NOT NULL,
	name VARCHAR(64) NOT NULL,
	kind VARCHAR(64) NOT NULL,
	enabled INTEGER NOT NULL,
	sealed TEXT NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name)
);

CREATE TABLE alert_outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	channel_id VARCHAR(40) NOT NULL,
	alert_id VARCHAR(40) NOT NULL,
	event VARCHAR(64) NOT NULL,
	state VARCHAR(64) NOT NULL,
	document BLOB NOT NULL,
	created_at DOUBLE NOT NULL,
	attempts INTEGER NOT NULL,
	next_at DOUBLE NOT NULL,
	sent_at DOUBLE,
	error TEXT NOT NULL
);

CREATE INDEX ix_alert_outbox_channel ON alert_outbox (channel_id);

CREATE INDEX ix_alert_outbox_alert ON alert_outbox (alert_id);

CREATE INDEX ix_alert_outbox_due ON alert_outbox (state, next_at);

CREATE TABLE object_change (
	id VARCHAR(40) NOT NULL,
	project_id VARCHAR(40) NOT NULL,
	sub_project_id VARCHAR(40) NOT NULL,
	kind VARCHAR(64) NOT NULL,
	status VARCHAR(64) NOT NULL,
	document BLOB NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX object_change_project_id ON object_change (project_id);

CREATE INDEX object_change_sub_project_id ON object_change (sub_project_id);

CREATE INDEX object_change_status ON object_change (status);

CREATE TABLE repeated_call (
	digest VARCHAR(64) NOT NULL,
	request VARCHAR(64) NOT NULL,
	answer TEXT NOT NULL,
	created_at DOUBLE NOT NULL,
	PRIMARY KEY (digest)
);

CREATE INDEX repeated_call_created_at ON repeated_call (created_at);

CREATE UNIQUE INDEX account_identity ON account (identity);

CREATE TABLE switchover (
	id VARCHAR(40) NOT NULL,
	project_id VARCHAR(40) NOT NULL,
	reverse_id VARCHAR(40) NOT NULL,
	stage VARCHAR(64) NOT NULL,
	document BLOB NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX switchover_project_id ON switchover (project_id);

CREATE INDEX switchover_reverse_id ON switchover (reverse_id);

CREATE INDEX switchover_stage ON switchover (stage);

INSERT INTO alembic_version (version_num) VALUES ('0008');


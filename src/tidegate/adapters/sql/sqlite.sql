CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('0014');

CREATE TABLE api_key (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	env TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	pepper_version INTEGER NOT NULL, 
	owner_kind TEXT NOT NULL, 
	owner_id TEXT NOT NULL, 
	team_id TEXT, 
	user_id TEXT, 
	purpose TEXT NOT NULL, 
	models JSON NOT NULL, 
	routes JSON NOT NULL, 
	addresses JSON NOT NULL, 
	times JSON NOT NULL, 
	tags JSON NOT NULL, 
	expires_at BIGINT, 
	disabled_at BIGINT, 
	revoked_at BIGINT, 
	last_used_at BIGINT, 
	rotated_from TEXT, 
	overlap_until BIGINT, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, priority TEXT DEFAULT 'interactive' NOT NULL, line TEXT, 
	CONSTRAINT pk_api_key PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_api_key_team FOREIGN KEY(org_id, team_id) REFERENCES team (org_id, id), 
	CONSTRAINT fk_api_key_user_account FOREIGN KEY(org_id, user_id) REFERENCES user_account (org_id, id), 
	CONSTRAINT fk_api_key_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_api_key_digest UNIQUE (digest), 
	CONSTRAINT uq_api_key_id UNIQUE (id)
);

CREATE TABLE audit_event (
	org_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	actor_kind TEXT NOT NULL, 
	actor_id TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject_kind TEXT NOT NULL, 
	subject_id TEXT NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	request_id TEXT NOT NULL, 
	address TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	generation BIGINT NOT NULL, 
	CONSTRAINT pk_audit_event PRIMARY KEY (org_id, seq), 
	CONSTRAINT fk_audit_event_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id)
);

CREATE TABLE billing_adjustment (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	amount_nano BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	invoice_id TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_billing_adjustment PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_billing_adjustment_billing_customer FOREIGN KEY(org_id, customer_id) REFERENCES billing_customer (org_id, id)
);

CREATE TABLE billing_customer (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	email TEXT NOT NULL, 
	time_zone TEXT NOT NULL, 
	external_id TEXT NOT NULL, 
	disabled_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_billing_customer PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_billing_customer_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_billing_customer_org_id_kind_subject UNIQUE (org_id, kind, subject)
);

CREATE TABLE billing_invoice (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	period TEXT NOT NULL, 
	period_from BIGINT NOT NULL, 
	period_until BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	state TEXT NOT NULL, 
	number BIGINT, 
	lines JSON NOT NULL, 
	total_nano BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	finalised_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_billing_invoice PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_billing_invoice_billing_customer FOREIGN KEY(org_id, customer_id) REFERENCES billing_customer (org_id, id), 
	CONSTRAINT uq_billing_invoice_org_id_customer_id_period UNIQUE (org_id, customer_id, period), 
	CONSTRAINT uq_billing_invoice_org_id_number UNIQUE (org_id, number)
);

CREATE TABLE billing_meter (
	org_id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	hour BIGINT NOT NULL, 
	sent_nano BIGINT NOT NULL, 
	parts INTEGER NOT NULL, 
	CONSTRAINT pk_billing_meter PRIMARY KEY (org_id, customer_id, hour), 
	CONSTRAINT fk_billing_meter_billing_customer FOREIGN KEY(org_id, customer_id) REFERENCES billing_customer (org_id, id)
);

CREATE TABLE billing_payment (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	number TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	due_nano BIGINT NOT NULL, 
	paid_nano BIGINT NOT NULL, 
	period_from BIGINT NOT NULL, 
	period_until BIGINT NOT NULL, 
	event_at BIGINT NOT NULL, 
	rank INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_billing_payment PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_billing_payment_billing_customer FOREIGN KEY(org_id, customer_id) REFERENCES billing_customer (org_id, id)
);

CREATE TABLE billing_plan (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	price_nano BIGINT NOT NULL, 
	included_nano BIGINT NOT NULL, 
	markup_bp BIGINT NOT NULL, 
	rates JSON NOT NULL, 
	external_id TEXT NOT NULL, 
	archived_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_billing_plan PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_billing_plan_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_billing_plan_org_id_name UNIQUE (org_id, name)
);

CREATE TABLE billing_subscription (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	plan_id TEXT NOT NULL, 
	starts_on TEXT NOT NULL, 
	ends_on TEXT NOT NULL, 
	external_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_billing_subscription PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_billing_subscription_billing_customer FOREIGN KEY(org_id, customer_id) REFERENCES billing_customer (org_id, id), 
	CONSTRAINT fk_billing_subscription_billing_plan FOREIGN KEY(org_id, plan_id) REFERENCES billing_plan (org_id, id)
);

CREATE TABLE config_generation (
	id INTEGER NOT NULL, 
	generation BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_config_generation PRIMARY KEY (id)
);

INSERT INTO "config_generation" VALUES(1,1,:now);

CREATE TABLE credential (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	kek_id TEXT NOT NULL, 
	last4 TEXT NOT NULL, 
	shared BOOLEAN NOT NULL, 
	disabled_at BIGINT, 
	last_used_at BIGINT, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, weight INTEGER DEFAULT '1' NOT NULL, limits JSON, reference TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_credential PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_credential_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_credential_org_id_name UNIQUE (org_id, name)
);

CREATE TABLE end_user (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	first_seen_at BIGINT NOT NULL, 
	last_seen_at BIGINT NOT NULL, 
	blocked_at BIGINT, 
	CONSTRAINT pk_end_user PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_end_user_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id)
);

CREATE TABLE erasure (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	subject_kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	mark TEXT NOT NULL, 
	pseudonym TEXT NOT NULL, 
	counts JSON NOT NULL, 
	finished_at BIGINT, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_erasure PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_erasure_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id)
);

CREATE TABLE idempotency_record (
	org_id TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	fingerprint BLOB NOT NULL, 
	state TEXT NOT NULL, 
	status INTEGER, 
	answer BLOB, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_idempotency_record PRIMARY KEY (org_id, owner, "key"), 
	CONSTRAINT fk_idempotency_record_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id)
);

CREATE TABLE installation (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (name)
);

CREATE TABLE kept_object (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	upstream TEXT NOT NULL, 
	account TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	claimed_by TEXT NOT NULL, 
	claimed_until BIGINT, 
	revision INTEGER NOT NULL, 
	kek_id TEXT NOT NULL, 
	sealed BLOB NOT NULL, end_user_mark TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_kept_object PRIMARY KEY (org_id, id)
);

CREATE TABLE kept_part (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	place BIGINT NOT NULL, 
	kek_id TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_kept_part PRIMARY KEY (org_id, id, place), 
	CONSTRAINT fk_kept_part_kept_object FOREIGN KEY(org_id, id) REFERENCES kept_object (org_id, id) ON DELETE CASCADE
);

CREATE TABLE ledger (
	seq INTEGER NOT NULL, 
	org_id TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	entry TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	key_id TEXT NOT NULL, 
	key_name TEXT NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	end_user TEXT NOT NULL, 
	tags JSON, 
	surface TEXT NOT NULL, 
	route TEXT NOT NULL, 
	target TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	stream BOOLEAN NOT NULL, 
	identity BOOLEAN NOT NULL, 
	status INTEGER NOT NULL, 
	upstream_status INTEGER, 
	error TEXT, 
	input_tokens BIGINT, 
	cache_read_tokens BIGINT, 
	cache_write_tokens BIGINT, 
	cache_write_1h_tokens BIGINT, 
	output_tokens BIGINT, 
	reasoning_tokens BIGINT, 
	audio_input_tokens BIGINT, 
	audio_output_tokens BIGINT, 
	web_searches BIGINT, 
	other_usage JSON, 
	estimated TEXT, 
	cost_nano BIGINT, 
	saved_nano BIGINT NOT NULL, 
	price_source TEXT, 
	lines JSON, 
	duration_us BIGINT NOT NULL, 
	first_byte_us BIGINT, 
	receipt JSON, 
	receipt_digest BLOB, image_input_tokens BIGINT, image_output_tokens BIGINT, images BIGINT, 
	CONSTRAINT pk_ledger PRIMARY KEY (seq), 
	CONSTRAINT uq_ledger_request_id_attempt_entry UNIQUE (request_id, attempt, entry)
);

CREATE TABLE limit_lease (
	org_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	starts_at BIGINT NOT NULL, 
	owner TEXT NOT NULL, 
	granted BIGINT NOT NULL, 
	posted BIGINT NOT NULL, 
	CONSTRAINT pk_limit_lease PRIMARY KEY (org_id, "key", starts_at, owner)
);

CREATE TABLE limit_owner (
	owner TEXT NOT NULL, 
	alive_until BIGINT NOT NULL, 
	CONSTRAINT pk_limit_owner PRIMARY KEY (owner)
);

CREATE TABLE limit_part (
	"key" TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	granted BIGINT NOT NULL, 
	wanted BIGINT NOT NULL, 
	counts_until BIGINT NOT NULL, 
	CONSTRAINT pk_limit_part PRIMARY KEY ("key", owner)
);

CREATE TABLE "limit_rule" (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	scope_kind TEXT NOT NULL, 
	scope_id TEXT NOT NULL, 
	measure TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	window_seconds BIGINT NOT NULL, 
	burst BIGINT, 
	mode TEXT NOT NULL, 
	disabled_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	per TEXT DEFAULT 'day' NOT NULL, 
	time_zone TEXT DEFAULT 'UTC' NOT NULL, 
	hard BOOLEAN DEFAULT 1 NOT NULL, 
	reserve TEXT DEFAULT 'strict' NOT NULL, 
	alerts JSON, 
	ceiling_nano BIGINT, 
	output_cap BIGINT, 
	created_by TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_limit_rule PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_limit_rule_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id)
);

CREATE TABLE limit_window (
	org_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	starts_at BIGINT NOT NULL, 
	ends_at BIGINT, 
	scope TEXT NOT NULL, 
	measure TEXT NOT NULL, 
	used BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	CONSTRAINT pk_limit_window PRIMARY KEY (org_id, "key", starts_at)
);

CREATE TABLE organisation (
	org_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	disabled_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_organisation PRIMARY KEY (org_id)
);

INSERT INTO "organisation" VALUES('default','default',NULL,:now,:now,1);

CREATE TABLE outbox (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	message JSON NOT NULL, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	failure TEXT NOT NULL, 
	done_at BIGINT, 
	CONSTRAINT pk_outbox PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_outbox_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id)
);

CREATE TABLE price_version (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	valid_from BIGINT NOT NULL, 
	price JSON NOT NULL, 
	source TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, updated_at BIGINT DEFAULT '0' NOT NULL, revision INTEGER DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_price_version PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_price_version_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_price_version_org_id_provider_model_valid_from UNIQUE (org_id, provider, model, valid_from)
);

CREATE TABLE role_binding (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	subject_kind TEXT NOT NULL, 
	subject_id TEXT NOT NULL, 
	role TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by TEXT NOT NULL, 
	CONSTRAINT pk_role_binding PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_role_binding_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_role_binding_org_id_subject_kind_subject_id_role_scope UNIQUE (org_id, subject_kind, subject_id, role, scope)
);

CREATE TABLE rollup_day (
	org_id TEXT NOT NULL, 
	bucket BIGINT NOT NULL, 
	dims BLOB NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	route TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	cancelled BIGINT NOT NULL, 
	estimated BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cache_write_1h_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	audio_input_tokens BIGINT NOT NULL, 
	audio_output_tokens BIGINT NOT NULL, 
	web_searches BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	saved_nano BIGINT NOT NULL, 
	latency_0 BIGINT NOT NULL, 
	latency_1 BIGINT NOT NULL, 
	latency_2 BIGINT NOT NULL, 
	latency_3 BIGINT NOT NULL, 
	latency_4 BIGINT NOT NULL, 
	latency_5 BIGINT NOT NULL, 
	latency_6 BIGINT NOT NULL, 
	latency_7 BIGINT NOT NULL, 
	latency_8 BIGINT NOT NULL, 
	latency_9 BIGINT NOT NULL, 
	latency_10 BIGINT NOT NULL, 
	latency_11 BIGINT NOT NULL, 
	latency_12 BIGINT NOT NULL, 
	latency_13 BIGINT NOT NULL, 
	latency_14 BIGINT NOT NULL, 
	latency_15 BIGINT NOT NULL, 
	latency_16 BIGINT NOT NULL, 
	latency_17 BIGINT NOT NULL, 
	latency_18 BIGINT NOT NULL, 
	latency_19 BIGINT NOT NULL, 
	latency_20 BIGINT NOT NULL, 
	latency_21 BIGINT NOT NULL, 
	latency_22 BIGINT NOT NULL, 
	latency_23 BIGINT NOT NULL, 
	latency_24 BIGINT NOT NULL, 
	latency_25 BIGINT NOT NULL, 
	first_byte_0 BIGINT NOT NULL, 
	first_byte_1 BIGINT NOT NULL, 
	first_byte_2 BIGINT NOT NULL, 
	first_byte_3 BIGINT NOT NULL, 
	first_byte_4 BIGINT NOT NULL, 
	first_byte_5 BIGINT NOT NULL, 
	first_byte_6 BIGINT NOT NULL, 
	first_byte_7 BIGINT NOT NULL, 
	first_byte_8 BIGINT NOT NULL, 
	first_byte_9 BIGINT NOT NULL, 
	first_byte_10 BIGINT NOT NULL, 
	first_byte_11 BIGINT NOT NULL, 
	first_byte_12 BIGINT NOT NULL, 
	first_byte_13 BIGINT NOT NULL, 
	first_byte_14 BIGINT NOT NULL, 
	first_byte_15 BIGINT NOT NULL, 
	first_byte_16 BIGINT NOT NULL, 
	first_byte_17 BIGINT NOT NULL, 
	first_byte_18 BIGINT NOT NULL, 
	first_byte_19 BIGINT NOT NULL, 
	first_byte_20 BIGINT NOT NULL, 
	first_byte_21 BIGINT NOT NULL, 
	first_byte_22 BIGINT NOT NULL, 
	first_byte_23 BIGINT NOT NULL, 
	first_byte_24 BIGINT NOT NULL, 
	first_byte_25 BIGINT NOT NULL, image_input_tokens BIGINT DEFAULT '0' NOT NULL, image_output_tokens BIGINT DEFAULT '0' NOT NULL, images BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_rollup_day PRIMARY KEY (org_id, bucket, dims)
);

CREATE TABLE rollup_day_of_end_user (
	org_id TEXT NOT NULL, 
	bucket BIGINT NOT NULL, 
	dims BLOB NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	route TEXT NOT NULL, 
	end_user TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	cancelled BIGINT NOT NULL, 
	estimated BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cache_write_1h_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	audio_input_tokens BIGINT NOT NULL, 
	audio_output_tokens BIGINT NOT NULL, 
	image_input_tokens BIGINT NOT NULL, 
	image_output_tokens BIGINT NOT NULL, 
	web_searches BIGINT NOT NULL, 
	images BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	saved_nano BIGINT NOT NULL, 
	latency_0 BIGINT NOT NULL, 
	latency_1 BIGINT NOT NULL, 
	latency_2 BIGINT NOT NULL, 
	latency_3 BIGINT NOT NULL, 
	latency_4 BIGINT NOT NULL, 
	latency_5 BIGINT NOT NULL, 
	latency_6 BIGINT NOT NULL, 
	latency_7 BIGINT NOT NULL, 
	latency_8 BIGINT NOT NULL, 
	latency_9 BIGINT NOT NULL, 
	latency_10 BIGINT NOT NULL, 
	latency_11 BIGINT NOT NULL, 
	latency_12 BIGINT NOT NULL, 
	latency_13 BIGINT NOT NULL, 
	latency_14 BIGINT NOT NULL, 
	latency_15 BIGINT NOT NULL, 
	latency_16 BIGINT NOT NULL, 
	latency_17 BIGINT NOT NULL, 
	latency_18 BIGINT NOT NULL, 
	latency_19 BIGINT NOT NULL, 
	latency_20 BIGINT NOT NULL, 
	latency_21 BIGINT NOT NULL, 
	latency_22 BIGINT NOT NULL, 
	latency_23 BIGINT NOT NULL, 
	latency_24 BIGINT NOT NULL, 
	latency_25 BIGINT NOT NULL, 
	first_byte_0 BIGINT NOT NULL, 
	first_byte_1 BIGINT NOT NULL, 
	first_byte_2 BIGINT NOT NULL, 
	first_byte_3 BIGINT NOT NULL, 
	first_byte_4 BIGINT NOT NULL, 
	first_byte_5 BIGINT NOT NULL, 
	first_byte_6 BIGINT NOT NULL, 
	first_byte_7 BIGINT NOT NULL, 
	first_byte_8 BIGINT NOT NULL, 
	first_byte_9 BIGINT NOT NULL, 
	first_byte_10 BIGINT NOT NULL, 
	first_byte_11 BIGINT NOT NULL, 
	first_byte_12 BIGINT NOT NULL, 
	first_byte_13 BIGINT NOT NULL, 
	first_byte_14 BIGINT NOT NULL, 
	first_byte_15 BIGINT NOT NULL, 
	first_byte_16 BIGINT NOT NULL, 
	first_byte_17 BIGINT NOT NULL, 
	first_byte_18 BIGINT NOT NULL, 
	first_byte_19 BIGINT NOT NULL, 
	first_byte_20 BIGINT NOT NULL, 
	first_byte_21 BIGINT NOT NULL, 
	first_byte_22 BIGINT NOT NULL, 
	first_byte_23 BIGINT NOT NULL, 
	first_byte_24 BIGINT NOT NULL, 
	first_byte_25 BIGINT NOT NULL, 
	CONSTRAINT pk_rollup_day_of_end_user PRIMARY KEY (org_id, bucket, dims)
);

CREATE TABLE rollup_hour (
	org_id TEXT NOT NULL, 
	bucket BIGINT NOT NULL, 
	dims BLOB NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	route TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	cancelled BIGINT NOT NULL, 
	estimated BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cache_write_1h_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	audio_input_tokens BIGINT NOT NULL, 
	audio_output_tokens BIGINT NOT NULL, 
	web_searches BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	saved_nano BIGINT NOT NULL, 
	latency_0 BIGINT NOT NULL, 
	latency_1 BIGINT NOT NULL, 
	latency_2 BIGINT NOT NULL, 
	latency_3 BIGINT NOT NULL, 
	latency_4 BIGINT NOT NULL, 
	latency_5 BIGINT NOT NULL, 
	latency_6 BIGINT NOT NULL, 
	latency_7 BIGINT NOT NULL, 
	latency_8 BIGINT NOT NULL, 
	latency_9 BIGINT NOT NULL, 
	latency_10 BIGINT NOT NULL, 
	latency_11 BIGINT NOT NULL, 
	latency_12 BIGINT NOT NULL, 
	latency_13 BIGINT NOT NULL, 
	latency_14 BIGINT NOT NULL, 
	latency_15 BIGINT NOT NULL, 
	latency_16 BIGINT NOT NULL, 
	latency_17 BIGINT NOT NULL, 
	latency_18 BIGINT NOT NULL, 
	latency_19 BIGINT NOT NULL, 
	latency_20 BIGINT NOT NULL, 
	latency_21 BIGINT NOT NULL, 
	latency_22 BIGINT NOT NULL, 
	latency_23 BIGINT NOT NULL, 
	latency_24 BIGINT NOT NULL, 
	latency_25 BIGINT NOT NULL, 
	first_byte_0 BIGINT NOT NULL, 
	first_byte_1 BIGINT NOT NULL, 
	first_byte_2 BIGINT NOT NULL, 
	first_byte_3 BIGINT NOT NULL, 
	first_byte_4 BIGINT NOT NULL, 
	first_byte_5 BIGINT NOT NULL, 
	first_byte_6 BIGINT NOT NULL, 
	first_byte_7 BIGINT NOT NULL, 
	first_byte_8 BIGINT NOT NULL, 
	first_byte_9 BIGINT NOT NULL, 
	first_byte_10 BIGINT NOT NULL, 
	first_byte_11 BIGINT NOT NULL, 
	first_byte_12 BIGINT NOT NULL, 
	first_byte_13 BIGINT NOT NULL, 
	first_byte_14 BIGINT NOT NULL, 
	first_byte_15 BIGINT NOT NULL, 
	first_byte_16 BIGINT NOT NULL, 
	first_byte_17 BIGINT NOT NULL, 
	first_byte_18 BIGINT NOT NULL, 
	first_byte_19 BIGINT NOT NULL, 
	first_byte_20 BIGINT NOT NULL, 
	first_byte_21 BIGINT NOT NULL, 
	first_byte_22 BIGINT NOT NULL, 
	first_byte_23 BIGINT NOT NULL, 
	first_byte_24 BIGINT NOT NULL, 
	first_byte_25 BIGINT NOT NULL, image_input_tokens BIGINT DEFAULT '0' NOT NULL, image_output_tokens BIGINT DEFAULT '0' NOT NULL, images BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_rollup_hour PRIMARY KEY (org_id, bucket, dims)
);

CREATE TABLE rollup_hour_of_end_user (
	org_id TEXT NOT NULL, 
	bucket BIGINT NOT NULL, 
	dims BLOB NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	route TEXT NOT NULL, 
	end_user TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	cancelled BIGINT NOT NULL, 
	estimated BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cache_write_1h_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	audio_input_tokens BIGINT NOT NULL, 
	audio_output_tokens BIGINT NOT NULL, 
	image_input_tokens BIGINT NOT NULL, 
	image_output_tokens BIGINT NOT NULL, 
	web_searches BIGINT NOT NULL, 
	images BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	saved_nano BIGINT NOT NULL, 
	latency_0 BIGINT NOT NULL, 
	latency_1 BIGINT NOT NULL, 
	latency_2 BIGINT NOT NULL, 
	latency_3 BIGINT NOT NULL, 
	latency_4 BIGINT NOT NULL, 
	latency_5 BIGINT NOT NULL, 
	latency_6 BIGINT NOT NULL, 
	latency_7 BIGINT NOT NULL, 
	latency_8 BIGINT NOT NULL, 
	latency_9 BIGINT NOT NULL, 
	latency_10 BIGINT NOT NULL, 
	latency_11 BIGINT NOT NULL, 
	latency_12 BIGINT NOT NULL, 
	latency_13 BIGINT NOT NULL, 
	latency_14 BIGINT NOT NULL, 
	latency_15 BIGINT NOT NULL, 
	latency_16 BIGINT NOT NULL, 
	latency_17 BIGINT NOT NULL, 
	latency_18 BIGINT NOT NULL, 
	latency_19 BIGINT NOT NULL, 
	latency_20 BIGINT NOT NULL, 
	latency_21 BIGINT NOT NULL, 
	latency_22 BIGINT NOT NULL, 
	latency_23 BIGINT NOT NULL, 
	latency_24 BIGINT NOT NULL, 
	latency_25 BIGINT NOT NULL, 
	first_byte_0 BIGINT NOT NULL, 
	first_byte_1 BIGINT NOT NULL, 
	first_byte_2 BIGINT NOT NULL, 
	first_byte_3 BIGINT NOT NULL, 
	first_byte_4 BIGINT NOT NULL, 
	first_byte_5 BIGINT NOT NULL, 
	first_byte_6 BIGINT NOT NULL, 
	first_byte_7 BIGINT NOT NULL, 
	first_byte_8 BIGINT NOT NULL, 
	first_byte_9 BIGINT NOT NULL, 
	first_byte_10 BIGINT NOT NULL, 
	first_byte_11 BIGINT NOT NULL, 
	first_byte_12 BIGINT NOT NULL, 
	first_byte_13 BIGINT NOT NULL, 
	first_byte_14 BIGINT NOT NULL, 
	first_byte_15 BIGINT NOT NULL, 
	first_byte_16 BIGINT NOT NULL, 
	first_byte_17 BIGINT NOT NULL, 
	first_byte_18 BIGINT NOT NULL, 
	first_byte_19 BIGINT NOT NULL, 
	first_byte_20 BIGINT NOT NULL, 
	first_byte_21 BIGINT NOT NULL, 
	first_byte_22 BIGINT NOT NULL, 
	first_byte_23 BIGINT NOT NULL, 
	first_byte_24 BIGINT NOT NULL, 
	first_byte_25 BIGINT NOT NULL, 
	CONSTRAINT pk_rollup_hour_of_end_user PRIMARY KEY (org_id, bucket, dims)
);

CREATE TABLE rollup_quarter (
	org_id TEXT NOT NULL, 
	bucket BIGINT NOT NULL, 
	dims BLOB NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	route TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	cancelled BIGINT NOT NULL, 
	estimated BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cache_write_1h_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	audio_input_tokens BIGINT NOT NULL, 
	audio_output_tokens BIGINT NOT NULL, 
	web_searches BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	saved_nano BIGINT NOT NULL, 
	latency_0 BIGINT NOT NULL, 
	latency_1 BIGINT NOT NULL, 
	latency_2 BIGINT NOT NULL, 
	latency_3 BIGINT NOT NULL, 
	latency_4 BIGINT NOT NULL, 
	latency_5 BIGINT NOT NULL, 
	latency_6 BIGINT NOT NULL, 
	latency_7 BIGINT NOT NULL, 
	latency_8 BIGINT NOT NULL, 
	latency_9 BIGINT NOT NULL, 
	latency_10 BIGINT NOT NULL, 
	latency_11 BIGINT NOT NULL, 
	latency_12 BIGINT NOT NULL, 
	latency_13 BIGINT NOT NULL, 
	latency_14 BIGINT NOT NULL, 
	latency_15 BIGINT NOT NULL, 
	latency_16 BIGINT NOT NULL, 
	latency_17 BIGINT NOT NULL, 
	latency_18 BIGINT NOT NULL, 
	latency_19 BIGINT NOT NULL, 
	latency_20 BIGINT NOT NULL, 
	latency_21 BIGINT NOT NULL, 
	latency_22 BIGINT NOT NULL, 
	latency_23 BIGINT NOT NULL, 
	latency_24 BIGINT NOT NULL, 
	latency_25 BIGINT NOT NULL, 
	first_byte_0 BIGINT NOT NULL, 
	first_byte_1 BIGINT NOT NULL, 
	first_byte_2 BIGINT NOT NULL, 
	first_byte_3 BIGINT NOT NULL, 
	first_byte_4 BIGINT NOT NULL, 
	first_byte_5 BIGINT NOT NULL, 
	first_byte_6 BIGINT NOT NULL, 
	first_byte_7 BIGINT NOT NULL, 
	first_byte_8 BIGINT NOT NULL, 
	first_byte_9 BIGINT NOT NULL, 
	first_byte_10 BIGINT NOT NULL, 
	first_byte_11 BIGINT NOT NULL, 
	first_byte_12 BIGINT NOT NULL, 
	first_byte_13 BIGINT NOT NULL, 
	first_byte_14 BIGINT NOT NULL, 
	first_byte_15 BIGINT NOT NULL, 
	first_byte_16 BIGINT NOT NULL, 
	first_byte_17 BIGINT NOT NULL, 
	first_byte_18 BIGINT NOT NULL, 
	first_byte_19 BIGINT NOT NULL, 
	first_byte_20 BIGINT NOT NULL, 
	first_byte_21 BIGINT NOT NULL, 
	first_byte_22 BIGINT NOT NULL, 
	first_byte_23 BIGINT NOT NULL, 
	first_byte_24 BIGINT NOT NULL, 
	first_byte_25 BIGINT NOT NULL, image_input_tokens BIGINT DEFAULT '0' NOT NULL, image_output_tokens BIGINT DEFAULT '0' NOT NULL, images BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_rollup_quarter PRIMARY KEY (org_id, bucket, dims)
);

CREATE TABLE rollup_quarter_of_end_user (
	org_id TEXT NOT NULL, 
	bucket BIGINT NOT NULL, 
	dims BLOB NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	route TEXT NOT NULL, 
	end_user TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	cancelled BIGINT NOT NULL, 
	estimated BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cache_write_1h_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	audio_input_tokens BIGINT NOT NULL, 
	audio_output_tokens BIGINT NOT NULL, 
	image_input_tokens BIGINT NOT NULL, 
	image_output_tokens BIGINT NOT NULL, 
	web_searches BIGINT NOT NULL, 
	images BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	saved_nano BIGINT NOT NULL, 
	latency_0 BIGINT NOT NULL, 
	latency_1 BIGINT NOT NULL, 
	latency_2 BIGINT NOT NULL, 
	latency_3 BIGINT NOT NULL, 
	latency_4 BIGINT NOT NULL, 
	latency_5 BIGINT NOT NULL, 
	latency_6 BIGINT NOT NULL, 
	latency_7 BIGINT NOT NULL, 
	latency_8 BIGINT NOT NULL, 
	latency_9 BIGINT NOT NULL, 
	latency_10 BIGINT NOT NULL, 
	latency_11 BIGINT NOT NULL, 
	latency_12 BIGINT NOT NULL, 
	latency_13 BIGINT NOT NULL, 
	latency_14 BIGINT NOT NULL, 
	latency_15 BIGINT NOT NULL, 
	latency_16 BIGINT NOT NULL, 
	latency_17 BIGINT NOT NULL, 
	latency_18 BIGINT NOT NULL, 
	latency_19 BIGINT NOT NULL, 
	latency_20 BIGINT NOT NULL, 
	latency_21 BIGINT NOT NULL, 
	latency_22 BIGINT NOT NULL, 
	latency_23 BIGINT NOT NULL, 
	latency_24 BIGINT NOT NULL, 
	latency_25 BIGINT NOT NULL, 
	first_byte_0 BIGINT NOT NULL, 
	first_byte_1 BIGINT NOT NULL, 
	first_byte_2 BIGINT NOT NULL, 
	first_byte_3 BIGINT NOT NULL, 
	first_byte_4 BIGINT NOT NULL, 
	first_byte_5 BIGINT NOT NULL, 
	first_byte_6 BIGINT NOT NULL, 
	first_byte_7 BIGINT NOT NULL, 
	first_byte_8 BIGINT NOT NULL, 
	first_byte_9 BIGINT NOT NULL, 
	first_byte_10 BIGINT NOT NULL, 
	first_byte_11 BIGINT NOT NULL, 
	first_byte_12 BIGINT NOT NULL, 
	first_byte_13 BIGINT NOT NULL, 
	first_byte_14 BIGINT NOT NULL, 
	first_byte_15 BIGINT NOT NULL, 
	first_byte_16 BIGINT NOT NULL, 
	first_byte_17 BIGINT NOT NULL, 
	first_byte_18 BIGINT NOT NULL, 
	first_byte_19 BIGINT NOT NULL, 
	first_byte_20 BIGINT NOT NULL, 
	first_byte_21 BIGINT NOT NULL, 
	first_byte_22 BIGINT NOT NULL, 
	first_byte_23 BIGINT NOT NULL, 
	first_byte_24 BIGINT NOT NULL, 
	first_byte_25 BIGINT NOT NULL, 
	CONSTRAINT pk_rollup_quarter_of_end_user PRIMARY KEY (org_id, bucket, dims)
);

CREATE TABLE service_account (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	team_id TEXT, 
	disabled_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_service_account PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_service_account_team FOREIGN KEY(org_id, team_id) REFERENCES team (org_id, id), 
	CONSTRAINT fk_service_account_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_service_account_org_id_name UNIQUE (org_id, name)
);

CREATE TABLE stored_provider (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	entry JSON NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_stored_provider PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_stored_provider_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_stored_provider_org_id_name UNIQUE (org_id, name)
);

CREATE TABLE stored_route (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	entry JSON NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_stored_route PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_stored_route_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_stored_route_org_id_name UNIQUE (org_id, name)
);

CREATE TABLE team (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	disabled_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_team PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_team_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_team_org_id_name UNIQUE (org_id, name)
);

CREATE TABLE team_member (
	org_id TEXT NOT NULL, 
	team_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_team_member PRIMARY KEY (org_id, team_id, user_id), 
	CONSTRAINT fk_team_member_team FOREIGN KEY(org_id, team_id) REFERENCES team (org_id, id) ON DELETE CASCADE, 
	CONSTRAINT fk_team_member_user_account FOREIGN KEY(org_id, user_id) REFERENCES user_account (org_id, id) ON DELETE CASCADE
);

CREATE TABLE user_account (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	email TEXT, 
	disabled_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_user_account PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_user_account_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_user_account_org_id_email UNIQUE (org_id, email)
);

CREATE TABLE webhook (
	org_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	url TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	shared BOOLEAN NOT NULL, 
	disabled_at BIGINT, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_webhook PRIMARY KEY (org_id, id), 
	CONSTRAINT fk_webhook_organisation FOREIGN KEY(org_id) REFERENCES organisation (org_id), 
	CONSTRAINT uq_webhook_org_id_url UNIQUE (org_id, url)
);

CREATE INDEX ix_api_key_org_id_created_at_id ON api_key (org_id, created_at, id);

CREATE INDEX ix_audit_event_generation ON audit_event (generation);

CREATE INDEX ix_audit_event_org_id_subject_kind_subject_id_seq ON audit_event (org_id, subject_kind, subject_id, seq);

CREATE INDEX ix_billing_adjustment_org_id_customer_id ON billing_adjustment (org_id, customer_id);

CREATE INDEX ix_billing_customer_external_id ON billing_customer (external_id);

CREATE INDEX ix_billing_payment_org_id_customer_id ON billing_payment (org_id, customer_id);

CREATE INDEX ix_billing_subscription_org_id_customer_id ON billing_subscription (org_id, customer_id);

CREATE INDEX ix_credential_org_id_created_at_id ON credential (org_id, created_at, id);

CREATE INDEX ix_end_user_org_id_last_seen_at ON end_user (org_id, last_seen_at);

CREATE INDEX ix_erasure_org_id_created_at_id ON erasure (org_id, created_at, id);

CREATE INDEX ix_idempotency_record_expires_at ON idempotency_record (expires_at);

CREATE INDEX ix_kept_object_expires_at ON kept_object (expires_at);

CREATE INDEX ix_kept_object_id ON kept_object (id);

CREATE INDEX ix_kept_object_org_id_end_user_mark ON kept_object (org_id, end_user_mark);

CREATE INDEX ix_kept_object_org_id_kind_created_at_id ON kept_object (org_id, kind, created_at, id);

CREATE INDEX ix_kept_object_state_kind ON kept_object (state, kind);

CREATE INDEX ix_ledger_org_id_at ON ledger (org_id, at);

CREATE INDEX ix_limit_lease_owner ON limit_lease (owner);

CREATE INDEX ix_limit_rule_org_id_created_at_id ON limit_rule (org_id, created_at, id);

CREATE INDEX ix_limit_rule_org_id_scope_kind_scope_id ON limit_rule (org_id, scope_kind, scope_id);

CREATE INDEX ix_limit_window_ends_at ON limit_window (ends_at);

CREATE INDEX ix_limit_window_org_id_scope ON limit_window (org_id, scope);

CREATE INDEX ix_outbox_due_at ON outbox (due_at);

CREATE INDEX ix_rollup_day_of_end_user_org_id_key_id_bucket ON rollup_day_of_end_user (org_id, key_id, bucket);

CREATE INDEX ix_rollup_day_org_id_key_id_bucket ON rollup_day (org_id, key_id, bucket);

CREATE INDEX ix_rollup_hour_of_end_user_org_id_key_id_bucket ON rollup_hour_of_end_user (org_id, key_id, bucket);

CREATE INDEX ix_rollup_hour_org_id_key_id_bucket ON rollup_hour (org_id, key_id, bucket);

CREATE INDEX ix_rollup_quarter_of_end_user_org_id_key_id_bucket ON rollup_quarter_of_end_user (org_id, key_id, bucket);

CREATE INDEX ix_rollup_quarter_org_id_key_id_bucket ON rollup_quarter (org_id, key_id, bucket);

CREATE INDEX ix_service_account_org_id_created_at_id ON service_account (org_id, created_at, id);

CREATE INDEX ix_stored_provider_org_id_created_at_id ON stored_provider (org_id, created_at, id);

CREATE INDEX ix_stored_route_org_id_created_at_id ON stored_route (org_id, created_at, id);

CREATE INDEX ix_team_org_id_created_at_id ON team (org_id, created_at, id);

CREATE INDEX ix_user_account_org_id_created_at_id ON user_account (org_id, created_at, id);

CREATE INDEX ix_webhook_org_id_created_at_id ON webhook (org_id, created_at, id)
"""All tables, row-level security, the first generation and the organisation `default`."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT, NUMBER, COUNT, FLAG, BYTES = sa.Text(), sa.BigInteger(), sa.Integer(), sa.Boolean(), sa.LargeBinary()
JSON = sa.JSON(none_as_null=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

MEASURES = (
    *("requests", "attempts", "errors", "cancelled", "estimated", "unpriced"),
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "web_searches",
    "cost_nano",
    "saved_nano",
    *(f"latency_{step}" for step in range(26)),
    *(f"first_byte_{step}" for step in range(26)),
)
TENANT_TABLES = (
    "ledger",
    "organisation",
    "rollup_day",
    "rollup_hour",
    "rollup_quarter",
    "audit_event",
    "budget",
    "credential",
    "end_user",
    "idempotency_record",
    "limit_rule",
    "outbox",
    "price_version",
    "reservation",
    "role_binding",
    "team",
    "user_account",
    "api_key",
    "budget_window",
    "service_account",
    "team_member",
)
WALL = (
    "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON %(table)s USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


def upgrade() -> None:
    _tables()
    for name in ("rollup_quarter", "rollup_hour", "rollup_day"):
        _rollup(name)
    if op.get_bind().dialect.name == "postgresql":
        for name in TENANT_TABLES:
            for statement in WALL:
                op.execute(sa.DDL(statement, context={"table": name}))
    _first_rows(int(time.time() * 1_000_000))


def _first_rows(now: int) -> None:
    organisation = _named("organisation", "org_id", "name", "created_at", "updated_at", "revision")
    op.bulk_insert(organisation, [{"org_id": "default", "name": "default", "created_at": now, "updated_at": now, "revision": 1}])
    generation = _named("config_generation", "id", "generation", "changed_at")
    op.bulk_insert(generation, [{"id": 1, "generation": 1, "changed_at": now}])


def _named(table: str, *columns: str) -> sa.TableClause:
    return sa.table(table, *(sa.column(name, sa.types.NullType()) for name in columns))


def _rollup(name: str) -> None:
    op.create_table(
        name,
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("bucket", NUMBER, nullable=False),
        sa.Column("dims", BYTES, nullable=False),
        sa.Column("team_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("provider", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("route", TEXT, nullable=False),
        sa.Column("tag", TEXT, nullable=False),
        *(sa.Column(measure, NUMBER, nullable=False) for measure in MEASURES),
        sa.PrimaryKeyConstraint("org_id", "bucket", "dims", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_org_id_key_id_bucket", name, ["org_id", "key_id", "bucket"])


def _tables() -> None:
    op.create_table(
        "config_generation",
        sa.Column("id", COUNT, nullable=False),
        sa.Column("generation", NUMBER, nullable=False),
        sa.Column("changed_at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_config_generation"),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("attempt", COUNT, nullable=False),
        sa.Column("entry", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("key_name", TEXT, nullable=False),
        sa.Column("team_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("end_user", TEXT, nullable=False),
        sa.Column("tags", JSON, nullable=True),
        sa.Column("surface", TEXT, nullable=False),
        sa.Column("route", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("provider", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("stream", FLAG, nullable=False),
        sa.Column("identity", FLAG, nullable=False),
        sa.Column("status", COUNT, nullable=False),
        sa.Column("upstream_status", COUNT, nullable=True),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("input_tokens", NUMBER, nullable=True),
        sa.Column("cache_read_tokens", NUMBER, nullable=True),
        sa.Column("cache_write_tokens", NUMBER, nullable=True),
        sa.Column("cache_write_1h_tokens", NUMBER, nullable=True),
        sa.Column("output_tokens", NUMBER, nullable=True),
        sa.Column("reasoning_tokens", NUMBER, nullable=True),
        sa.Column("audio_input_tokens", NUMBER, nullable=True),
        sa.Column("audio_output_tokens", NUMBER, nullable=True),
        sa.Column("web_searches", NUMBER, nullable=True),
        sa.Column("other_usage", JSON, nullable=True),
        sa.Column("estimated", TEXT, nullable=True),
        sa.Column("cost_nano", NUMBER, nullable=True),
        sa.Column("saved_nano", NUMBER, nullable=False),
        sa.Column("price_source", TEXT, nullable=True),
        sa.Column("lines", JSON, nullable=True),
        sa.Column("duration_us", NUMBER, nullable=False),
        sa.Column("first_byte_us", NUMBER, nullable=True),
        sa.Column("receipt", JSON, nullable=True),
        sa.Column("receipt_digest", BYTES, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger"),
        sa.UniqueConstraint("request_id", "attempt", "entry", name="uq_ledger_request_id_attempt_entry"),
    )
    op.create_index("ix_ledger_org_id_at", "ledger", ["org_id", "at"])
    op.create_table(
        "organisation",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_organisation"),
    )
    op.create_table(
        "audit_event",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("actor_kind", TEXT, nullable=False),
        sa.Column("actor_id", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject_kind", TEXT, nullable=False),
        sa.Column("subject_id", TEXT, nullable=False),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=True),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("generation", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_audit_event_organisation"),
        sa.PrimaryKeyConstraint("org_id", "seq", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_org_id_subject_kind_subject_id_seq", "audit_event", ["org_id", "subject_kind", "subject_id", "seq"])
    op.create_table(
        "budget",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scope_kind", TEXT, nullable=False),
        sa.Column("scope_id", TEXT, nullable=False),
        sa.Column("limit_nano", NUMBER, nullable=False),
        sa.Column("period", TEXT, nullable=False),
        sa.Column("time_zone", TEXT, nullable=False),
        sa.Column("hard", FLAG, nullable=False),
        sa.Column("mode", TEXT, nullable=False),
        sa.Column("thresholds", JSON, nullable=False),
        sa.Column("request_ceiling_nano", NUMBER, nullable=True),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_budget_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_budget"),
    )
    op.create_index("ix_budget_org_id_created_at_id", "budget", ["org_id", "created_at", "id"])
    op.create_index("ix_budget_org_id_scope_kind_scope_id", "budget", ["org_id", "scope_kind", "scope_id"])
    op.create_table(
        "credential",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("provider", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("version", COUNT, nullable=False),
        sa.Column("sealed", BYTES, nullable=False),
        sa.Column("kek_id", TEXT, nullable=False),
        sa.Column("last4", TEXT, nullable=False),
        sa.Column("shared", FLAG, nullable=False),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("last_used_at", NUMBER, nullable=True),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_credential_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_credential"),
        sa.UniqueConstraint("org_id", "name", name="uq_credential_org_id_name"),
    )
    op.create_index("ix_credential_org_id_created_at_id", "credential", ["org_id", "created_at", "id"])
    op.create_table(
        "end_user",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("first_seen_at", NUMBER, nullable=False),
        sa.Column("last_seen_at", NUMBER, nullable=False),
        sa.Column("blocked_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_end_user_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_end_user"),
    )
    op.create_index("ix_end_user_org_id_last_seen_at", "end_user", ["org_id", "last_seen_at"])
    op.create_table(
        "idempotency_record",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("fingerprint", BYTES, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("status", COUNT, nullable=True),
        sa.Column("answer", BYTES, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_idempotency_record_organisation"),
        sa.PrimaryKeyConstraint("org_id", "owner", "key", name="pk_idempotency_record"),
    )
    op.create_index("ix_idempotency_record_expires_at", "idempotency_record", ["expires_at"])
    op.create_table(
        "limit_rule",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scope_kind", TEXT, nullable=False),
        sa.Column("scope_id", TEXT, nullable=False),
        sa.Column("measure", TEXT, nullable=False),
        sa.Column("amount", NUMBER, nullable=False),
        sa.Column("window_seconds", NUMBER, nullable=False),
        sa.Column("burst", NUMBER, nullable=True),
        sa.Column("mode", TEXT, nullable=False),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_limit_rule_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_limit_rule"),
    )
    op.create_index("ix_limit_rule_org_id_created_at_id", "limit_rule", ["org_id", "created_at", "id"])
    op.create_index("ix_limit_rule_org_id_scope_kind_scope_id", "limit_rule", ["org_id", "scope_kind", "scope_id"])
    op.create_table(
        "outbox",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("message", JSON, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("due_at", NUMBER, nullable=False),
        sa.Column("tries", COUNT, nullable=False),
        sa.Column("failure", TEXT, nullable=False),
        sa.Column("done_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_outbox_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])
    op.create_table(
        "price_version",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("provider", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("valid_from", NUMBER, nullable=False),
        sa.Column("price", JSON, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_price_version_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_price_version"),
        sa.UniqueConstraint("org_id", "provider", "model", "valid_from", name="uq_price_version_org_id_provider_model_valid_from"),
    )
    op.create_table(
        "reservation",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("attempt", COUNT, nullable=False),
        sa.Column("amount_nano", NUMBER, nullable=False),
        sa.Column("windows", JSON, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("lease_until", NUMBER, nullable=False),
        sa.Column("checkpoint", JSON, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_reservation_organisation"),
        sa.PrimaryKeyConstraint("org_id", "request_id", "attempt", name="pk_reservation"),
    )
    op.create_index("ix_reservation_lease_until", "reservation", ["lease_until"])
    op.create_table(
        "role_binding",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("subject_kind", TEXT, nullable=False),
        sa.Column("subject_id", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_role_binding_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_role_binding"),
        sa.UniqueConstraint(
            "org_id", "subject_kind", "subject_id", "role", "scope", name="uq_role_binding_org_id_subject_kind_subject_id_role_scope"
        ),
    )
    op.create_table(
        "team",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_team_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_team"),
        sa.UniqueConstraint("org_id", "name", name="uq_team_org_id_name"),
    )
    op.create_index("ix_team_org_id_created_at_id", "team", ["org_id", "created_at", "id"])
    op.create_table(
        "user_account",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_user_account_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_user_account"),
        sa.UniqueConstraint("org_id", "email", name="uq_user_account_org_id_email"),
    )
    op.create_index("ix_user_account_org_id_created_at_id", "user_account", ["org_id", "created_at", "id"])
    op.create_table(
        "api_key",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("env", TEXT, nullable=False),
        sa.Column("digest", BYTES, nullable=False),
        sa.Column("pepper_version", COUNT, nullable=False),
        sa.Column("owner_kind", TEXT, nullable=False),
        sa.Column("owner_id", TEXT, nullable=False),
        sa.Column("team_id", TEXT, nullable=True),
        sa.Column("user_id", TEXT, nullable=True),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("models", JSON, nullable=False),
        sa.Column("routes", JSON, nullable=False),
        sa.Column("addresses", JSON, nullable=False),
        sa.Column("times", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=True),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("revoked_at", NUMBER, nullable=True),
        sa.Column("last_used_at", NUMBER, nullable=True),
        sa.Column("rotated_from", TEXT, nullable=True),
        sa.Column("overlap_until", NUMBER, nullable=True),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"], name="fk_api_key_team"),
        sa.ForeignKeyConstraint(["org_id", "user_id"], ["user_account.org_id", "user_account.id"], name="fk_api_key_user_account"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_api_key_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_api_key"),
        sa.UniqueConstraint("digest", name="uq_api_key_digest"),
        sa.UniqueConstraint("id", name="uq_api_key_id"),
    )
    op.create_index("ix_api_key_org_id_created_at_id", "api_key", ["org_id", "created_at", "id"])
    op.create_table(
        "budget_window",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("budget_id", TEXT, nullable=False),
        sa.Column("window_id", TEXT, nullable=False),
        sa.Column("spent_nano", NUMBER, nullable=False),
        sa.Column("reserved_nano", NUMBER, nullable=False),
        sa.Column("opens_at", NUMBER, nullable=False),
        sa.Column("closes_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id", "budget_id"], ["budget.org_id", "budget.id"], name="fk_budget_window_budget", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "budget_id", "window_id", name="pk_budget_window"),
    )
    op.create_table(
        "service_account",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("team_id", TEXT, nullable=True),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"], name="fk_service_account_team"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_service_account_organisation"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_service_account"),
        sa.UniqueConstraint("org_id", "name", name="uq_service_account_org_id_name"),
    )
    op.create_index("ix_service_account_org_id_created_at_id", "service_account", ["org_id", "created_at", "id"])
    op.create_table(
        "team_member",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("team_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"], name="fk_team_member_team", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["org_id", "user_id"], ["user_account.org_id", "user_account.id"], name="fk_team_member_user_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "team_id", "user_id", name="pk_team_member"),
    )

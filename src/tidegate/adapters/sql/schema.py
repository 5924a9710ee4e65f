"""The tables of everything that is configured, owned or reserved; those of usage are in `schema_usage`. No statements.

Every table in `TENANT_TABLES` has `org_id` first in its key. References between rows name the organisation too, so that no row can point at
another tenant's. What a column may hold is decided above; the database holds the keys, the references and the uniqueness.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from tidegate.adapters.sql.columns import METADATA, document, lifetime, moment, number, owned, text

organisation = Table(
    "organisation",
    METADATA,
    Column("org_id", Text, primary_key=True),
    text("name"),
    moment("disabled_at", optional=True),
    *lifetime(),
)


def _of_organisation() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id"], ["organisation.org_id"])


team = Table(
    "team",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    moment("disabled_at", optional=True),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "name"),
    Index(None, "org_id", "created_at", "id"),
)

user_account = Table(
    "user_account",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("email", optional=True),
    moment("disabled_at", optional=True),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "email"),
    Index(None, "org_id", "created_at", "id"),
)

team_member = Table(
    "team_member",
    METADATA,
    text("org_id"),
    text("team_id"),
    text("user_id"),
    moment("created_at"),
    owned("team_id", "user_id"),
    ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["org_id", "user_id"], ["user_account.org_id", "user_account.id"], ondelete="CASCADE"),
)

service_account = Table(
    "service_account",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("team_id", optional=True),
    moment("disabled_at", optional=True),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"]),
    UniqueConstraint("org_id", "name"),
    Index(None, "org_id", "created_at", "id"),
)

role_binding = Table(
    "role_binding",
    METADATA,
    text("org_id"),
    text("id"),
    text("subject_kind"),
    text("subject_id"),
    text("role"),
    text("scope"),
    moment("created_at"),
    text("created_by"),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "subject_kind", "subject_id", "role", "scope"),
)

api_key = Table(
    "api_key",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("env"),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", Integer, nullable=False),
    text("owner_kind"),
    text("owner_id"),
    text("team_id", optional=True),
    text("user_id", optional=True),
    text("purpose"),
    document("models"),
    document("routes"),
    document("addresses"),
    document("times"),
    document("tags"),
    moment("expires_at", optional=True),
    moment("disabled_at", optional=True),
    moment("revoked_at", optional=True),
    moment("last_used_at", optional=True),
    text("rotated_from", optional=True),
    moment("overlap_until", optional=True),
    text("created_by"),
    *lifetime(),
    Column("priority", Text, nullable=False, server_default="interactive"),
    text("line", optional=True),
    owned("id"),
    _of_organisation(),
    ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"]),
    ForeignKeyConstraint(["org_id", "user_id"], ["user_account.org_id", "user_account.id"]),
    UniqueConstraint("id"),
    UniqueConstraint("digest"),
    Index(None, "org_id", "created_at", "id"),
)

limit_rule = Table(
    "limit_rule",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("scope_kind"),
    text("scope_id"),
    text("measure"),
    number("amount"),
    number("window_seconds"),
    number("burst", optional=True),
    text("mode"),
    moment("disabled_at", optional=True),
    Column("per", Text, nullable=False, server_default="day"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("hard", Boolean, nullable=False, server_default=true()),
    Column("reserve", Text, nullable=False, server_default="strict"),
    document("alerts", optional=True),
    number("ceiling_nano", optional=True),
    number("output_cap", optional=True),
    Column("created_by", Text, nullable=False, server_default=""),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    Index(None, "org_id", "scope_kind", "scope_id"),
    Index(None, "org_id", "created_at", "id"),
)

limit_window = Table(
    "limit_window",
    METADATA,
    text("org_id"),
    text("key"),
    moment("starts_at"),
    moment("ends_at", optional=True),
    text("scope"),
    text("measure"),
    number("used"),
    number("held"),
    owned("key", "starts_at"),
    Index(None, "org_id", "scope"),
    Index(None, "ends_at"),
)
"""How one limit stands for one subject (`scope` is `kind:subject`) in one window: what the ledger says was `used`, and what processes
`held` of the rest, which is the sum of what their leases are granted beyond what they have posted."""

limit_lease = Table(
    "limit_lease",
    METADATA,
    text("org_id"),
    text("key"),
    moment("starts_at"),
    text("owner"),
    number("granted"),
    number("posted"),
    owned("key", "starts_at", "owner"),
    Index(None, "owner"),
)
"""What one process was granted of a window, and what the ledger says it used there."""

limit_owner = Table("limit_owner", METADATA, Column("owner", Text, primary_key=True), moment("alive_until"))
"""The processes that share limits."""

limit_part = Table(
    "limit_part",
    METADATA,
    text("key"),
    text("owner"),
    number("granted"),
    number("wanted"),
    moment("counts_until"),
    PrimaryKeyConstraint("key", "owner"),
)
"""What each process may admit of a limit by the minute or hour or at the same time. It counts until what was admitted under it is over."""

credential = Table(
    "credential",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("provider"),
    text("origin"),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    text("kek_id"),
    text("last4"),
    Column("shared", Boolean, nullable=False),
    Column("weight", Integer, nullable=False, server_default="1"),
    document("limits", optional=True),
    Column("reference", Text, nullable=False, server_default=""),
    moment("disabled_at", optional=True),
    moment("last_used_at", optional=True),
    text("created_by"),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "name"),
    Index(None, "org_id", "created_at", "id"),
)


def _stored(name: str) -> Table:
    return Table(
        name,
        METADATA,
        text("org_id"),
        text("id"),
        text("name"),
        document("entry"),
        text("created_by"),
        *lifetime(),
        owned("id"),
        _of_organisation(),
        UniqueConstraint("org_id", "name"),
        Index(None, "org_id", "created_at", "id"),
    )


stored_provider = _stored("stored_provider")
stored_route = _stored("stored_route")

price_version = Table(
    "price_version",
    METADATA,
    text("org_id"),
    text("id"),
    text("provider"),
    text("model"),
    moment("valid_from"),
    document("price"),
    text("source"),
    text("created_by"),
    moment("created_at"),
    Column("updated_at", BigInteger, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "provider", "model", "valid_from"),
)

webhook = Table(
    "webhook",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("url"),
    Column("version", Integer, nullable=False),
    Column("shared", Boolean, nullable=False),
    moment("disabled_at", optional=True),
    text("created_by"),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "url"),
    Index(None, "org_id", "created_at", "id"),
)

audit_event = Table(
    "audit_event",
    METADATA,
    text("org_id"),
    number("seq"),
    moment("at"),
    text("actor_kind"),
    text("actor_id"),
    text("action"),
    text("subject_kind"),
    text("subject_id"),
    document("before", optional=True),
    document("after", optional=True),
    text("request_id"),
    text("address"),
    text("reason"),
    number("generation"),
    owned("seq"),
    _of_organisation(),
    Index(None, "org_id", "subject_kind", "subject_id", "seq"),
    Index(None, "generation"),
)

idempotency_record = Table(
    "idempotency_record",
    METADATA,
    text("org_id"),
    text("owner"),
    text("key"),
    Column("fingerprint", LargeBinary, nullable=False),
    text("state"),
    Column("status", Integer, nullable=True),
    Column("answer", LargeBinary, nullable=True),
    moment("created_at"),
    moment("expires_at"),
    owned("owner", "key"),
    _of_organisation(),
    Index(None, "expires_at"),
)

erasure = Table(
    "erasure",
    METADATA,
    text("org_id"),
    text("id"),
    text("subject_kind"),
    text("subject"),
    text("mark"),
    text("pseudonym"),
    document("counts"),
    moment("finished_at", optional=True),
    text("created_by"),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    Index(None, "org_id", "created_at", "id"),
)

outbox = Table(
    "outbox",
    METADATA,
    text("org_id"),
    text("id"),
    text("topic"),
    document("message"),
    moment("created_at"),
    moment("due_at"),
    Column("tries", Integer, nullable=False, default=0),
    text("failure"),
    moment("done_at", optional=True),
    owned("id"),
    _of_organisation(),
    Index(None, "due_at"),
)

config_generation = Table(
    "config_generation",
    METADATA,
    Column("id", Integer, primary_key=True),
    number("generation"),
    moment("changed_at"),
)
"""One row, of id 1: the number of the latest change, of whatever tenant."""

installation = Table("installation", METADATA, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
"""What all gateways on this database have in common, by name."""

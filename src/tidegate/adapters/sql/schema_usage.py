"""The tables of usage: the ledger, one row for each entry of an attempt, and its rollups, one row for each group of a quarter of an hour,
an hour and a day of UTC. The ledger never changes; the rollups are sums of it, kept in the same transaction, and answer every query.

A rollup's row is found by `dims`, a digest of the values it is for. A row with a `tag` repeats what the row without one has, for those
attempts that carry the tag. End users, of whom there may be very many, have tables of their own, so that no other question reads past
them. Latencies are counted in steps, so that rows can be added up and still tell percentiles.
"""

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, UniqueConstraint

from tidegate.adapters.sql.columns import METADATA, SERIAL, document, moment, number, owned, text

KINDS = (
    *("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning"),
    *("audio_input", "audio_output", "image_input", "image_output"),
)
"""Kinds of tokens, as `ir.usage.Usage` names them; each has a column `<kind>_tokens`."""

BOUNDS_MS = (
    *(25, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800, 6400),
    *(9600, 12800, 19200, 25600, 38400, 51200, 76800, 102400, 153600),
)
"""Upper bounds of the steps of latency; the last step has none."""

ledger = Table(
    "ledger",
    METADATA,
    Column("seq", SERIAL, autoincrement=True),
    text("org_id"),
    text("request_id"),
    Column("attempt", Integer, nullable=False),
    text("entry"),
    moment("at"),
    text("key_id"),
    text("key_name"),
    text("team_id"),
    text("user_id"),
    text("end_user"),
    document("tags", optional=True),
    text("surface"),
    text("route"),
    text("target"),
    text("provider"),
    text("model"),
    Column("stream", Boolean, nullable=False),
    Column("identity", Boolean, nullable=False),
    Column("status", Integer, nullable=False),
    Column("upstream_status", Integer, nullable=True),
    text("error", optional=True),
    *(number(f"{kind}_tokens", optional=True) for kind in KINDS),
    number("web_searches", optional=True),
    number("images", optional=True),
    document("other_usage", optional=True),
    text("estimated", optional=True),
    number("cost_nano", optional=True),
    number("saved_nano"),
    text("price_source", optional=True),
    document("lines", optional=True),
    number("duration_us"),
    number("first_byte_us", optional=True),
    document("receipt", optional=True),
    Column("receipt_digest", LargeBinary, nullable=True),
    PrimaryKeyConstraint("seq"),
    UniqueConstraint("request_id", "attempt", "entry"),
    Index(None, "org_id", "at"),
)

PLAIN_GROUPS = ("team_id", "user_id", "key_id", "provider", "model", "route")
GROUPS = (*PLAIN_GROUPS, "tag")
END_USER_GROUPS = (*PLAIN_GROUPS, "end_user")
"""What a rollup's row is for, besides the organisation and the time. Empty where an attempt has none."""

COUNTS = ("requests", "attempts", "errors", "cancelled", "estimated", "unpriced")
LATENCY = tuple(f"latency_{step}" for step in range(len(BOUNDS_MS) + 1))
FIRST_BYTE = tuple(f"first_byte_{step}" for step in range(len(BOUNDS_MS) + 1))
MEASURES = (*COUNTS, *(f"{kind}_tokens" for kind in KINDS), "web_searches", "images", "cost_nano", "saved_nano", *LATENCY, *FIRST_BYTE)
"""What is added up."""


def _rollup(name: str, of: tuple[str, ...]) -> Table:
    groups: list[Column[Any]] = [text(group) for group in of]
    return Table(
        name,
        METADATA,
        text("org_id"),
        moment("bucket"),
        Column("dims", LargeBinary, nullable=False),
        *groups,
        *(number(measure) for measure in MEASURES),
        owned("bucket", "dims"),
        Index(None, "org_id", "key_id", "bucket"),
    )


ROLLUPS = tuple((seconds, _rollup(f"rollup_{name}", GROUPS)) for seconds, name in ((900, "quarter"), (3600, "hour"), (86400, "day")))
END_USER_ROLLUPS = tuple((seconds, _rollup(f"{table.name}_of_end_user", END_USER_GROUPS)) for seconds, table in ROLLUPS)
"""(seconds of a bucket, table), finest first. Every offset of a time zone is whole quarters of an hour."""
WRITTEN = (*ROLLUPS, *END_USER_ROLLUPS)

PASSING = (*(table for seconds, table in ROLLUPS if seconds < 86400), *(table for _, table in END_USER_ROLLUPS))
"""The rollups that go with the rows of the ledger; days without end users stay."""

TENANT_FREE = ("config_generation", "limit_owner", "limit_part", "installation")
"""Tables that belong to no tenant."""

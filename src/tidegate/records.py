"""Who and what is kept in the database, as values: tenants, people, keys, audit events. The repositories of `adapters.sql` make and take
them, the control plane shows and edits them. Nothing here decides.

All times are integer microseconds since 1970, UTC. Ids are public and random; they tell no order and are no secret.
"""

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar

import msgspec

from tidegate.ir.json import JsonObject

T = TypeVar("T")

DEFAULT_ORG = "default"
"""The organisation that is always there: what files define belongs to it."""


class Tenant(msgspec.Struct, frozen=True):
    """Whose rows a statement may see and write."""

    org_id: str = DEFAULT_ORG


class Everyone(msgspec.Struct, frozen=True):
    """All organisations: for the operator and for the gateway's own loops, never for what a request names."""


Scope = Tenant | Everyone
EVERYONE = Everyone()


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a change, for its audit event. `kind` is `user`, `service_account`, `key`, `cli` or `system`."""

    kind: str
    id: str
    request_id: str = ""
    address: str = ""
    reason: str = ""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `cursor` asks for the next one, None at the end."""

    items: tuple[T, ...]
    cursor: str | None = None


class Conflict(ValueError):
    """The change cannot be made: the name is taken, or `revision` is not the present one. The message names no other tenant."""


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    org_id: str
    name: str
    disabled_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Team(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    disabled_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    email: str | None = None
    disabled_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    team_id: str | None = None
    disabled_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without what could be used: the digest is there for the snapshot and never leaves the process.

    `models` are names or beginnings with `*`; `routes` names of routes; `addresses` CIDRs; `times` are `{"days", "from", "to",
    "time_zone"}`; empty means all. A key that `rotated_from` another replaces it; the old one ends at its `overlap_until`.
    """

    id: str
    name: str
    env: Literal["live", "test", "svc", "adm"] = "live"
    digest: bytes = b""
    pepper_version: int = 1
    owner_kind: Literal["org", "team", "user", "service_account"] = "org"
    owner_id: str = ""
    team_id: str | None = None
    user_id: str | None = None
    purpose: str = ""
    models: list[str] = []
    routes: list[str] = []
    addresses: list[str] = []
    times: list[JsonObject] = []
    tags: list[str] = []
    expires_at: int | None = None
    disabled_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    rotated_from: str | None = None
    overlap_until: int | None = None
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class LimitRule(msgspec.Struct, frozen=True, kw_only=True):
    """A limit as people set it. `scope_kind` and `scope_id` say whose it is, an empty id that it is each one's of its kind. `amount` is in
    requests, tokens, calls at once or nano-dollars, `alerts` in percent of it; these, `hard`, `reserve`, `ceiling_nano` and `output_cap`
    are for spend only."""

    id: str
    name: str
    scope_kind: Literal["organisation", "team", "user", "key", "end_user", "route", "model", "tag"]
    scope_id: str = ""
    measure: Literal["requests", "tokens", "concurrent", "spend"]
    per: Literal["minute", "hour", "day", "week", "month", "total", "moment"]
    amount: int
    mode: Literal["enforce", "observe"] = "enforce"
    time_zone: str = "UTC"
    hard: bool = True
    reserve: Literal["strict", "estimate"] = "strict"
    alerts: list[int] = []
    ceiling_nano: int | None = None
    output_cap: int | None = None
    disabled_at: int | None = None
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    team_id: str
    user_id: str
    created_at: int = 0


class RoleBinding(msgspec.Struct, frozen=True, kw_only=True):
    """`subject_kind` is `user` or `service_account`; `role` and `scope` are of `policy.roles`."""

    id: str
    subject_kind: str
    subject_id: str
    role: str
    scope: str
    created_by: str = ""
    created_at: int = 0


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`only` is columns and the values they must have, or one of several; `after` is a `Page.cursor`."""

    limit: int = 50
    after: str | None = None
    only: Mapping[str, str | tuple[str, ...]] = {}


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that may be repeated: `owner` sent it with that idempotency `key`, and `fingerprint` is its digest."""

    owner: str
    key: str
    fingerprint: bytes
    status: int
    answer: bytes
    created_at: int
    expires_at: int


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `seq` grows by one for each event of its organisation, without gaps. `before` and `after` hold no secret."""

    org_id: str
    seq: int
    at: int
    actor_kind: str
    actor_id: str
    action: str
    subject_kind: str
    subject_id: str
    before: JsonObject | None = None
    after: JsonObject | None = None
    request_id: str = ""
    address: str = ""
    reason: str = ""
    generation: int = 0

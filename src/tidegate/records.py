"""Who and what is kept in the database, as values: tenants, people, keys, audit events. The repositories of `adapters.sql` make and take
them, the control plane shows and edits them. Nothing here decides.

All times are integer microseconds since 1970, UTC. Ids are public and random; they tell no order and are no secret.
"""

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar

import msgspec

from tidegate.ir.json import JsonObject

T = TypeVar("T")
KeyState = Literal["active", "disabled", "expired", "revoked", "replaced"]

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
    """A key without what could be used: the digest is there for the snapshot and never leaves the process. `models` are names or beginnings
    with `*`; `routes` names of routes; `addresses` CIDRs; `times` are `{"days", "from", "to", "time_zone"}`; empty means all. A key that
    `rotated_from` another replaces it; the old one ends at its `overlap_until`. `line` is the first of all that replaced each other, in
    whose name their limits are counted; None where that is the key itself. `ext`: imported."""

    id: str
    name: str
    env: Literal["live", "test", "svc", "adm", "ext"] = "live"
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
    priority: Literal["interactive", "background", "batch"] = "interactive"
    expires_at: int | None = None
    disabled_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    rotated_from: str | None = None
    overlap_until: int | None = None
    line: str | None = None
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


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's credential, sealed. It goes to `provider` at `origin` only, and only the snapshot and the change of keys see `sealed`.

    `shared` ones are for all organisations and belong to the default one. Of several for one provider, each gets calls by its `weight`.
    `limits` is as in tidegate.yaml. `reference` is where `tidegate apply` took the secret from, like `env:NAME`.
    """

    id: str
    name: str
    provider: str
    origin: str
    version: int = 1
    sealed: bytes = b""
    kek_id: str = ""
    last4: str = ""
    shared: bool = False
    weight: int = 1
    limits: JsonObject | None = None
    reference: str = ""
    disabled_at: int | None = None
    last_used_at: int | None = None
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the database defines under a name. `entry` is as in tidegate.yaml, without any secret."""

    id: str
    name: str
    entry: JsonObject
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class StoredProvider(StoredEntry, frozen=True, kw_only=True):
    """A provider that the database defines."""


class StoredRoute(StoredEntry, frozen=True, kw_only=True):
    """A route that the database defines."""


class StoredPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a price that the database defines: of `provider/model`, or of all whose names begin so where `model` ends in `*`, from
    the day that begins at `valid_from` on (0: always). `price` is as in tidegate.yaml, `source` says where it was read."""

    id: str
    provider: str
    model: str
    valid_from: int = 0
    price: JsonObject
    source: str = ""
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


class StoredWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of an organisation's budgets, or where it is `shared` of everybody's. Its secret is made of `version` and the pepper."""

    id: str
    name: str
    url: str
    version: int = 1
    shared: bool = False
    disabled_at: int | None = None
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the database defines besides keys, for the snapshot. Each credential and each webhook stands with its organisation."""

    providers: tuple[StoredProvider, ...] = ()
    routes: tuple[StoredRoute, ...] = ()
    credentials: tuple[tuple[str, Credential], ...] = ()
    prices: tuple[StoredPrice, ...] = ()
    webhooks: tuple[tuple[str, StoredWebhook], ...] = ()


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
    """`only` is columns and their values, or one of several; `after` is a `Page.cursor`; `state` is what keys are at a time."""

    limit: int = 50
    after: str | None = None
    only: Mapping[str, str | tuple[str, ...]] = {}
    state: tuple[KeyState, int] | None = None


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


class Subject(msgspec.Struct, frozen=True):
    """Somebody about whom there is data: a user by id, or an end user by the name that clients send."""

    kind: Literal["user", "end_user"]
    id: str


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's data goes, and `pseudonym` stands for them from now on. `subject` is who it is while the erasure runs, and empty once it
    has `finished_at`; `mark` is a keyed digest of it (`policy.erased`), by which usage that comes later is known. `counts` are rows by
    table."""

    id: str
    subject_kind: Literal["user", "end_user"]
    subject: str
    mark: str
    pseudonym: str
    counts: dict[str, int] = {}
    finished_at: int | None = None
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class PersonalRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Something that names somebody. `kind` is its table or kind; times in `data` are as stored, in microseconds."""

    kind: str
    data: JsonObject


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What customers pay: `policy.billing.Terms`, which never change once made. Amounts in nano-dollars; `external_id` is the price that it
    has at the payment provider."""

    id: str
    name: str
    currency: str = "usd"
    price_nano: int = 0
    included_nano: int = 0
    markup_bp: int = 0
    rates: list[JsonObject] = []
    external_id: str = ""
    archived_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is billed. `kind` says what `subject` is: a team or an end user of the same organisation, or (of the organisation `default`,
    which is the operator) another organisation. Months are those of `time_zone`."""

    id: str
    name: str
    kind: Literal["organisation", "team", "end_user"]
    subject: str
    email: str = ""
    time_zone: str = "UTC"
    external_id: str = ""
    disabled_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A plan of a customer, from one day to another (both included, `YYYY-MM-DD` in the customer's time zone); no last day is for ever."""

    id: str
    customer_id: str
    plan_id: str
    starts_on: str
    ends_on: str = ""
    external_id: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that goes onto the customer's next invoice: below 0 it is a credit. `invoice_id` is where it went."""

    id: str
    customer_id: str
    amount_nano: int
    reason: str
    invoice_id: str = ""
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """One month of a customer. A draft is worked out as often as it is asked for; a final one has a number and changes no more.
    `lines` are of `policy.billing.Line`. `unpriced` attempts have no known cost and are not in it."""

    id: str
    customer_id: str
    period: str
    period_from: int
    period_until: int
    currency: str = "usd"
    state: Literal["draft", "final"] = "draft"
    number: int | None = None
    lines: list[JsonObject] = []
    total_nano: int = 0
    unpriced: int = 0
    finalised_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice at the payment provider, as its events told it; `id` is its id there. `event_at` and `rank` say how new that is."""

    id: str
    customer_id: str
    status: str
    number: str = ""
    currency: str = "usd"
    due_nano: int = 0
    paid_nano: int = 0
    period_from: int = 0
    period_until: int = 0
    event_at: int = 0
    rank: int = 0
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something for the world outside, stored with the change that it is about and sent afterwards; `id` is its idempotency key there."""

    id: str
    topic: str
    message: JsonObject
    created_at: int
    due_at: int
    tries: int = 0
    failure: str = ""
    done_at: int | None = None

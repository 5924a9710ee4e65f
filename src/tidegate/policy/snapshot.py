"""The snapshot: the whole configuration that one call sees, compiled and immutable.

`control.compile` makes it; the data plane captures it once at the start of a call and reads nothing else.
"""

from typing import Literal

import msgspec

from tidegate.dialects.choose import spoken
from tidegate.ir.json import Json
from tidegate.ir.target import Profile
from tidegate.policy.attempts import NO_RULES, Rules
from tidegate.policy.egress import Egress
from tidegate.policy.limits.rules import Limit
from tidegate.policy.overload.queue import Priority
from tidegate.policy.overload.rules import Overload
from tidegate.policy.overload.slots import Concurrency
from tidegate.policy.reach import Reach
from tidegate.policy.secret import Secret
from tidegate.policy.when import ALWAYS, When
from tidegate.providers.lists import ProviderList
from tidegate.providers.spec import AuthKind, Free, ModelSpec, Price, ProviderSpec

OnLoss = Literal["report", "refuse"]
Inner = Literal["in_order", "free_first", "weighted", "least_busy", "lowest_latency", "cheapest", "sticky"]
"""How the targets of a group are ordered."""
Origin = Literal["catalogue", "list", "tidegate.yaml", "default"]
StickyBy = Literal["session", "prompt_prefix"]


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long a provider may be silent, in seconds: `connect` covers DNS, TCP and TLS, `answer` the wait for the head of an answer,
    `idle` the wait between two pieces of a stream."""

    connect: float = 5.0
    answer: float = 300.0
    idle: float = 120.0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One of the credentials of a provider that the database holds, of the organisation `org`, which may share it with the others. Of
    several, each gets calls by its weight; `limits` are its own."""

    id: str
    name: str
    secret: Secret
    org: str = ""
    weight: int = 1
    limits: tuple[Limit, ...] = ()


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A configured provider: a row of the catalogue with an address, a credential and the operator's own settings.

    `missing` says which variable to set when there is no credential and one is needed. Times are in seconds.
    """

    name: str
    spec: ProviderSpec
    base_url: str
    auth: AuthKind
    credential: Secret | None = None
    missing: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    proxy: str | None = None
    ca_file: str | None = None
    timeouts: Timeouts = Timeouts()
    models: tuple[str, ...] = ()
    """Names of models that the operator lists for a provider whose models the catalogue does not know."""
    parts: dict[str, str] = {}
    """What stands for the names in braces of the address and the paths (a region, an account)."""
    drains: bool = False
    """An answer is read on when its client leaves, because the provider bills all of it in any case."""
    concurrency: Concurrency | None = None
    """How many calls each of its models may have at one time."""
    egress: Egress | None = None
    """The rules for its address, where that came over the control API: public ones only, and those the operator allows."""
    accounts: tuple[Account, ...] = ()
    """Shared credentials of the database, in place of `credential`."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One place that a call can go to. `name` is `provider/model` as shown in `x-tidegate-target`."""

    name: str
    upstream: Upstream
    model: str
    profile: Profile
    price: Price | None = None
    is_known: bool = False
    """The operator or the catalogue lists the model. Any other name is a caller's word."""
    is_guess: bool = False
    """The catalogue has no row of the model: its abilities are what its provider's models mostly have."""
    free: Free | None = None
    """The provider's free tier, where the model has one."""
    deprecated: str | None = None
    origin: Origin = "default"
    source: str = ""
    date: str = ""
    """Who says what the model can do, and where and when that was read; `default` is what its provider's models mostly can."""
    listed: str = ""
    """The day on which the provider's own list had it last."""
    account: Account | None = None
    """Whose credential the upstream has, where it has several."""

    @property
    def place(self) -> str:
        """What its health is kept under: the model with its credential."""
        return self.name if self.account is None else f"{self.name}#{self.account.id}"

    @property
    def account_id(self) -> str:
        """Whose credential it has, as what a provider keeps is noted; empty where its provider has one for all."""
        return "" if self.account is None else self.account.id

    def dialect_for(self, client: str, framing: str = "") -> str:
        """The dialect in which a call of a client of the dialect `client` is sent. A client that frames its streams as the provider
        does for that dialect has chosen it."""
        spec = self.upstream.spec
        if framing and client != spec.dialect and spec.wire(client).framing == framing:
            return client
        return spoken(client, (spec.dialect, *spec.also), self.profile.capabilities.dialects)


class RouteChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a group: a provider and a model, or `*`. See `select.Choice`."""

    provider: str
    model: str
    weight: float = 1.0
    canary: float | None = None
    when: When = ALWAYS


class RouteGroup(msgspec.Struct, frozen=True, kw_only=True):
    choices: tuple[RouteChoice, ...]
    strategy: Inner = "in_order"
    when: When = ALWAYS
    sticky_by: StickyBy = "session"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A public model name and the ordered targets behind it. A name that ends in `/*` matches a prefix; its targets may end in `/*` too.

    `defaults` are top-level fields set where the client did not. `caller_keys` lets callers bring their own provider key in
    `x-tidegate-provider-key`.
    """

    name: str
    targets: tuple[tuple[str, str], ...]
    """(provider, model or `*`) in the order they are written; with `free_first`, those with a free tier before the others."""
    groups: tuple[RouteGroup, ...] = ()
    """The same with what orders them for each call, where something does."""
    defaults: dict[str, Json] = {}
    on_loss: OnLoss = "report"
    strategy: Inner = "in_order"
    caller_keys: bool = False
    limits: tuple[Limit, ...] = ()
    rules: Rules = NO_RULES


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway key and whose it is. `digest` is the HMAC of the whole token; `models` are names or patterns ending in `*`, `routes` the
    same of configured routes, empty = all. `limits` are its own; those of its organisation, team and so on are among the snapshot's. A key
    of the database has a `reach`, a `revision` that grows with every edit, and a `line` where it replaced another: the first of all
    that did, in whose name limits count them."""

    id: str
    name: str
    digest: bytes
    models: tuple[str, ...] = ()
    org: str = "default"
    team: str = ""
    user: str = ""
    tags: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    routes: tuple[str, ...] = ()
    revision: int = 0
    reach: Reach | None = None
    priority: Priority = Priority.INTERACTIVE
    line: str = ""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`body_limit` and `upload_limit`, for forms, are in bytes; `cors` are allowed origins; `trusted_proxies` are CIDRs. For
    `keep_responses_days` answers of the Responses API are kept (0: never), and none of the organisations in `keep_nothing_for`. Uploads
    go to the providers `files_at` of the client's dialect. `outside_ids` says that clients may name ids of providers that were not given
    here."""

    cors: tuple[str, ...] = ()
    body_limit: int = 32 << 20
    upload_limit: int = 512 << 20
    bodies_in_log: bool = False
    trusted_proxies: tuple[str, ...] = ()
    keep_responses_days: int = 30
    keep_nothing_for: frozenset[str] = frozenset()
    files_at: tuple[str, ...] = ()
    outside_ids: bool = False

    def days_kept(self, org: str) -> int:
        """How long responses of an organisation are kept, in days."""
        return 0 if org in self.keep_nothing_for else self.keep_responses_days


class BillingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Stripe: `meter` is the event name of the meter that usage goes to."""

    api_key: Secret
    webhook_secret: Secret
    meter: str
    base_url: str


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of budgets that pass a threshold: of one organisation, or of all where `org` is empty. `id` stays while the URL does."""

    id: str
    url: str
    secret: Secret
    org: str = ""


class OwnModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of a model: fields of `Capabilities`, and whether it is on its way out."""

    capabilities: dict[str, object] = {}
    deprecated: str | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`generation` grows with every change. `keys_by_id` finds `tgk_` keys by their public id, `keys_by_digest` all others."""

    generation: int
    upstreams: dict[str, Upstream]
    known: dict[str, ProviderSpec]
    """Every provider kind of the catalogue, for messages that name the variable to set."""
    models: dict[str, dict[str, ModelSpec]]
    """provider kind -> model id -> row."""
    routes: dict[str, Route]
    prefix_routes: tuple[Route, ...]
    """Routes whose name ends in `/*`, longest prefix first."""
    keys_by_id: dict[str, Key]
    keys_by_digest: dict[bytes, Key]
    pepper: bytes
    server: ServerSettings
    overload: Overload = Overload()
    prices: dict[str, Price] = {}
    """The operator's own, by `provider/model` or a beginning with `*`; each stands in place of the catalogue's."""
    own_models: dict[str, OwnModel] = {}
    """The operator's own rows of models, by the same names; each changes what is known of the model."""
    reads_lists: bool = True
    """Whether providers are asked for their models."""
    lists: dict[str, ProviderList] = {}
    """What they said last, by the name of the provider."""
    billing: BillingSettings | None = None
    webhooks: tuple[Webhook, ...] = ()
    usage_days: int = 400
    """How long rows of the ledger are kept; 0 is for ever."""
    limits: tuple[Limit, ...] = ()
    """Those of organisations, teams, users, end users, models and tags, and of keys and routes that are named by the limit."""
    egress: Egress = Egress()
    """What the guarded client may reach besides public addresses."""
    own: dict[str, dict[str, tuple[Account, ...]]] = {}
    """Organisation -> provider -> credentials that this organisation uses in place of the shared ones."""

"""The shape of tidegate.yaml: a contract with operators. `docs/configuration.md` documents every field (a test asserts it).

Only the shape is here; `document` reads the text, `compile` gives it meaning.
"""

from typing import Any, Literal

import msgspec

from tidegate.ir.target import StructuredStyle, ThinkingStyle
from tidegate.providers.spec import AuthKind


class TimeoutsEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How long a provider may be silent, in seconds."""

    connect: int | float | None = None
    answer: int | float | None = None
    idle: int | float | None = None


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `providers`. Secrets are references: `env:NAME` or `file:/path`."""

    kind: str | None = None
    dialect: Literal["openai_chat", "anthropic", "gemini", "openai_responses", "bedrock_converse"] | None = None
    also: list[Literal["openai_chat", "openai_responses"]] = []
    base_url: str | None = None
    settings: dict[str, str] = {}
    api_key: str | None = None
    auth: AuthKind | None = None
    headers: dict[str, str] = {}
    proxy: str | None = None
    ca_file: str | None = None
    timeouts: TimeoutsEntry = TimeoutsEntry()
    models: list[str] = []
    max_concurrent: int | Literal["auto"] | None = None
    on_disconnect: Literal["cancel", "drain"] = "cancel"


Amount = int | float | str
"""Dollars."""


class AmountsEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in dollars, per million tokens of a kind; `web_search`, `request` and `image` per thousand."""

    input: Amount | None = None
    output: Amount | None = None
    cache_read: Amount | None = None
    cache_write: Amount | None = None
    cache_write_1h: Amount | None = None
    reasoning: Amount | None = None
    audio_input: Amount | None = None
    audio_output: Amount | None = None
    image_input: Amount | None = None
    image_output: Amount | None = None
    web_search: Amount | None = None
    request: Amount | None = None
    image: Amount | None = None


class AboveEntry(AmountsEntry, frozen=True, kw_only=True):
    """What holds for requests of more than `tokens` prompt tokens."""

    tokens: int


class TierEntry(AmountsEntry, frozen=True, kw_only=True):
    """What holds for a service tier."""

    above: AboveEntry | None = None


class TiersEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of service tiers."""

    batch: TierEntry | None = None
    flex: TierEntry | None = None
    priority: TierEntry | None = None
    scale: TierEntry | None = None


class PriceEntry(AmountsEntry, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A price of one model, or one version of it."""

    from_: str | None = None
    above: AboveEntry | None = None
    tiers: TiersEntry = TiersEntry()


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `models`: what the operator knows better than the catalogue and the provider's list. Tokens for the sizes."""

    context: int | None = None
    max_output: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    documents: bool | None = None
    audio: bool | None = None
    web_search: bool | None = None
    prompt_cache: bool | None = None
    sampling: bool | None = None
    thinking: ThinkingStyle | None = None
    efforts: list[str] = []
    structured: StructuredStyle | None = None
    deprecated: str | None = None


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `catalog` section."""

    model_lists: bool = True


class HoursEntry(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Hours of the week."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = msgspec.field(
        default_factory=lambda: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    )
    from_: str = "00:00"
    to: str = "24:00"
    time_zone: str = "UTC"


_Asks = list[Literal["tools", "structured", "vision", "documents", "audio"]]


class WhenEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A `when`: the calls that a target or a group of a route is for."""

    orgs: list[str] = []
    teams: list[str] = []
    users: list[str] = []
    keys: list[str] = []
    tags: list[str] = []
    asks: _Asks = []
    not_asks: _Asks = []
    input_over: int | None = None
    input_under: int | None = None
    stream: bool | None = None
    hours: list[HoursEntry] = []


class TargetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a route in its long form."""

    target: str
    weight: int | float = 1
    canary: int | float | None = None
    when: WhenEntry | None = None


Strategy = Literal["in_order", "free_first", "weighted", "least_busy", "lowest_latency", "cheapest", "sticky"]


class GroupEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of the `groups` of a route."""

    targets: list[str | TargetEntry]
    strategy: Strategy = "in_order"
    sticky_by: Literal["session", "prompt_prefix"] = "session"
    when: WhenEntry | None = None


class LimitsEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A `limits` setting: how much per time."""

    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_hour: int | None = None
    tokens_per_day: int | None = None
    concurrent: int | None = None
    mode: Literal["enforce", "observe"] = "enforce"
    time_zone: str = "UTC"


class BudgetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A `budget`. Amounts are in dollars."""

    usd: int | float | str
    per: Literal["hour", "day", "week", "month", "total"]
    mode: Literal["hard", "soft", "observe"] = "hard"
    reserve: Literal["strict", "estimate"] = "strict"
    alerts: list[int] = msgspec.field(default_factory=lambda: [80, 100])
    ceiling_usd: int | float | str | None = None
    max_output_tokens: int | None = None
    time_zone: str = "UTC"


class ScopeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `limits`."""

    scope: Literal["organisation", "team", "user", "key", "end_user", "route", "model", "tag"]
    id: str = ""
    limits: LimitsEntry | None = None
    budget: BudgetEntry | None = None
    budgets: list[BudgetEntry] = []


PriorityName = Literal["interactive", "background", "batch"]


class HedgeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A `hedge` of a route. `budget` is a percentage."""

    after: int | float | Literal["p95"] = "p95"
    budget: int | float = 5


class RouteEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `routes`."""

    targets: list[str | TargetEntry] = []
    groups: list[GroupEntry] = []
    defaults: dict[str, Any] = {}
    on_loss: Literal["report", "refuse"] = "report"
    strategy: Strategy = "in_order"
    sticky_by: Literal["session", "prompt_prefix"] = "session"
    retries: int = 2
    timeout: int | float = 900
    first_token_timeout: int | float | None = None
    fallback_on: list[Literal["context_length", "content_filter"]] = []
    circuit_breaker: bool = True
    hedge: HedgeEntry | None = None
    single_flight: bool = False
    priority: PriorityName = "interactive"
    on_disconnect: Literal["cancel", "drain"] | None = None
    caller_keys: bool = False
    limits: LimitsEntry | None = None
    budget: BudgetEntry | None = None
    budgets: list[BudgetEntry] = []


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `keys`."""

    name: str
    value: str
    models: list[str] = []
    tags: list[str] = []
    priority: PriorityName = "interactive"
    limits: LimitsEntry | None = None
    budget: BudgetEntry | None = None
    budgets: list[BudgetEntry] = []


class OverloadEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `overload` section. `memory` is a number of bytes or a text like `2GiB`."""

    queue_seconds: int | float = 1
    queue_length: int = 1000
    memory: int | str | None = None


class EgressEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `egress_allow`."""

    cidr: str | None = None
    host: str | None = None
    ports: list[int] = msgspec.field(default_factory=lambda: [443])


class ServerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `server` section. `body_limit` and `upload_limit` are numbers of bytes or texts like `32MiB`."""

    cors: list[str] = []
    body_limit: int | str = "32MiB"
    upload_limit: int | str = "512MiB"
    bodies_in_log: bool = False
    keep_responses_days: int = 30
    keep_nothing_for: list[str] = []
    files_at: list[str] = []
    outside_ids: bool = False
    trusted_proxies: list[str] = []


class StripeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `stripe` setting of `billing`. Secrets are references: `env:NAME` or `file:/path`."""

    api_key: str
    webhook_secret: str
    meter: str = "tidegate_usage"
    base_url: str = "https://api.stripe.com"


class BillingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `billing` section: the payment provider."""

    stripe: StripeEntry | None = None


class WebhookEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `webhooks`: who is told of budgets that pass a threshold. The secret is a reference: `env:NAME` or `file:/path`."""

    url: str
    secret: str
    org: str = ""


class RetentionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `retention` section: how long what was used is kept."""

    usage_days: int = 400


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole tidegate.yaml; every section may be missing or empty."""

    providers: dict[str, ProviderEntry] = {}
    routes: dict[str, RouteEntry] = {}
    keys: list[KeyEntry] = []
    limits: list[ScopeEntry] = []
    prices: dict[str, list[PriceEntry]] = {}
    models: dict[str, ModelEntry] = {}
    catalog: CatalogEntry = CatalogEntry()
    retention: RetentionEntry = RetentionEntry()
    billing: BillingEntry = BillingEntry()
    webhooks: list[WebhookEntry] = []
    server: ServerEntry = ServerEntry()
    overload: OverloadEntry = OverloadEntry()
    egress_allow: list[EgressEntry] = []

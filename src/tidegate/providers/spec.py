"""The rows: what a provider, a model and a price are. `catalog` makes them from data; policy and proxy read them."""

from typing import Literal

import msgspec

from tidegate.ir.target import Capabilities, Quirks

AuthKind = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "google", "aws", "azure", "none"]
"""`google`, `aws`, `azure`: a key, or credentials that are exchanged for something short-lived (`auth.exchanges`)."""


class Price(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Integer nano-dollars per million tokens, by kind of usage; `None` = not known. `web_search`, `request` and `image` (a whole one that
    was made) are per thousand uses. Above `over` prompt tokens, `long` holds instead, for the whole request. `tiers` are the prices of the
    service tiers that are not the standard one. From the day `later.from` of UTC on (`YYYY-MM-DD`), `later` holds instead.
    `source` and `date` say where and when it was read."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    web_search: int | None = None
    request: int | None = None
    image: int | None = None
    over: int | None = None
    long: "Price | None" = None
    tiers: dict[str, "Price"] = {}
    from_: str = ""
    later: "Price | None" = None
    source: str = ""
    date: str = ""


PER_MILLION = (
    *("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning"),
    *("audio_input", "audio_output", "image_input", "image_output"),
)
PER_THOUSAND = ("web_search", "request", "image")
"""The fields of a `Price` that are amounts."""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One model of one provider. `match` are other names of it (dated versions, aliases): exact, or a prefix ending in `*`. `source` and
    `date` say where and when its capabilities were read."""

    id: str
    provider: str
    capabilities: Capabilities
    price: Price | None = None
    match: tuple[str, ...] = ()
    deprecated: str | None = None
    source: str = ""
    date: str = ""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of models that have no row: `match` are names or prefixes ending in `*`, in the order of the data, first found wins."""

    match: tuple[str, ...]
    capabilities: Capabilities


class OperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider has an operation. `shape` is a name of the operation's shapes, empty = as the client has it. `path` where it is not
    the shape's own; with `origin` it follows the origin of the base URL instead of the whole of it. `match` are the models that the row
    is for, names or prefixes ending in `*`."""

    shape: str = ""
    path: str = ""
    origin: bool = False
    match: tuple[str, ...] = ("*",)


class Free(msgspec.Struct, frozen=True, kw_only=True):
    """A free tier that is alive. `match` are the models that it is for, names or prefixes ending in `*`, or endings beginning with it.
    `rpm`, `rpd`, `tpm`, `tpd` are requests and tokens per minute and day, None = not published; `shared` = of all its models together, else
    of each. `context` is what a free request may have, in tokens. `source` and `date` say where and when it was read."""

    match: tuple[str, ...]
    rpm: int | None = None
    rpd: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    shared: bool = False
    context: int | None = None
    source: str
    date: str

    def holds(self, model: str) -> bool:
        return any(
            model == name or (name.endswith("*") and model.startswith(name[:-1])) or (name.startswith("*") and model.endswith(name[1:]))
            for name in self.match
        )


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider speaks a dialect, where that differs from the dialect's own ways. `paths` are by what is asked (`generate`, `stream`);
    `{model}` in them is the model, escaped. `in_url` are top-level fields of a request which stand in the URL, so that they leave the
    body. `framing` is that of its streams. `header_fields` are headers of the client's, lists separated by commas, that are fields of the
    body here."""

    paths: dict[str, str] = {}
    in_url: tuple[str, ...] = ()
    framing: str = ""
    quirks: Quirks = Quirks()
    header_fields: dict[str, str] = {}


class ListPrices(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider's list of models has prices: in the object `at`, as our names to its names, in dollars `per` token or
    million of them (other amounts are of one use). Its field `above` has, for prompts of more than `over` tokens, the amounts that hold
    instead."""

    at: str
    per: Literal["token", "million"]
    amounts: dict[str, str]
    above: str = ""
    over: str = ""


class ListSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider's list of models differs from that of its dialect. `shape` is one of `catalog/lists.json`, empty: it has none that
    says which models can be called; `also` are further ones, each a list of its own. With `origin` the path follows the origin of the base
    URL instead of the whole of it, and `at` is where lists are, of a provider that is at the row's own address. `like` are kinds of
    provider whose catalogue says what the models behind an account's own names can do, where this one's does not."""

    shape: str
    also: tuple[str, ...] = ()
    origin: bool = False
    at: str = ""
    like: tuple[str, ...] = ()
    prices: ListPrices | None = None


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of provider. `base_url` ends without a slash; paths of the dialect are appended to it. `env` are the variables that
    hold its key, first found wins; `base_url_env` may override the address. `default` are the capabilities of models that are not
    in the catalogue and of no `families` (`catalog.capabilities_for` asks both). `headers` are sent with every call. `local` providers
    run without a key and are configured by their `base_url_env` or in the file only. `example` is a model to try first.

    `paths`, `in_url` and `framing` are of the wire of `dialect` (see `Wire`); `wires` are those of the dialects in `also`.
    `parts` are names in braces that stand in the address or the paths, each with the variables that give it; `settings` in the file give
    them too, and `part_defaults` are for those that need not be given. `ambient` are variables of which any says that the machine has an
    identity that the provider takes. `free` are its free tiers. `retired` says since when it is no more at its own address, and what to
    use instead. `strip` are beginnings of model names that say where a model runs and not what it is.
    `also` are dialects that it speaks besides `dialect`, at the same address, `keeps` says that it stores what its Responses API
    answers, and `compacts` that it makes long conversations short there. `batch_percent` is what a line of its own batches costs, of the
    price of a call; 0: it has none. `list` is its list of models, None: as its dialect has it, if it has.

    `operations` are the kinds of request beside generations, each with its rows, first match wins. None: a provider of `openai_chat` is
    taken to have OpenAI's as they are (and says so itself where it has not), one of another dialect has none."""

    name: str
    title: str
    dialect: str
    base_url: str
    auth: AuthKind
    env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    quirks: Quirks = Quirks()
    default: Capabilities = Capabilities()
    families: tuple[Family, ...] = ()
    local: bool = False
    docs: str = ""
    example: str = ""
    paths: dict[str, str] = {}
    in_url: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    keeps: bool = False
    compacts: bool = False
    batch_percent: int = 0
    framing: str = ""
    operations: dict[str, tuple[OperationRow, ...]] | None = None
    wires: dict[str, Wire] = {}
    parts: dict[str, tuple[str, ...]] = {}
    part_defaults: dict[str, str] = {}
    ambient: tuple[str, ...] = ()
    retired: str = ""
    strip: tuple[str, ...] = ()
    free: tuple[Free, ...] = ()
    list: ListSpec | None = None

    def wire(self, dialect: str) -> Wire:
        """How it speaks one of its dialects."""
        if dialect == self.dialect:
            return Wire(paths=self.paths, in_url=self.in_url, framing=self.framing, quirks=self.quirks)
        return self.wires.get(dialect, _PLAIN)

    def free_tier(self, model: str) -> Free | None:
        """The free tier that a model has."""
        return next((tier for tier in self.free if tier.holds(model)), None)

    def bare(self, model: str) -> str:
        """A model's name without where it runs: `us.anthropic.x` and an ARN that ends in it are `anthropic.x`."""
        name = model.rpartition("/")[2] if model.startswith("arn:") else model
        return next((name[len(prefix) :] for prefix in self.strip if name.startswith(prefix)), name)


_PLAIN = Wire()

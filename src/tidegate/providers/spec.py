"""The rows: what a provider, a model and a price are. `catalog` makes them from data; policy and proxy read them."""

from typing import Literal

import msgspec

from tidegate.ir.target import Capabilities, Quirks

AuthKind = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "google", "none"]
"""`google`: a key, or credentials that are exchanged for access tokens (`auth.exchanges`)."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Integer nano-dollars per million tokens, by kind of usage; `None` = not known. `web_search` and `request` are per thousand
    uses. Above `over` prompt tokens, `long` holds instead, for the whole request. `source` and `date` say where and when it was read."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    web_search: int | None = None
    request: int | None = None
    over: int | None = None
    long: "Price | None" = None
    source: str = ""
    date: str = ""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One model of one provider. `match` are other names of it (dated versions, aliases): exact, or a prefix ending in `*`."""

    id: str
    provider: str
    capabilities: Capabilities
    price: Price | None = None
    match: tuple[str, ...] = ()
    deprecated: str | None = None


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


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of provider. `base_url` ends without a slash; paths of the dialect are appended to it. `env` are the variables that
    hold its key, first found wins; `base_url_env` may override the address. `default` are the capabilities of models that are not
    in the catalogue and of no `families` (`catalog.capabilities_for` asks both). `headers` are sent with every call. `local` providers
    run without a key and are configured by their `base_url_env` or in the file only. `example` is a model to try first.

    `paths` are those that differ from the dialect's, by what is asked (`generate`, `stream`); `{model}` in them is the model, escaped.
    `in_url` are top-level fields of a request which this provider has in the URL, so that they leave the body. `framing` is that of its
    streams where it is not the dialect's.

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
    framing: str = ""
    operations: dict[str, tuple[OperationRow, ...]] | None = None

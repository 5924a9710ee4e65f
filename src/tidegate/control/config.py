"""The shape of tidegate.yaml: a contract with operators. `docs/configuration.md` documents every field (a test asserts it).

Only the shape is here; `document` reads the text, `compile` gives it meaning.
"""

from typing import Any, Literal

import msgspec

from tidegate.providers.spec import AuthKind


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `providers`. Secrets are references: `env:NAME` or `file:/path`."""

    kind: str | None = None
    dialect: Literal["openai_chat", "anthropic"] | None = None
    base_url: str | None = None
    api_key: str | None = None
    auth: AuthKind | None = None
    headers: dict[str, str] = {}
    proxy: str | None = None
    ca_file: str | None = None
    models: list[str] = []


class TargetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a route in its long form."""

    target: str


class RouteEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `routes`."""

    targets: list[str | TargetEntry]
    defaults: dict[str, Any] = {}
    on_loss: Literal["report", "refuse"] = "report"
    caller_keys: bool = False


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `keys`."""

    name: str
    value: str
    models: list[str] = []


class ServerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The `server` section. `body_limit` is a number of bytes or a text like `32MiB`."""

    cors: list[str] = []
    body_limit: int | str = "32MiB"
    bodies_in_log: bool = False


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole tidegate.yaml; every section may be missing or empty."""

    providers: dict[str, ProviderEntry] = {}
    routes: dict[str, RouteEntry] = {}
    keys: list[KeyEntry] = []
    server: ServerEntry = ServerEntry()

"""What a document wants of the configuration in the database, beside what is there: the form of such a document, and what rows say in it.
Used by the control API, which works out the changes, and by `tidegate plan`, `apply` and `export`.

A section that the document has is meant whole: what is not in it goes. A section that it does not have stays as it is.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.control import forms
from tidegate.control.config import LimitsEntry, PriceEntry, PriorityName, ProviderEntry, RouteEntry
from tidegate.control.entries import told
from tidegate.control.load import Loaded
from tidegate.control.secrets import is_reference
from tidegate.ir.json import JsonObject
from tidegate.policy.price import day_of
from tidegate.records import Credential, Kept, StoredPrice

SECTIONS = ("providers", "routes", "credentials", "prices")
ORG_SECTIONS = ("keys", "limits", "budgets", "webhooks")
"""Of an organisation; those of `default` stand in the document of the gateway."""
_NOT_OF_A_NAME = re.compile(r"[^A-Z0-9]+")

Reference = Annotated[str, Meta(min_length=5, max_length=300, pattern=forms.REFERENCE, description="`env:NAME` or `file:/path`.")]
Words = Annotated[str, Meta(min_length=1, max_length=200, pattern=forms.SOME_LINE)]


class CredentialEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A credential of the operator's. `reference` says where its secret is read from when it is stored."""

    name: Words
    provider: Words
    reference: Reference
    shared: bool = True
    weight: Annotated[int, Meta(ge=1, le=1000)] = 1
    limits: dict[str, Any] | None = None
    disabled: bool = False


class DesiredFile(msgspec.Struct, frozen=True, kw_only=True):
    """The same as a file, for messages that name its lines."""

    providers: dict[str, ProviderEntry] = {}
    routes: dict[str, RouteEntry] = {}
    credentials: list["CredentialInFile"] = []
    prices: dict[str, list[PriceEntry]] = {}
    keys: list["KeyInFile"] = []
    limits: list[dict[str, Any]] = []
    budgets: list[dict[str, Any]] = []
    webhooks: list["WebhookInFile"] = []


class CredentialInFile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    provider: str
    reference: str
    shared: bool = True
    weight: int = 1
    limits: LimitsEntry | None = None
    disabled: bool = False


class KeyInFile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    reference: str | None = None
    owner_kind: Literal["org", "team", "user", "service_account"] = "org"
    owner: str = ""
    team: str = ""
    purpose: str = ""
    models: list[str] = []
    routes: list[str] = []
    addresses: list[str] = []
    times: list[dict[str, Any]] = []
    tags: list[str] = []
    priority: PriorityName = "interactive"
    expires_at: str | None = None
    disabled: bool = False


class WebhookInFile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str
    shared: bool = False
    disabled: bool = False


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What is served of the file and the database of a gateway, as a document that `tidegate apply` takes."""

    providers: dict[str, dict[str, Any]]
    routes: dict[str, dict[str, Any]]
    credentials: list[CredentialEntry]
    prices: dict[str, list[dict[str, Any]]]


def version_of(row: StoredPrice) -> JsonObject:
    """A version of a price as it stands in a document."""
    begins = day_of(row.valid_from // 1_000_000)
    return {"from": begins, **row.price} if begins else row.price


def reference_of(name: str) -> str:
    """Where the secret of a credential is read from, if nothing else was said."""
    return "env:TIDEGATE_SECRET_" + suffix_of(name)


def suffix_of(name: str) -> str:
    """A name as the end of one of the environment."""
    return _NOT_OF_A_NAME.sub("_", name.upper()).strip("_")


def reference_of_key(name: str) -> str:
    """Where the value of a key is read from, if nothing else was said."""
    return "env:TIDEGATE_KEY_" + suffix_of(name)


def reference_of_webhook(name: str) -> str:
    """Where the address of a webhook is read from."""
    return "env:TIDEGATE_WEBHOOK_" + suffix_of(name)


def entry_of(row: Credential) -> CredentialEntry:
    return CredentialEntry(
        name=row.name,
        provider=row.provider,
        reference=row.reference or reference_of(row.name),
        shared=row.shared,
        weight=row.weight,
        limits=row.limits,
        disabled=row.disabled_at is not None,
    )


def split(entry: JsonObject) -> tuple[JsonObject, str | None]:
    """A provider's settings, and where its key is read from."""
    key = entry.get("api_key")
    rest = {name: value for name, value in entry.items() if name != "api_key"}
    return rest, key if isinstance(key, str) else None


def of_file(live: Loaded) -> Exported:
    """What a gateway's own file says, with keys as credentials."""
    credentials: list[CredentialEntry] = []
    for name, entry in live.config.providers.items():
        if entry.api_key is not None:
            secret = entry.api_key if is_reference(entry.api_key) else reference_of(name)
            credentials.append(CredentialEntry(name=name, provider=name, reference=secret))
    return Exported(
        providers={name: split(told(entry))[0] for name, entry in live.config.providers.items()},
        routes={name: told(entry) for name, entry in live.config.routes.items()},
        credentials=credentials,
        prices={name: [told(entry) for entry in versions] for name, versions in live.config.prices.items()},
    )


def exported(live: Loaded, kept: Kept) -> Exported:
    """What is served of the file and of the database: by name, so that two gateways that serve the same say the same."""
    file = of_file(live)
    own = {row.name: entry_of(row) for _, row in kept.credentials}
    credentials = {entry.name: entry for entry in file.credentials} | own
    return Exported(
        providers=_by_name({row.name: row.entry for row in kept.providers} | file.providers),
        routes=_by_name({row.name: row.entry for row in kept.routes} | file.routes),
        credentials=[credentials[name] for name in sorted(credentials)],
        prices=dict(sorted((_prices(kept) | file.prices).items())),
    )


def _prices(kept: Kept) -> dict[str, list[JsonObject]]:
    found: dict[str, list[JsonObject]] = {}
    for row in sorted(kept.prices, key=lambda row: row.valid_from):
        found.setdefault(row.name, []).append(version_of(row))
    return found


def _by_name(entries: dict[str, JsonObject]) -> dict[str, JsonObject]:
    return {name: entries[name] for name in sorted(entries)}

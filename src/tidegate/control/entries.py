"""Providers, routes and prices of tidegate.yaml as plain values again, for whoever is shown them: without what is left at its default, and
without secrets that stand in the file itself."""

from typing import Any, cast

import msgspec

from tidegate.control.config import PriceEntry, ProviderEntry, RouteEntry
from tidegate.control.secrets import is_reference, may_be_secret
from tidegate.ir.json import JsonObject
from tidegate.policy.secret import HIDDEN


def told(entry: ProviderEntry | RouteEntry | PriceEntry) -> JsonObject:
    """The settings that are not at their default. References to secrets are shown, secrets are not."""
    values = _chosen(entry)
    for name in ("api_key", "proxy"):
        if name in values and not is_reference(values[name]):
            values[name] = HIDDEN
    if isinstance(entry, ProviderEntry) and entry.headers:
        values["headers"] = {
            name: HIDDEN if may_be_secret(name) and not is_reference(value) else value for name, value in entry.headers.items()
        }
    return values


def plain(entry: ProviderEntry | RouteEntry | PriceEntry) -> JsonObject:
    """The same of an entry of the database, which holds no secret: as it is kept."""
    return _chosen(entry)


def _chosen(struct: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        if value != default:
            found[field.encode_name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _chosen(value)
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value

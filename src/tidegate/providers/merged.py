"""What the catalogue, a provider's own list and the operator say of one model, as one row: the operator counts before the catalogue, the
catalogue before the list. Asked by `policy.models`, for models that are named."""

from collections.abc import Mapping

import msgspec

from tidegate.ir.target import Capabilities
from tidegate.providers.lists import SIZES, Listed, ProviderList
from tidegate.providers.spec import ModelSpec, ProviderSpec


def with_list(spec: ProviderSpec, name: str, row: ModelSpec | None, listed: Listed, read: ProviderList, default: Capabilities) -> ModelSpec:
    """A model that the provider's list has, and the catalogue perhaps (`row`; else it can do what is `default`)."""
    price = None if listed.price is None else msgspec.structs.replace(listed.price, source=read.source, date=read.date)
    if row is None:
        return ModelSpec(
            id=name,
            provider=spec.name,
            capabilities=changed(default, listed.facts),
            price=price,
            deprecated=listed.deprecated or None,
            source=read.source,
            date=read.date,
        )
    sizes = {field: listed.facts[field] for field in SIZES if field in listed.facts and getattr(row.capabilities, field) is None}
    return msgspec.structs.replace(
        row,
        capabilities=changed(row.capabilities, sizes),
        price=row.price if row.price is not None else price,
        deprecated=row.deprecated or listed.deprecated or None,
    )


def changed(known: Capabilities, fields: Mapping[str, object]) -> Capabilities:
    """With some fields as they are said to be; where those are of no such kind, as it was known."""
    if not fields:
        return known
    try:
        return msgspec.convert({**msgspec.to_builtins(known), **fields}, Capabilities)
    except msgspec.ValidationError:
        return known

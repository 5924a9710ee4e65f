"""A change that a document would make, as it is shown and as it is made: what `desired` and `desired_org` work out."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from tidegate.control.api.call import Call
from tidegate.ir.json import JsonObject
from tidegate.records import ApiKey, Credential, LimitRule, StoredPrice, StoredProvider, StoredRoute, StoredWebhook

Stored = TypeVar("Stored", StoredProvider, StoredRoute, StoredPrice, Credential, ApiKey, LimitRule, StoredWebhook)
KindName = Literal["provider", "route", "credential", "price", "key", "limit", "budget", "webhook"]
Make = Callable[[], Awaitable[Any]]


class PlannedChange(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are those that differ; `before` and `after` are as in a document."""

    action: Literal["create", "update", "delete"]
    kind: KindName
    name: str
    fields: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    changes: list[PlannedChange]


class Step(msgspec.Struct, frozen=True):
    shown: PlannedChange
    make: Make


def planned(steps: Sequence[Step]) -> Planned:
    return Planned(changes=[step.shown for step in steps])


async def applied(steps: Sequence[Step]) -> Planned:
    for step in steps:
        await step.make()
    return planned(steps)


def shown(kind: KindName, name: str, before: JsonObject | None, after: JsonObject | None, *, hidden: Sequence[str] = ()) -> PlannedChange:
    """`hidden` are fields that differ in what is not shown of them."""
    old, new = before or {}, after or {}
    fields = [field for field in dict.fromkeys((*old, *new)) if old.get(field) != new.get(field)]
    return PlannedChange(
        action="create" if before is None else "delete" if after is None else "update",
        kind=kind,
        name=name,
        fields=list(dict.fromkeys((*fields, *hidden))),
        before=before,
        after=after,
    )


def adding(call: Call, row: Stored, *, instead_of: Credential | None = None) -> Make:
    async def make() -> None:
        if instead_of is not None:
            await call.change.remove(instead_of)
        await call.change.add(row)

    return make


def replacing(call: Call, row: Stored, action: str) -> Make:
    async def make() -> None:
        await call.change.replace(row, action)

    return make


def removing(call: Call, row: Stored) -> Make:
    async def make() -> None:
        await call.change.remove(row)

    return make

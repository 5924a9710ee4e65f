"""What a document says of an organisation's keys, limits, budgets and webhooks: the form of its entries, and what rows say in it.
`control.api` works out the changes.

Whoever is named is named as people do: a team or a service account by its name, a user by the e-mail address, a key by its name, and each
by its id too. The value of a key is not in a document: `reference` says where it is read from when the key is stored.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tidegate.control import forms
from tidegate.control.api.fields import Moment, Name, Text, moment_or_none
from tidegate.control.api.key_fields import Names, Networks, Patterns, Schedule
from tidegate.control.config import PriorityName
from tidegate.control.desired import Reference, reference_of_key
from tidegate.ir.json import JsonObject
from tidegate.policy.bounds import Hours
from tidegate.policy.egress import LONGEST_URL
from tidegate.records import ApiKey, LimitRule

NANO = 1_000_000_000
SPEND = "spend"
NAMED_SCOPES = ("team", "user", "key")
"""Kinds of subjects that a document names and rows have the id of."""

Scope = Literal["organisation", "team", "user", "key", "end_user", "route", "model", "tag"]
OwnerKind = Literal["org", "team", "user", "service_account"]
Subject = Annotated[str, Meta(max_length=256, pattern=forms.ONE_LINE)]
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
Dollars = Annotated[str, Meta(max_length=40)] | Annotated[int, Meta(ge=0, le=9_000_000)] | Annotated[float, Meta(ge=0, le=9_000_000)]

T = TypeVar("T")
Entry = TypeVar("Entry", bound=msgspec.Struct)
W = TypeVar("W")


class LimitEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A limit. `id` is whom it is for, empty for each one of its kind."""

    name: Name
    scope: Scope
    id: Subject = ""
    measure: Literal["requests", "tokens", "concurrent"]
    per: Literal["minute", "hour", "day", "moment"] = "moment"
    amount: Annotated[int, Meta(ge=0, le=10**12)]
    mode: Literal["enforce", "observe"] = "enforce"
    time_zone: Zone = "UTC"
    disabled: bool = False


class SpendEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A budget. Amounts are in dollars."""

    name: Name
    scope: Scope
    id: Subject = ""
    usd: Dollars
    per: Literal["hour", "day", "week", "month", "total"]
    mode: Literal["hard", "soft", "observe"] = "hard"
    reserve: Literal["strict", "estimate"] = "strict"
    alerts: Annotated[list[Annotated[int, Meta(ge=1, le=1000)]], Meta(max_length=20)] = msgspec.field(default_factory=lambda: [80, 100])
    ceiling_usd: Dollars | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    time_zone: Zone = "UTC"
    disabled: bool = False


class KeyEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A key of the data port, without its value. `owner` is empty where the organisation owns it."""

    name: Name
    reference: Reference | None = None
    owner_kind: OwnerKind = "org"
    owner: Subject = ""
    team: Subject = ""
    purpose: Text = ""
    models: Patterns = []
    routes: Patterns = []
    addresses: Networks = []
    times: Schedule = []
    tags: Names = []
    priority: PriorityName = "interactive"
    expires_at: Moment | None = None
    disabled: bool = False


class DesiredWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A webhook. `url` is its address, or where that is read from: `env:NAME` or `file:/path`."""

    name: Name
    url: Annotated[str, Meta(min_length=1, max_length=LONGEST_URL)]
    shared: bool = False
    disabled: bool = False


class OrgSections(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section that is there is meant whole: what is not in it goes. One that is not there stays as it is."""

    keys: list[KeyEntry] | None = None
    limits: list[LimitEntry] | None = None
    budgets: list[SpendEntry] | None = None
    webhooks: list[DesiredWebhook] | None = None
    secrets: dict[str, Annotated[str, Meta(max_length=20_000)]] = {}


class OrgExported(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Those sections of an organisation that may be read."""

    keys: list[KeyEntry] | None = None
    limits: list[LimitEntry] | None = None
    budgets: list[SpendEntry] | None = None
    webhooks: list[DesiredWebhook] | None = None


class Called:
    """How the rows of one kind are called: by the name that people use where only one has it, else by id."""

    def __init__(self, names: Iterable[tuple[str, str | None]]) -> None:
        """(id, name) of every row."""
        self._by_name: dict[str, str | None] = {}
        self._ids: dict[str, str | None] = {}
        for id, name in names:
            self._ids[id] = name
            if name:
                self._by_name[name] = None if name in self._by_name else id

    def name(self, id: str) -> str:
        name = self._ids.get(id)
        return name if name and self._by_name.get(name) == id else id

    def id(self, name: str) -> str | None:
        """None where there is nobody, or more than one."""
        found = self._by_name.get(name)
        return found if found is not None else name if name in self._ids else None


def limit_entry(row: LimitRule, called: Mapping[str, Called]) -> LimitEntry:
    found = LimitEntry(**_common(row, called), measure=row.measure, amount=row.amount, mode=row.mode)  # pyright: ignore[reportArgumentType] - of spend there is `spend_entry`
    return _short(found)


def spend_entry(row: LimitRule, called: Mapping[str, Called]) -> SpendEntry:
    found = SpendEntry(
        **_common(row, called),
        usd=dollars(row.amount),
        mode="observe" if row.mode == "observe" else "hard" if row.hard else "soft",
        reserve=row.reserve,
        alerts=row.alerts,
        ceiling_usd=None if row.ceiling_nano is None else dollars(row.ceiling_nano),
        max_output_tokens=row.output_cap,
    )
    return _short(found)


def _common(row: LimitRule, called: Mapping[str, Called]) -> dict[str, Any]:
    return {
        "name": row.name,
        "scope": row.scope_kind,
        "id": called[row.scope_kind].name(row.scope_id) if row.scope_kind in called else row.scope_id,
        "per": row.per,
        "time_zone": row.time_zone,
        "disabled": row.disabled_at is not None,
    }


def key_entry(row: ApiKey, called: Mapping[str, Called]) -> KeyEntry:
    found = KeyEntry(
        name=row.name,
        reference=reference_of_key(row.name),
        owner_kind=row.owner_kind,
        owner="" if row.owner_kind == "org" else called[row.owner_kind].name(row.owner_id),
        team="" if row.team_id is None or row.owner_kind == "team" else called["team"].name(row.team_id),
        purpose=row.purpose,
        models=row.models,
        routes=row.routes,
        addresses=row.addresses,
        times=msgspec.convert(row.times, list[Hours]),
        tags=row.tags,
        priority=row.priority,
        expires_at=moment_or_none(row.expires_at),
        disabled=row.disabled_at is not None,
    )
    return _short(found)


def _short(entry: Entry) -> Entry:
    """What is as it would be without being said is the default itself: msgspec leaves out that object, and not one that equals it."""
    fields = msgspec.structs.fields(entry)
    return msgspec.structs.replace(entry, **{field.name: field.default for field in fields if getattr(entry, field.name) == field.default})


def tidy(entry: SpendEntry) -> SpendEntry:
    """Amounts and alerts as rows say them. Raises `ValueError` for what is no amount."""
    ceiling = entry.ceiling_usd
    return msgspec.structs.replace(
        entry,
        usd=dollars(nano(entry.usd)),
        ceiling_usd=None if ceiling is None else dollars(nano(ceiling)),
        alerts=sorted(set(entry.alerts)),
    )


def nano(usd: float | str) -> int:
    """Nano-dollars. Raises `ValueError`."""
    try:
        found = Decimal(str(usd).strip().removeprefix("$")) * NANO
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found != found.to_integral_value() or found < 0:
        raise ValueError("an amount is in dollars, with at most nine decimals, like `25` or `0.50`")
    return int(found)


def dollars(amount: int) -> str:
    """Exact, and the same text for the same amount."""
    whole, rest = divmod(amount, NANO)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")


def told(entry: msgspec.Struct) -> JsonObject:
    """As it stands in a document."""
    found: JsonObject = msgspec.to_builtins(entry)
    return found


def pairs(rows: list[T], wanted: list[W], says: Callable[[T], W], same: Callable[[W, W], bool]) -> list[tuple[T | None, W | None]]:
    """Each row with the entry that it is to become: first those that say it already, then the others in their order, of those that `same`
    finds to be one thing. None where one of them has no other."""
    left = [(row, says(row)) for row in rows]
    found: list[tuple[T | None, W | None]] = []
    rest: list[W] = []
    for entry in wanted:
        at = next((at for at, (_, said) in enumerate(left) if said == entry), None)
        if at is None:
            rest.append(entry)
        else:
            found.append((left.pop(at)[0], entry))
    for entry in rest:
        at = next((at for at, (_, said) in enumerate(left) if same(said, entry)), None)
        found.append((None if at is None else left.pop(at)[0], entry))
    return found + [(row, None) for row, _ in left]

"""The fields of a key as they are sent and shown, and what is wrong with their values."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.control.api.fields import Id, Moment, Name, Short, Text
from tidegate.control.api.pagination import Paged
from tidegate.control.api.problem import FieldError, invalid
from tidegate.control.config import PriorityName
from tidegate.policy.bounds import Hours, flaw_of_address, flaw_of_pattern, flaw_of_time_of_day
from tidegate.records import KeyState

Env = Literal["live", "test", "svc", "adm"]
AnyEnv = Literal["live", "test", "svc", "adm", "ext"]
"""`ext` is a key that another gateway made and that was imported."""
OwnerKind = Literal["org", "team", "user", "service_account"]

Names = Annotated[list[Short], Meta(max_length=200)]
Patterns = Annotated[list[Short], Meta(max_length=500, description="Names, or beginnings with `*`; none is all.")]
Networks = Annotated[list[Short], Meta(max_length=200, description="CIDRs that the key may be used from; none is all.")]
Schedule = Annotated[list[Hours], Meta(max_length=50, description="When the key works; none is always.")]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key without what could be used. `id` is the public part of its token."""

    id: str
    name: str
    env: AnyEnv
    state: KeyState
    owner_kind: OwnerKind
    owner_id: str
    team_id: str | None
    user_id: str | None
    purpose: str
    models: list[str]
    routes: list[str]
    addresses: list[str]
    times: list[Hours]
    tags: list[str]
    priority: PriorityName
    expires_at: datetime | None
    disabled_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    rotated_from: str | None
    overlap_until: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int


class MadeKey(KeyView, frozen=True, kw_only=True):
    """`token` is shown this once; null where the request was repeated. So is `aws_secret_access_key`, with which clients sign that call the
    gateway as they call AWS: the key's id is their access key."""

    token: str | None
    aws_secret_access_key: str | None


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`env` is `adm` for a key of this API, which acts as its owner. Without an owner it is the caller's own. Without `expires_at` it holds
    for 90 days, or as long as the key that makes it; null is for ever."""

    name: Name
    env: Env = "live"
    owner_kind: OwnerKind | None = None
    owner_id: Id | None = None
    team_id: Id | None = None
    purpose: Text = ""
    models: Patterns = []
    routes: Patterns = []
    addresses: Networks = []
    times: Schedule = []
    tags: Names = []
    priority: PriorityName = "interactive"
    expires_at: Moment | UnsetType | None = UNSET


class KeyEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed. Owner and team stay for ever: make another key instead."""

    name: Name | UnsetType = UNSET
    purpose: Text | UnsetType = UNSET
    models: Patterns | UnsetType = UNSET
    routes: Patterns | UnsetType = UNSET
    addresses: Networks | UnsetType = UNSET
    times: Schedule | UnsetType = UNSET
    tags: Names | UnsetType = UNSET
    priority: PriorityName | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long the old key works beside the new one, in seconds; at most 30 days."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400


class KeyQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`state` is that of the moment in which a page is asked for."""

    state: KeyState | None = None
    team_id: Id | None = None
    env: AnyEnv | None = None
    owner_kind: OwnerKind | None = None
    owner_id: Id | None = None
    user_id: Id | None = None


def check(
    *,
    models: list[str] | UnsetType,
    routes: list[str] | UnsetType,
    addresses: list[str] | UnsetType,
    times: list[Hours] | UnsetType,
    where: str = "",
) -> None:
    """Raises `Problem` with every mistake; `where` is what the paths of the fields begin with."""
    errors = [
        FieldError(f"{where}{name}[{at}]", flaw)
        for name, values, flaw_of in (
            ("models", models, flaw_of_pattern),
            ("routes", routes, flaw_of_pattern),
            ("addresses", addresses, flaw_of_address),
        )
        if values is not UNSET
        for at, flaw in _flaws(values, flaw_of)
    ]
    if times is not UNSET:
        errors += [error for at, hours in enumerate(times) for error in _flaws_of_hours(f"{where}times[{at}]", hours)]
    if errors:
        raise invalid(*errors)


def _flaws(values: list[str], flaw_of: Callable[[str], str | None]) -> list[tuple[int, str]]:
    return [(at, flaw) for at, value in enumerate(values) if (flaw := flaw_of(value))]


def _flaws_of_hours(path: str, hours: Hours) -> list[FieldError]:
    errors = [
        FieldError(f"{path}.{name}", flaw)
        for name, value in (("from", hours.from_), ("to", hours.to))
        if (flaw := flaw_of_time_of_day(value))
    ]
    if not errors and hours.from_ == hours.to:
        errors.append(FieldError(f"{path}.to", "it is the same as `from`"))
    if not hours.days:
        errors.append(FieldError(f"{path}.days", "at least one day"))
    try:
        ZoneInfo(hours.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        errors.append(FieldError(f"{path}.time_zone", "it is no time zone, like `Europe/Berlin`"))
    return errors

"""Limits and budgets of an organisation as rows: who or what they are for, how much of what per which time, and whether they refuse.

Two lists of one kind of row: `limits` of requests, tokens and calls at once, `budgets` of money, each with permissions of its own. What
limits a team is set from above it; what limits a key by whoever may edit limits in the key's team. An edit keeps what was used.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Name, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import FieldError, invalid, invalid_field, not_found
from tidegate.control.api.table import Nothing, Route
from tidegate.control.limit_rows import WAS_ROTATED, flaws, limits_of
from tidegate.policy.limits.rules import Standing
from tidegate.policy.roles import org_scope, team_scope
from tidegate.records import ApiKey, LimitRule, Team, User

ScopeName = Literal["organisation", "team", "user", "key", "end_user", "route", "model", "tag"]
Mode = Literal["enforce", "observe"]
Reserve = Literal["strict", "estimate"]
Subject = Annotated[str, msgspec.Meta(max_length=256, pattern=forms.ONE_LINE, description="Its id or name; empty = each one of its kind.")]
Amount = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Nano = Annotated[int, msgspec.Meta(ge=0, le=9 * 10**15, description="Nano-dollars.")]
Alerts = Annotated[list[Annotated[int, msgspec.Meta(ge=1, le=1000)]], msgspec.Meta(max_length=20, description="Percent of the amount.")]
Zone = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

_COUNTS = ("requests", "tokens", "concurrent")
_SPEND = "spend"


class LimitView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scope: str
    scope_id: str
    measure: str
    per: str
    amount: int
    mode: str
    time_zone: str
    disabled_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int


class BudgetView(LimitView, frozen=True, kw_only=True):
    """`amount` in nano-dollars, and so are `used`, `held` (what gateways reserve, which is not taken off `left`) and `left` of the window
    that ends at `resets_at`. They are null where a budget is disabled or has many subjects; one in total never resets."""

    used: int | None
    held: int | None
    left: int | None
    resets_at: datetime | None
    hard: bool
    reserve: str
    alerts: list[int]
    ceiling_nano: int | None
    output_cap: int | None


class NewLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    scope: ScopeName
    scope_id: Subject = ""
    measure: Literal["requests", "tokens", "concurrent"]
    per: Literal["minute", "hour", "day", "moment"] = "moment"
    amount: Amount
    mode: Mode = "enforce"
    time_zone: Zone = "UTC"


class LimitEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    amount: Amount | msgspec.UnsetType = msgspec.UNSET
    mode: Mode | msgspec.UnsetType = msgspec.UNSET
    time_zone: Zone | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class NewBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    scope: ScopeName
    scope_id: Subject = ""
    per: Literal["hour", "day", "week", "month", "total"]
    amount: Nano
    mode: Mode = "enforce"
    hard: bool = True
    reserve: Reserve = "strict"
    alerts: Alerts = msgspec.field(default_factory=lambda: [80, 100])
    ceiling_nano: Nano | None = None
    output_cap: Annotated[int, msgspec.Meta(ge=1, le=10**12)] | None = None
    time_zone: Zone = "UTC"


class BudgetEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    amount: Nano | msgspec.UnsetType = msgspec.UNSET
    mode: Mode | msgspec.UnsetType = msgspec.UNSET
    hard: bool | msgspec.UnsetType = msgspec.UNSET
    reserve: Reserve | msgspec.UnsetType = msgspec.UNSET
    alerts: Alerts | msgspec.UnsetType = msgspec.UNSET
    ceiling_nano: Nano | msgspec.UnsetType | None = msgspec.UNSET
    output_cap: Annotated[int, msgspec.Meta(ge=1, le=10**12)] | msgspec.UnsetType | None = msgspec.UNSET
    time_zone: Zone | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class LimitQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    scope: ScopeName | None = None
    scope_id: Subject | None = None


async def at_subject(call: Call, asked: NewLimit | NewBudget) -> str:
    """Where whoever sets a new one must hold the permission."""
    return await _scope(call, asked.scope, asked.scope_id)


async def at_row(call: Call, _asked: Any) -> str:
    row = await call.load(LimitRule, call.params["limit"])
    return await _scope(call, row.scope_kind, row.scope_id)


async def _scope(call: Call, kind: str, id: str) -> str:
    """A key belongs to its team; everything else to the organisation."""
    found = await call.view.get(ApiKey, id) if kind == "key" and id else None
    return org_scope(call.tenant.org_id) if found is None else team_scope(call.tenant.org_id, found.team_id)


async def list_limits(call: Call, asked: LimitQuery) -> Listing[LimitView]:
    only = {"scope_kind": asked.scope, "scope_id": asked.scope_id, "measure": _COUNTS}
    return await call.page("limits", LimitRule, asked, only, _show)


async def list_budgets(call: Call, asked: LimitQuery) -> Listing[BudgetView]:
    only = {"scope_kind": asked.scope, "scope_id": asked.scope_id, "measure": _SPEND}
    page = await call.page("budgets", LimitRule, asked, only, lambda row: row)
    stands = await _stands(call, page.items)
    return Listing(items=[_show_budget(row, stands.get(row.id)) for row in page.items], next=page.next)


async def create_limit(call: Call, asked: NewLimit) -> LimitView:
    row = LimitRule(**_new(call, asked), measure=asked.measure, per=asked.per, amount=asked.amount)
    return _show(await _add(call, row))


async def create_budget(call: Call, asked: NewBudget) -> BudgetView:
    row = LimitRule(
        **_new(call, asked),
        measure=_SPEND,
        per=asked.per,
        amount=asked.amount,
        hard=asked.hard,
        reserve=asked.reserve,
        alerts=sorted(set(asked.alerts)),
        ceiling_nano=asked.ceiling_nano,
        output_cap=asked.output_cap,
    )
    return await _told(call, await _add(call, row))


async def get_limit(call: Call, _asked: Nothing) -> LimitView:
    return _show(await _loaded(call, spend=False))


async def get_budget(call: Call, _asked: Nothing) -> BudgetView:
    return await _told(call, await _loaded(call, spend=True))


async def edit_limit(call: Call, asked: LimitEdit) -> LimitView:
    return _show(await _edited(call, asked, spend=False))


async def edit_budget(call: Call, asked: BudgetEdit) -> BudgetView:
    return await _told(call, await _edited(call, asked, spend=True))


async def delete_limit(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await _loaded(call, spend=False))


async def delete_budget(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await _loaded(call, spend=True))


def _new(call: Call, asked: NewLimit | NewBudget) -> dict[str, Any]:
    return {
        "id": call.new_id("lim"),
        "name": asked.name,
        "scope_kind": asked.scope,
        "scope_id": asked.scope_id,
        "mode": asked.mode,
        "time_zone": asked.time_zone,
        "created_by": call.actor_name,
        "created_at": call.now,
        "updated_at": call.now,
    }


async def _add(call: Call, row: LimitRule) -> LimitRule:
    _check(row)
    if not await _is_there(call, row):
        raise invalid_field("scope_id", f"there is no such {row.scope_kind}")
    key = await call.view.get(ApiKey, row.scope_id) if row.scope_kind == "key" else None
    if key is not None and key.overlap_until is not None:
        raise invalid_field("scope_id", WAS_ROTATED)
    await call.change.add(row)
    return row


async def _is_there(call: Call, row: LimitRule) -> bool:
    match row.scope_kind:
        case "team":
            return await call.view.get(Team, row.scope_id) is not None
        case "user":
            return await call.view.get(User, row.scope_id) is not None
        case "key":
            return await call.view.get(ApiKey, row.scope_id) is not None
        case _:
            return True


async def _loaded(call: Call, *, spend: bool) -> LimitRule:
    """Under the path of its own list only."""
    row = await call.load(LimitRule, call.params["limit"])
    if (row.measure == _SPEND) != spend:
        raise not_found()
    return row


async def _edited(call: Call, asked: LimitEdit | BudgetEdit, *, spend: bool) -> LimitRule:
    row = await _loaded(call, spend=spend)
    call.check_revision(row.revision)
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not msgspec.UNSET}
    disabled: bool | None = given.pop("disabled", None)
    if disabled is not None:
        given["disabled_at"] = (row.disabled_at or call.now) if disabled else None
    if "alerts" in given:
        given["alerts"] = sorted(set(given["alerts"]))
    row = msgspec.structs.replace(row, **given)
    _check(row)
    return await call.change.replace(row, "limit.update")


def _check(row: LimitRule) -> None:
    found = flaws(row)
    if found:
        raise invalid(*(FieldError(name.removeprefix("scope_kind") or "scope", why) for name, why in found.items()))


def _common(row: LimitRule) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "scope": row.scope_kind,
        "scope_id": row.scope_id,
        "measure": row.measure,
        "per": row.per,
        "amount": row.amount,
        "mode": row.mode,
        "time_zone": row.time_zone,
        "disabled_at": moment_or_none(row.disabled_at),
        "created_by": row.created_by,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "revision": row.revision,
    }


def _show(row: LimitRule) -> LimitView:
    return LimitView(**_common(row))


async def _told(call: Call, row: LimitRule) -> BudgetView:
    return _show_budget(row, (await _stands(call, [row])).get(row.id))


async def _stands(call: Call, rows: Iterable[LimitRule]) -> dict[str, Standing]:
    return await call.view.standings(limits_of((call.tenant.org_id, row) for row in rows), call.now / 1_000_000)


def _show_budget(row: LimitRule, stands: Standing | None) -> BudgetView:
    return BudgetView(
        **_common(row),
        used=None if stands is None else stands.used,
        held=None if stands is None else stands.reserved,
        left=None if stands is None else max(0, row.amount - stands.used),
        resets_at=None if stands is None or stands.opens is None else datetime.fromtimestamp(stands.opens, UTC),
        hard=row.hard,
        reserve=row.reserve,
        alerts=row.alerts,
        ceiling_nano=row.ceiling_nano,
        output_cap=row.output_cap,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/limits",
        name="list_limits",
        permission="limits:read",
        where=where.organisation,
        asked=LimitQuery,
        answer=Listing[LimitView],
        handler=list_limits,
        summary="The limits of an organisation: of requests, tokens and calls at the same time.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/limits",
        name="create_limit",
        permission="limits:create",
        where=at_subject,
        asked=NewLimit,
        answer=LimitView,
        status=HTTPStatus.CREATED,
        handler=create_limit,
        summary="Set a limit.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/limits/{limit}",
        name="get_limit",
        permission="limits:read",
        where=at_row,
        answer=LimitView,
        handler=get_limit,
        summary="One limit.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/limits/{limit}",
        name="edit_limit",
        permission="limits:edit",
        where=at_row,
        asked=LimitEdit,
        answer=LimitView,
        handler=edit_limit,
        summary="Edit a limit; what was used stays used.",
    ),
    Route(
        method="DELETE",
        path="/orgs/{org}/limits/{limit}",
        name="delete_limit",
        permission="limits:delete",
        where=at_row,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_limit,
        summary="Take a limit away.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/budgets",
        name="list_budgets",
        permission="budgets:read",
        where=where.organisation,
        asked=LimitQuery,
        answer=Listing[BudgetView],
        handler=list_budgets,
        summary="The budgets of an organisation.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/budgets",
        name="create_budget",
        permission="budgets:create",
        where=at_subject,
        asked=NewBudget,
        answer=BudgetView,
        status=HTTPStatus.CREATED,
        handler=create_budget,
        summary="Set a budget, in nano-dollars.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/budgets/{limit}",
        name="get_budget",
        permission="budgets:read",
        where=at_row,
        answer=BudgetView,
        handler=get_budget,
        summary="One budget.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/budgets/{limit}",
        name="edit_budget",
        permission="budgets:edit",
        where=at_row,
        asked=BudgetEdit,
        answer=BudgetView,
        handler=edit_budget,
        summary="Edit a budget; what was spent stays spent.",
    ),
    Route(
        method="DELETE",
        path="/orgs/{org}/budgets/{limit}",
        name="delete_budget",
        permission="budgets:delete",
        where=at_row,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_budget,
        summary="Take a budget away.",
    ),
)

"""Plans: what customers pay. Their amounts never change once they are made; whoever wants others makes a new plan."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Name, Short, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.policy.billing import Rate
from tidegate.records import Plan

Nano = Annotated[int, Meta(ge=0, le=10**15, description="Nano-dollars.")]
External = Annotated[str, Meta(max_length=200, pattern=forms.EXTERNAL_ID, description="Its id at the payment provider.")]


class RateFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Nano-dollars per million tokens of a kind, per thousand requests and web searches. Cached tokens without a price of their own cost
    what plain input costs."""

    model: Annotated[str, Meta(min_length=1, max_length=200, description="A name, or a beginning with `*`.")] = "*"
    input: Nano = 0
    output: Nano = 0
    cache_read: Nano | None = None
    cache_write: Nano | None = None
    cache_write_1h: Nano | None = None
    web_search: Nano = 0
    request: Nano = 0


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    currency: str
    price_nano: int
    included_nano: int
    markup_bp: int
    rates: list[RateFields]
    external_id: str
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`price_nano` is the fee of a month and `included_nano` the worth of usage in it. Usage costs what it cost with `markup_bp` basis
    points (hundredths of a percent) on it, or what `rates` say, of which the first that fits a model holds."""

    name: Name
    price_nano: Nano = 0
    included_nano: Nano = 0
    markup_bp: Annotated[int, Meta(ge=-10_000, le=1_000_000)] = 0
    rates: Annotated[list[RateFields], Meta(max_length=100)] = []
    external_id: External = ""


class PlanEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed. An archived plan takes no new subscriptions."""

    name: Name | UnsetType = UNSET
    external_id: External | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class PlanQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Short | None = None


async def list_plans(call: Call, asked: PlanQuery) -> Listing[PlanView]:
    return await call.page("plans", Plan, asked, {"name": asked.name}, _show)


async def create_plan(call: Call, asked: NewPlan) -> PlanView:
    if asked.rates and asked.markup_bp:
        raise invalid_field("markup_bp", "usage costs a markup or rates, not both")
    row = Plan(
        id=call.new_id("plan"),
        name=asked.name,
        price_nano=asked.price_nano,
        included_nano=asked.included_nano,
        markup_bp=asked.markup_bp,
        rates=[msgspec.to_builtins(msgspec.convert(msgspec.to_builtins(rate), Rate)) for rate in asked.rates],
        external_id=asked.external_id,
        created_at=call.now,
        updated_at=call.now,
    )
    await call.change.add(row)
    return _show(row)


async def get_plan(call: Call, _asked: Nothing) -> PlanView:
    return _show(await call.load(Plan, call.params["plan"]))


async def edit_plan(call: Call, asked: PlanEdit) -> PlanView:
    row = await call.load(Plan, call.params["plan"])
    call.check_revision(row.revision)
    if asked.name is not UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.external_id is not UNSET:
        row = msgspec.structs.replace(row, external_id=asked.external_id)
    if asked.archived is not UNSET:
        row = msgspec.structs.replace(row, archived_at=(row.archived_at or call.now) if asked.archived else None)
    return _show(await call.change.replace(row, "plan.update"))


def _show(row: Plan) -> PlanView:
    return PlanView(
        id=row.id,
        name=row.name,
        currency=row.currency,
        price_nano=row.price_nano,
        included_nano=row.included_nano,
        markup_bp=row.markup_bp,
        rates=[msgspec.convert(rate, RateFields) for rate in row.rates],
        external_id=row.external_id,
        archived_at=moment_or_none(row.archived_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/plans",
        name="list_plans",
        permission="billing:read",
        where=where.billing,
        asked=PlanQuery,
        answer=Listing[PlanView],
        handler=list_plans,
        summary="The plans that customers can have.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/plans",
        name="create_plan",
        permission="billing:create",
        where=where.billing,
        asked=NewPlan,
        answer=PlanView,
        status=HTTPStatus.CREATED,
        handler=create_plan,
        summary="Make a plan.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/plans/{plan}",
        name="get_plan",
        permission="billing:read",
        where=where.billing,
        answer=PlanView,
        handler=get_plan,
        summary="One plan.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/plans/{plan}",
        name="edit_plan",
        permission="billing:edit",
        where=where.billing,
        asked=PlanEdit,
        answer=PlanView,
        handler=edit_plan,
        summary="Rename or archive a plan.",
    ),
)

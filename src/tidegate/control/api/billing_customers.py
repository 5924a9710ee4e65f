"""Customers, their subscriptions and what is adjusted on their next invoice. Where a payment provider is configured, it is told of
customers and subscriptions by messages that are stored with the change."""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.billing_plans import External
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Email, Id, Name, Short, Text, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.customers import Flaw, flaw_of_customer, flaw_of_subscription
from tidegate.ir.json import JsonObject
from tidegate.records import Adjustment, Customer, Message, Subscription

Kind = Literal["organisation", "team", "end_user"]
Day = Annotated[str, Meta(pattern=forms.DAY, description="A day, like `2026-06-01`.")]


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    kind: Kind
    subject: str
    email: str
    time_zone: str
    external_id: str
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`subject` is a team's id, an end user as clients name it, or (of the organisation `default`) an organisation's id. Months and days
    are those of `time_zone`. `external_id` is given where the payment provider has the customer already."""

    name: Name
    kind: Kind
    subject: Short
    email: Email | None = None
    time_zone: Short = "UTC"
    external_id: External = ""


class CustomerEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    external_id: External | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class CustomerQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    kind: Kind | None = None
    subject: Short | None = None


class SubscriptionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    customer_id: str
    plan_id: str
    starts_on: str
    ends_on: str | None
    external_id: str
    created_at: datetime
    updated_at: datetime
    revision: int


class NewSubscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From one day to another, both included; without a last day for ever. Two of a customer may not overlap."""

    customer_id: Id
    plan_id: Id
    starts_on: Day
    ends_on: Day | None = None


class SubscriptionEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Its last day."""

    ends_on: Day


class OfCustomer(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_id: Id | None = None


class AdjustmentView(msgspec.Struct, frozen=True, kw_only=True):
    """`invoice_id` is null until it is on one that is final."""

    id: str
    customer_id: str
    amount_nano: int
    reason: str
    invoice_id: str | None
    created_by: str
    created_at: datetime
    revision: int


class NewAdjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It goes onto the next invoice. An amount below 0 is a credit."""

    customer_id: Id
    amount_nano: Annotated[int, Meta(ge=-(10**15), le=10**15)]
    reason: Annotated[Text, Meta(min_length=1)]


async def list_customers(call: Call, asked: CustomerQuery) -> Listing[CustomerView]:
    return await call.page("customers", Customer, asked, {"kind": asked.kind, "subject": asked.subject}, _show)


async def create_customer(call: Call, asked: NewCustomer) -> CustomerView:
    row = Customer(
        id=call.new_id("cust"),
        name=asked.name,
        kind=asked.kind,
        subject=asked.subject,
        email=asked.email or "",
        time_zone=asked.time_zone,
        external_id=asked.external_id,
        created_at=call.now,
        updated_at=call.now,
    )
    _refuse(await flaw_of_customer(call.services.store, call.view, call.tenant, row))
    await call.change.add(row)
    await _tell(call, "customer", {"customer_id": row.id})
    return _show(row)


async def get_customer(call: Call, _asked: Nothing) -> CustomerView:
    return _show(await call.load(Customer, call.params["customer"]))


async def edit_customer(call: Call, asked: CustomerEdit) -> CustomerView:
    row = await call.load(Customer, call.params["customer"])
    call.check_revision(row.revision)
    if asked.name is not UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.email is not UNSET:
        row = msgspec.structs.replace(row, email=asked.email or "")
    if asked.external_id is not UNSET:
        row = msgspec.structs.replace(row, external_id=asked.external_id)
    if asked.disabled is not UNSET:
        row = msgspec.structs.replace(row, disabled_at=(row.disabled_at or call.now) if asked.disabled else None)
    kept = await call.change.replace(row, "customer.update")
    await _tell(call, "customer", {"customer_id": row.id})
    return _show(kept)


async def list_subscriptions(call: Call, asked: OfCustomer) -> Listing[SubscriptionView]:
    return await call.page("subscriptions", Subscription, asked, {"customer_id": asked.customer_id}, _show_subscription)


async def create_subscription(call: Call, asked: NewSubscription) -> SubscriptionView:
    row = Subscription(
        id=call.new_id("sub"),
        customer_id=asked.customer_id,
        plan_id=asked.plan_id,
        starts_on=_day("starts_on", asked.starts_on),
        ends_on=_day("ends_on", asked.ends_on) if asked.ends_on is not None else "",
        created_at=call.now,
        updated_at=call.now,
    )
    _refuse(await flaw_of_subscription(call.view, row))
    await call.change.add(row)
    await _tell(call, "subscription", {"subscription_id": row.id})
    return _show_subscription(row)


async def get_subscription(call: Call, _asked: Nothing) -> SubscriptionView:
    return _show_subscription(await call.load(Subscription, call.params["subscription"]))


async def end_subscription(call: Call, asked: SubscriptionEdit) -> SubscriptionView:
    row = await call.load(Subscription, call.params["subscription"])
    call.check_revision(row.revision)
    row = msgspec.structs.replace(row, ends_on=_day("ends_on", asked.ends_on))
    _refuse(await flaw_of_subscription(call.view, row))
    kept = await call.change.replace(row, "subscription.end")
    await _tell(call, "subscription_end", {"subscription_id": row.id})
    return _show_subscription(kept)


async def list_adjustments(call: Call, asked: OfCustomer) -> Listing[AdjustmentView]:
    return await call.page("adjustments", Adjustment, asked, {"customer_id": asked.customer_id}, show_adjustment)


async def create_adjustment(call: Call, asked: NewAdjustment) -> AdjustmentView:
    if await call.view.get(Customer, asked.customer_id) is None:
        raise invalid_field("customer_id", "there is no such customer")
    if not asked.amount_nano:
        raise invalid_field("amount_nano", "nothing is adjusted by 0")
    row = Adjustment(
        id=call.new_id("adj"),
        customer_id=asked.customer_id,
        amount_nano=asked.amount_nano,
        reason=asked.reason,
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    await call.change.add(row)
    return show_adjustment(row)


async def _tell(call: Call, topic: str, message: JsonObject) -> None:
    """For the payment provider, where there is one."""
    if call.services.billed:
        await call.change.enqueue(Message(id=call.new_id("out"), topic=topic, message=message, created_at=call.now, due_at=call.now))


def _refuse(flaw: Flaw | None) -> None:
    if flaw is not None:
        raise invalid_field(flaw.field, flaw.message)


def _day(field: str, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise invalid_field(field, "there is no such day") from None


def _show(row: Customer) -> CustomerView:
    return CustomerView(
        id=row.id,
        name=row.name,
        kind=row.kind,
        subject=row.subject,
        email=row.email,
        time_zone=row.time_zone,
        external_id=row.external_id,
        disabled_at=moment_or_none(row.disabled_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


def _show_subscription(row: Subscription) -> SubscriptionView:
    return SubscriptionView(
        id=row.id,
        customer_id=row.customer_id,
        plan_id=row.plan_id,
        starts_on=row.starts_on,
        ends_on=row.ends_on or None,
        external_id=row.external_id,
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


def show_adjustment(row: Adjustment) -> AdjustmentView:
    return AdjustmentView(
        id=row.id,
        customer_id=row.customer_id,
        amount_nano=row.amount_nano,
        reason=row.reason,
        invoice_id=row.invoice_id or None,
        created_by=row.created_by,
        created_at=moment(row.created_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/customers",
        name="list_customers",
        permission="billing:read",
        where=where.billing,
        asked=CustomerQuery,
        answer=Listing[CustomerView],
        handler=list_customers,
        summary="Who is billed.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/customers",
        name="create_customer",
        permission="billing:create",
        where=where.billing,
        asked=NewCustomer,
        answer=CustomerView,
        status=HTTPStatus.CREATED,
        handler=create_customer,
        summary="Make a team, an end user or (for the operator) an organisation a customer.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/customers/{customer}",
        name="get_customer",
        permission="billing:read",
        where=where.billing,
        answer=CustomerView,
        handler=get_customer,
        summary="One customer.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/customers/{customer}",
        name="edit_customer",
        permission="billing:edit",
        where=where.billing,
        asked=CustomerEdit,
        answer=CustomerView,
        handler=edit_customer,
        summary="Rename a customer, change its email, disable it.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/subscriptions",
        name="list_subscriptions",
        permission="billing:read",
        where=where.billing,
        asked=OfCustomer,
        answer=Listing[SubscriptionView],
        handler=list_subscriptions,
        summary="Which plans customers have, and when.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/subscriptions",
        name="create_subscription",
        permission="billing:create",
        where=where.billing,
        asked=NewSubscription,
        answer=SubscriptionView,
        status=HTTPStatus.CREATED,
        handler=create_subscription,
        summary="Give a customer a plan.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/subscriptions/{subscription}",
        name="get_subscription",
        permission="billing:read",
        where=where.billing,
        answer=SubscriptionView,
        handler=get_subscription,
        summary="One subscription.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/subscriptions/{subscription}",
        name="end_subscription",
        permission="billing:edit",
        where=where.billing,
        asked=SubscriptionEdit,
        answer=SubscriptionView,
        handler=end_subscription,
        summary="End a subscription.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/adjustments",
        name="list_adjustments",
        permission="invoices:read",
        where=where.billing,
        asked=OfCustomer,
        answer=Listing[AdjustmentView],
        handler=list_adjustments,
        summary="Credits and other amounts that are put onto invoices.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/adjustments",
        name="create_adjustment",
        permission="invoices:create",
        where=where.billing,
        asked=NewAdjustment,
        answer=AdjustmentView,
        status=HTTPStatus.CREATED,
        handler=create_adjustment,
        summary="Credit a customer, or charge something, on the next invoice.",
    ),
)

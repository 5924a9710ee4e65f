"""Invoices: drafted, worked out again as often as one likes or dropped, and finalised once; as JSON or CSV. And how they stand at the
payment provider, as its events told it."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec

from tidegate.control import billing, forms
from tidegate.control.api import where
from tidegate.control.api.billing_customers import AdjustmentView, show_adjustment
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Id, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import Problem, conflict, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.billing import Computed, NoPeriod
from tidegate.policy.billing import Line
from tidegate.ports import Ledger
from tidegate.records import Customer, Invoice, Payment
from tidegate.usage_report import csv_line

State = Literal["draft", "final"]
Month = Annotated[str, msgspec.Meta(pattern=forms.MONTH, description="A month, like `2026-06`.")]
_COLUMNS = ("number", "invoice", "customer", "period", "state", "kind", "text", "quantity", "unit_nano", "per", "nano")


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """`nano` is `quantity` times `unit_nano` divided by `per`, rounded up once."""

    kind: str
    text: str
    quantity: int
    unit_nano: int
    per: int
    nano: int


class InvoiceView(msgspec.Struct, frozen=True, kw_only=True):
    """`unpriced` attempts have no known cost, or fit no rate of the plan, and are not in it. A final one changes no more."""

    id: str
    number: int | None
    customer_id: str
    period: str
    period_from: datetime
    period_until: datetime
    currency: str
    state: State
    lines: list[LineView]
    total_nano: int
    unpriced: int
    finalised_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewInvoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_id: Id
    period: Month


class InvoiceQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_id: Id | None = None
    period: Month | None = None
    state: State | None = None


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice at the payment provider; amounts in nano-dollars, `status` in the provider's words."""

    id: str
    customer_id: str
    status: str
    number: str
    currency: str
    due_nano: int
    paid_nano: int
    period_from: datetime
    period_until: datetime
    updated_at: datetime
    revision: int


class PaymentQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_id: Id | None = None


async def list_invoices(call: Call, asked: InvoiceQuery) -> Listing[InvoiceView]:
    only = {"customer_id": asked.customer_id, "period": asked.period, "state": asked.state}
    return await call.page("invoices", Invoice, asked, only, _show)


async def create_invoice(call: Call, asked: NewInvoice) -> InvoiceView:
    customer = await call.view.get(Customer, asked.customer_id)
    if customer is None:
        raise invalid_field("customer_id", "there is no such customer")
    try:
        empty = billing.draft(customer, asked.period, id=call.new_id("inv"), now=call.now)
    except NoPeriod as error:
        raise invalid_field("period", str(error)) from None
    row = billing.drafted(empty, await _computed(call, customer, asked.period))
    await call.change.add(row)
    return _show(row)


async def get_invoice(call: Call, _asked: Nothing) -> InvoiceView:
    return _show(await call.load(Invoice, call.params["invoice"]))


async def recompute_invoice(call: Call, _asked: Nothing) -> InvoiceView:
    row, computed = await _again(call)
    return _show(await call.change.replace(billing.drafted(row, computed), "invoice.recompute"))


async def finalise_invoice(call: Call, _asked: Nothing) -> InvoiceView:
    row, computed = await _again(call)
    return _show(await billing.finalise(call.change, row, computed, now=call.now, new_id=call.new_id("adj"), by=call.actor_name))


async def correct_invoice(call: Call, _asked: Nothing) -> AdjustmentView:
    row = await call.load(Invoice, call.params["invoice"])
    customer = await call.load(Customer, row.customer_id)
    found = await billing.correction(_ledger(call), call.view, call.tenant, customer, row)
    return show_adjustment(await billing.correct(call.change, row, found, now=call.now, by=call.actor_name))


async def delete_invoice(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await call.load(Invoice, call.params["invoice"]))


async def list_payments(call: Call, asked: PaymentQuery) -> Listing[PaymentView]:
    return await call.page("payments", Payment, asked, {"customer_id": asked.customer_id}, _show_payment)


async def _again(call: Call) -> tuple[Invoice, Computed]:
    row = await call.load(Invoice, call.params["invoice"])
    if row.state == "final":
        raise conflict("A final invoice changes no more: what is wrong on it is put right by an adjustment on the next one.")
    return row, await _computed(call, await call.load(Customer, row.customer_id), row.period)


async def _computed(call: Call, customer: Customer, period: str) -> Computed:
    try:
        return await billing.compute(_ledger(call), call.view, call.tenant, customer, period)
    except NoPeriod as error:
        raise invalid_field("period", str(error)) from None


def _ledger(call: Call) -> Ledger:
    if call.services.ledger is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-ledger", "This gateway keeps no ledger that can be asked.")
    return call.services.ledger


def invoice_csv(_asked: Nothing, invoice: InvoiceView) -> str:
    """A line for each line of the invoice, one for what has no known price, where there is such, and one for the total."""
    return csv_line(_COLUMNS) + "".join(_csv_rows(invoice))


def invoices_csv(_asked: InvoiceQuery, page: Listing[InvoiceView]) -> str:
    """The lines of a page's invoices. What `next` would be stands in the answer as JSON only."""
    return csv_line(_COLUMNS) + "".join(row for invoice in page.items for row in _csv_rows(invoice))


def _csv_rows(invoice: InvoiceView) -> list[str]:
    head = (invoice.number, invoice.id, invoice.customer_id, invoice.period, invoice.state)
    rows = [csv_line((*head, line.kind, line.text, line.quantity, line.unit_nano, line.per, line.nano)) for line in invoice.lines]
    if invoice.unpriced:
        rows.append(csv_line((*head, "unpriced", "attempts without a known price, or that fit no rate", invoice.unpriced, 0, 1, 0)))
    return [*rows, csv_line((*head, "total", "total", 1, invoice.total_nano, 1, invoice.total_nano))]


def _show(row: Invoice) -> InvoiceView:
    return InvoiceView(
        id=row.id,
        number=row.number,
        customer_id=row.customer_id,
        period=row.period,
        period_from=moment(row.period_from),
        period_until=moment(row.period_until),
        currency=row.currency,
        state=row.state,
        lines=[_line(msgspec.convert(line, Line)) for line in row.lines],
        total_nano=row.total_nano,
        unpriced=row.unpriced,
        finalised_at=moment_or_none(row.finalised_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


def _line(line: Line) -> LineView:
    return LineView(kind=line.kind, text=line.text, quantity=line.quantity, unit_nano=line.unit_nano, per=line.per, nano=line.nano)


def _show_payment(row: Payment) -> PaymentView:
    return PaymentView(
        id=row.id,
        customer_id=row.customer_id,
        status=row.status,
        number=row.number,
        currency=row.currency,
        due_nano=row.due_nano,
        paid_nano=row.paid_nano,
        period_from=moment(row.period_from),
        period_until=moment(row.period_until),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/invoices",
        name="list_invoices",
        permission="invoices:read",
        where=where.billing,
        asked=InvoiceQuery,
        answer=Listing[InvoiceView],
        handler=list_invoices,
        csv=invoices_csv,
        summary="The invoices of an organisation's customers.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/invoices",
        name="create_invoice",
        permission="invoices:create",
        where=where.billing,
        asked=NewInvoice,
        answer=InvoiceView,
        status=HTTPStatus.CREATED,
        handler=create_invoice,
        summary="Draft a customer's invoice of a month.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/invoices/{invoice}",
        name="get_invoice",
        permission="invoices:read",
        where=where.billing,
        answer=InvoiceView,
        handler=get_invoice,
        csv=invoice_csv,
        summary="One invoice with its lines.",
    ),
    Route(
        method="DELETE",
        path="/orgs/{org}/invoices/{invoice}",
        name="delete_invoice",
        permission="invoices:delete",
        where=where.billing,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_invoice,
        summary="Drop a draft; a final invoice stays.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/invoices/{invoice}/recompute",
        name="recompute_invoice",
        permission="invoices:edit",
        where=where.billing,
        answer=InvoiceView,
        handler=recompute_invoice,
        summary="Work a draft out again.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/invoices/{invoice}/finalise",
        name="finalise_invoice",
        permission="invoices:edit",
        where=where.billing,
        answer=InvoiceView,
        handler=finalise_invoice,
        summary="Work a draft out for the last time and give it its number.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/invoices/{invoice}/correct",
        name="correct_invoice",
        permission="invoices:create",
        where=where.billing,
        answer=AdjustmentView,
        status=HTTPStatus.CREATED,
        handler=correct_invoice,
        summary="Put what a final invoice's month costs more or less by now onto the next invoice.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/payments",
        name="list_payments",
        permission="invoices:read",
        where=where.billing,
        asked=PaymentQuery,
        answer=Listing[PaymentView],
        handler=list_payments,
        summary="How invoices stand at the payment provider.",
    ),
)

"""Invoices worked out: the plans that a customer had in a month and what was used then, from the ledger's sums. The control API and the
command line ask; `policy.billing` does the sums."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from tidegate.policy.billing import OF_THE_MONTH, Bill, Part, Rate, Terms, Used, bill
from tidegate.ports import Ledger
from tidegate.ports.billing import begin_of, whose
from tidegate.ports.control import Change, Listed, View
from tidegate.records import Adjustment, Conflict, Customer, Invoice, ListQuery, Plan, Subscription, Tenant
from tidegate.usage_report import UsageGone, UsageQuery

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_PAGE = 500
_MICROS = 1_000_000


class NoPeriod(ValueError):
    """The text is no month that can be billed; the message says what is."""


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """A bill with the adjustments that went onto it."""

    bill: Bill
    adjustments: tuple[Adjustment, ...]


def month(text: str) -> tuple[date, date]:
    """The first day of a month, and that of the next one. Raises `NoPeriod`."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise NoPeriod("a period is a month like `2026-06`")
    first = date(int(found[1]), int(found[2]), 1)
    return first, (first + timedelta(days=31)).replace(day=1)


def draft(customer: Customer, period: str, *, id: str, now: int) -> Invoice:
    """A draft without lines. Raises `NoPeriod`, also for a month that has not begun where the customer is."""
    first, end = month(period)
    begins = begin_of(first, customer.time_zone)
    if begins > now:
        raise NoPeriod(f"{period} has not begun: nothing is owed for it yet")
    return Invoice(
        id=id,
        customer_id=customer.id,
        period=period,
        period_from=begins,
        period_until=begin_of(end, customer.time_zone),
        created_at=now,
        updated_at=now,
    )


async def compute(ledger: Ledger, view: View, tenant: Tenant, customer: Customer, period: str) -> Computed:
    """What the customer owes for the month, as of now. Raises `NoPeriod`, and `Conflict` where a plan or the usage is gone."""
    first, end = month(period)
    parts: list[Part] = []
    for held in await everything(view, Subscription, {"customer_id": customer.id}):
        begin = max(first, date.fromisoformat(held.starts_on))
        until = min(end, date.fromisoformat(held.ends_on) + timedelta(days=1)) if held.ends_on else end
        if begin >= until:
            continue
        plan = await view.get(Plan, held.plan_id)
        if plan is None:
            raise Conflict("the plan of a subscription is not there")
        used = await used_by(ledger, tenant, customer, begin_of(begin, customer.time_zone), begin_of(until, customer.time_zone))
        parts.append(Part(plan=plan.name, terms=terms_of(plan), days=(until - begin).days, of_days=(end - first).days, used=used))
    open_ones = await everything(view, Adjustment, {"customer_id": customer.id, "invoice_id": ""})
    return Computed(bill=bill(parts, [(row.reason, row.amount_nano) for row in open_ones]), adjustments=tuple(open_ones))


async def used_by(ledger: Ledger, tenant: Tenant, customer: Customer, begin: int, until: int) -> tuple[Used, ...]:
    """By model, dearest first; times in microseconds. Raises `Conflict` where it is not kept any more."""
    scope, only = whose(tenant, customer)
    query = UsageQuery(since=begin / _MICROS, until=until / _MICROS, by=("model",), time_zone=customer.time_zone, only=only)
    try:
        report = await ledger.usage(scope, query)
    except UsageGone as error:
        raise Conflict(f"{error}: put the rest right by an adjustment") from None
    return tuple(
        Used(
            model=row.group["model"] or "unknown",
            requests=row.figures.requests,
            cost_nano=row.figures.cost_nano,
            unpriced=row.figures.unpriced,
            tokens=msgspec.structs.asdict(row.figures.tokens),
            web_searches=row.figures.web_searches,
        )
        for row in report.rows
    )


def terms_of(plan: Plan) -> Terms:
    return Terms(
        price_nano=plan.price_nano,
        included_nano=plan.included_nano,
        markup_bp=plan.markup_bp,
        rates=tuple(msgspec.convert(rate, Rate) for rate in plan.rates),
    )


def drafted(invoice: Invoice, computed: Computed) -> Invoice:
    """The invoice with what was worked out."""
    found = computed.bill
    lines = [msgspec.to_builtins(line) for line in found.lines]
    return msgspec.structs.replace(invoice, lines=lines, total_nano=found.total_nano, unpriced=found.unpriced)


async def finalise(change: Change, invoice: Invoice, computed: Computed, *, now: int, new_id: str, by: str) -> Invoice:
    """Gives a draft its number, for ever. What credits exceed it by goes to the next one, as the adjustment `new_id`. Raises `Conflict`
    where the month is not over. All changes of a tenant come one after the other, so numbers have no gaps."""
    if invoice.period_until > now:
        raise Conflict("the month of the invoice is not over")
    numbers = [row.number for row in await everything(change, Invoice, {"state": "final"}) if row.number is not None]
    final = msgspec.structs.replace(drafted(invoice, computed), state="final", number=max(numbers, default=0) + 1, finalised_at=now)
    for row in computed.adjustments:
        await change.replace(msgspec.structs.replace(row, invoice_id=invoice.id), "adjustment.settle")
    if computed.bill.carried_nano:
        carried = Adjustment(
            id=new_id,
            customer_id=invoice.customer_id,
            amount_nano=-computed.bill.carried_nano,
            reason=f"carried over from invoice {final.number}",
            created_by=by,
            created_at=now,
            updated_at=now,
        )
        await change.add(carried)
    return await change.replace(final, "invoice.finalise")


async def correction(ledger: Ledger, view: View, tenant: Tenant, customer: Customer, invoice: Invoice) -> tuple[str, int]:
    """(id, nano-dollars) of the adjustment that puts a final invoice right: what its month costs by now, less what it said and what such
    adjustments, whose ids begin with the invoice's, have changed since. Raises `Conflict` where that is nothing."""
    if invoice.state != "final":
        raise Conflict("a draft needs no correction: work it out again")
    found = await compute(ledger, view, tenant, customer, invoice.period)
    begin = f"adj_{invoice.id.removeprefix('inv_')}_"
    before = [row for row in await everything(view, Adjustment, {"customer_id": customer.id}) if row.id.startswith(begin)]
    said = sum(int(str(line["nano"])) for line in invoice.lines if line["kind"] in OF_THE_MONTH)
    nano = sum(line.nano for line in found.bill.lines if line.kind in OF_THE_MONTH) - said - sum(row.amount_nano for row in before)
    if not nano:
        raise Conflict("the month still costs what the invoice and its corrections say")
    return f"{begin}{len(before) + 1}", nano


async def correct(change: Change, invoice: Invoice, found: tuple[str, int], *, now: int, by: str) -> Adjustment:
    """Puts a `correction` onto the customer's next invoice."""
    row = Adjustment(
        id=found[0],
        customer_id=invoice.customer_id,
        amount_nano=found[1],
        reason=f"correction of invoice {invoice.number} ({invoice.period})",
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    await change.add(row)
    return row


async def everything(view: View, kind: type[Listed], only: dict[str, str | tuple[str, ...]]) -> Sequence[Listed]:
    """All rows of a kind, over all pages."""
    found: list[Listed] = []
    after: str | None = None
    while True:
        page = await view.page(kind, ListQuery(limit=_PAGE, after=after, only=only))
        found += page.items
        after = page.cursor
        if after is None:
            return found


def period_now(at: int) -> str:
    """The month before the one that `at` (microseconds, in UTC) is in: the last one that is over."""
    first = datetime.fromtimestamp(at / _MICROS, UTC).date().replace(day=1)
    return (first - timedelta(days=1)).strftime("%Y-%m")

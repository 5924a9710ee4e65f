"""What the payment provider tells of its invoices: signed events, in any order and any number of times. Not a route of the table: its
caller has no key but a signature, and the answer tells nothing.

An event says how an invoice stood at a time. What is older than what is known changes nothing, so that order and repetition do not matter.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tidegate.ports import StorageUnavailable
from tidegate.ports.control import Change, ControlStore
from tidegate.records import Actor, Conflict, Customer, Payment, Tenant

PATH = "/api/v1/billing/stripe/events"
MOST = 1 << 20
_CENT = 10_000_000
_MICROS = 1_000_000
_MOST_CENTS = ((1 << 63) - 1) // _CENT
_LAST = 7_258_118_400
"""The year 2200, as for every other time."""
_LONGEST = 255
_RANKS = {"draft": 0, "open": 1, "uncollectible": 2, "void": 3, "paid": 4}
_ACTOR = Actor(kind="system", id="stripe")

Verify = Callable[[str, bytes], bool]
"""(the signature's header, the body) -> whether the provider signed it, now."""


def events(store: ControlStore, verify: Verify, now: Callable[[], int]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. 400 for what is not signed, 503 where it cannot be kept (the provider sends it again), else 204."""

    async def take(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST:
                return Response(status_code=413)
        if not verify(request.headers.get("stripe-signature", ""), bytes(body)):
            return Response(status_code=400)
        found = _invoice(bytes(body))
        if found is not None:
            try:
                await _keep(store, *found, now())
            except (StorageUnavailable, Conflict):
                return Response(status_code=503)
        return Response(status_code=204)

    return take


def _invoice(body: bytes) -> tuple[Tenant, str, str, Payment] | None:
    """(tenant, our customer's id, the provider's, how the invoice stands); None of an event that is about something else."""
    try:
        event = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    invoice = _inside(event, "data", "object")
    if _inside(invoice, "object") != "invoice":
        return None
    told = _inside(invoice, "parent", "subscription_details", "metadata") or _inside(invoice, "subscription_details", "metadata")
    org, customer_id = _inside(told, "tidegate_org"), _inside(told, "tidegate_customer")
    customer, id, status = (_inside(invoice, name) for name in ("customer", "id", "status"))
    if not all(_is_word(value) for value in (org, customer_id, customer, id, status)):
        return None
    made = Payment(
        id=str(id),
        customer_id=str(customer_id),
        status=str(status),
        number=_word(invoice, "number", ""),
        currency=_word(invoice, "currency", "usd"),
        due_nano=_whole(invoice, "amount_due", _MOST_CENTS) * _CENT,
        paid_nano=_whole(invoice, "amount_paid", _MOST_CENTS) * _CENT,
        period_from=_whole(invoice, "period_start", _LAST) * _MICROS,
        period_until=_whole(invoice, "period_end", _LAST) * _MICROS,
        event_at=_whole(event, "created", _LAST) * _MICROS,
        rank=_RANKS.get(str(status), 0),
    )
    return Tenant(str(org)), str(customer_id), str(customer), made


async def _keep(store: ControlStore, tenant: Tenant, customer_id: str, external_id: str, told: Payment, now: int) -> None:
    async with store.view(tenant) as view:
        customer = await view.get(Customer, customer_id)
    if customer is None or customer.external_id != external_id:
        return
    async with store.change(tenant, _ACTOR) as change:
        await _newer(change, told, now)


async def _newer(change: Change, told: Payment, now: int) -> None:
    known = await change.get(Payment, told.id)
    if known is None:
        await change.add(msgspec.structs.replace(told, created_at=now, updated_at=now))
    elif (known.event_at, known.rank) < (told.event_at, told.rank):
        kept = {name: getattr(known, name) for name in ("customer_id", "created_at", "updated_at", "revision")}
        await change.replace(msgspec.structs.replace(told, **kept), "payment.update")


def _inside(value: Any, *path: str) -> Any:
    for name in path:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return value


def _is_word(value: Any) -> bool:
    """Whether a database takes it as a text."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _word(value: Any, name: str, otherwise: str) -> str:
    found = _inside(value, name)
    return found if _is_word(found) else otherwise


def _whole(value: Any, name: str, most: int) -> int:
    found = _inside(value, name)
    return found if type(found) is int and 0 <= found <= most else 0

"""Stripe as a `BillingSink`: customers, subscriptions and meter events over its HTTP API, and the signature of what it sends.

https://docs.stripe.com/api and https://docs.stripe.com/webhooks#verify-manually. Usage goes to a meter whose values are nano-dollars; the
price that customers subscribe to has an amount of 0.0000001 cents per unit of it. No package of Stripe's is needed for four requests.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tidegate.policy.secret import HIDDEN
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import Upstream, UpstreamFailure
from tidegate.ports.billing import BillingFailure
from tidegate.providers.spec import ProviderSpec
from tidegate.records import Customer

VERSION = "2025-04-30.basil"
METER_EVENTS = "/v1/billing/meter_events"
TOLERANCE = 300
"""Seconds that a signed time may be away from ours."""
_LONGEST_ANSWER = 1 << 20
_CONFIG = UpstreamConfig(
    name="stripe", spec=ProviderSpec(name="stripe", title="Stripe", dialect="", base_url="", auth="bearer"), base_url="", auth="bearer"
)
_AGAIN = (409, 429)

Form = Sequence[tuple[str, str]]
T = TypeVar("T")


class _Made(msgspec.Struct):
    id: str = ""


class _Error(msgspec.Struct):
    type: str = ""
    code: str = ""
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


class StripeSink:
    """Implements `ports.billing.BillingSink`. `meter` is the event name of the meter."""

    def __init__(self, upstream: Upstream, *, api_key: str, meter: str, base_url: str) -> None:
        self._upstream = upstream
        self._api_key = api_key
        self._meter = meter
        self._base_url = base_url

    async def customer(self, key: str, org: str, customer: Customer) -> str:
        # What makes something says only what never changes: Stripe refuses an idempotency key that comes back with other parameters.
        made = [("metadata[tidegate_org]", org), ("metadata[tidegate_customer]", customer.id)]
        id = customer.external_id or await self._post("/v1/customers", made, f"new-{customer.id}")
        await self._change(f"/v1/customers/{quote(id, safe='')}", [("name", customer.name), ("email", customer.email), *made], key)
        return id

    async def subscribe(self, id: str, *, org: str, customer: Customer, price: str, starts_at: int) -> str:
        form = [
            ("customer", customer.external_id),
            ("items[0][price]", price),
            ("backdate_start_date", str(starts_at)),
            ("metadata[tidegate_org]", org),
            ("metadata[tidegate_customer]", customer.id),
        ]
        return await self._post("/v1/subscriptions", form, f"new-{id}")

    async def unsubscribe(self, key: str, subscription: str, ends_at: int) -> None:
        await self._change(f"/v1/subscriptions/{quote(subscription, safe='')}", [("cancel_at", str(ends_at))], key)

    async def usage(self, key: str, customer: str, at: int, nano: int) -> None:
        form = [
            ("event_name", self._meter),
            ("identifier", key),
            ("timestamp", str(at)),
            ("payload[stripe_customer_id]", customer),
            ("payload[value]", str(nano)),
        ]
        await self._post(METER_EVENTS, form, key)

    async def _change(self, path: str, form: Form, key: str) -> None:
        """What may be said again, and otherwise: another try of the message may find the row changed."""
        await self._post(path, form, f"{key}-{hashlib.sha256(urlencode(form).encode()).hexdigest()[:16]}")

    async def _post(self, path: str, form: Form, key: str) -> str:
        headers = {
            "authorization": f"Bearer {self._api_key}",
            "content-type": "application/x-www-form-urlencoded",
            "idempotency-key": key,
            "stripe-version": VERSION,
        }
        try:
            answer = await self._upstream.open(_CONFIG, self._base_url + path, headers, urlencode(form).encode(), stream=False)
            try:
                body = await answer.read(_LONGEST_ANSWER)
            finally:
                answer.close()
        except UpstreamFailure as failure:
            raise BillingFailure(f"Stripe cannot be reached: {failure}", again=True) from None
        if 200 <= answer.status < 300:
            made = _decoded(body, _Made)
            if not made.id and path != METER_EVENTS:
                raise BillingFailure(f"Stripe answered {answer.status} without an id", again=True)
            return made.id
        error = _decoded(body, _Refused).error
        told = answer.headers.get("stripe-should-retry")
        again = told == "true" or (told != "false" and (answer.status >= 500 or answer.status in _AGAIN))
        # The key was used with other parameters (a price was changed meanwhile); Stripe forgets it after a day.
        again = again or error.type == "idempotency_error"
        # Whoever stands at the address might repeat the key that it was sent, and a failure is kept in the outbox and the log.
        said = f"{error.code or error.type} {error.message}".replace(self._api_key, HIDDEN)
        raise BillingFailure(f"Stripe answered {answer.status}: {said}"[:500], again=again)


def verified(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether Stripe signed these very bytes, now. An empty secret verifies nothing."""
    if not secret:
        return False
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
        return False
    if abs(now - int(times[0])) > TOLERANCE:
        return False
    expected = hmac.digest(secret.encode(), times[0].encode() + b"." + body, "sha256").hex()
    return any(name == "v1" and hmac.compare_digest(value.encode(), expected.encode()) for name, _, value in parts)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return kind()

"""Stripe's requests as its API wants them, what a refusal means, and whose signature counts."""

import hmac
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl

import msgspec
import pytest

from tidegate.adapters.billing_stripe import TOLERANCE, StripeSink, verified
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import Upstream, UpstreamFailure
from tidegate.ports.billing import BillingFailure
from tidegate.records import Customer

NOW = 1_780_315_200
SECRET = "whsec_test"
BODY = b'{"type":"invoice.paid"}'
CUSTOMER = Customer(id="cust_1", name="Acme & Co", kind="team", subject="t", email="a@b.example")


class Answer:
    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self._body = body

    async def read(self, limit: int) -> bytes:
        return self._body[:limit]

    def close(self) -> None:
        pass


class Provider:
    """The `Upstream` port: gives one answer, and remembers what was sent."""

    def __init__(
        self, status: int = 200, body: bytes = b'{"id":"x_1"}', *, retry: str | None = None, failure: Exception | None = None
    ) -> None:
        self.sent: list[tuple[str, Mapping[str, str], dict[str, str]]] = []
        self._answer = Answer(status, body, {} if retry is None else {"stripe-should-retry": retry})
        self._failure = failure

    async def open(self, config: UpstreamConfig, url: str, headers: Mapping[str, str], body: bytes, *, stream: bool) -> Answer:
        self.sent.append((url, headers, dict(parse_qsl(body.decode()))))
        if self._failure is not None:
            raise self._failure
        return self._answer

    async def aclose(self) -> None:
        pass


def sink(provider: Provider) -> StripeSink:
    return StripeSink(cast("Upstream", provider), api_key="sk_test", meter="tidegate_usage", base_url="https://stripe.test")


async def test_requests_are_as_the_api_wants_them() -> None:
    provider = Provider()
    stripe = sink(provider)
    assert await stripe.customer("k1", "acme", CUSTOMER) == "x_1"
    known = msgspec.structs.replace(CUSTOMER, external_id="cus_9")
    assert await stripe.customer("k2", "acme", known) == "cus_9"
    await stripe.subscribe("sub_1", org="acme", customer=known, price="price_1", starts_at=5)
    await stripe.unsubscribe("k4", "sub_1", 7)
    await stripe.unsubscribe("k4", "sub_1", 8)
    await stripe.usage("k5", "cus_9", NOW, 123)
    assert [url.removeprefix("https://stripe.test") for url, _, _ in provider.sent] == [
        "/v1/customers",
        "/v1/customers/x_1",
        "/v1/customers/cus_9",
        "/v1/subscriptions",
        "/v1/subscriptions/sub_1",
        "/v1/subscriptions/sub_1",
        "/v1/billing/meter_events",
    ]
    keys = [headers["idempotency-key"] for _, headers, _ in provider.sent]
    assert [key.partition("-")[0] for key in keys] == ["new", "k1", "k2", "new", "k4", "k4", "k5"]
    assert (keys[0], keys[3]) == ("new-cust_1", "new-sub_1")
    assert len(set(keys)) == len(keys)
    assert {headers["authorization"] for _, headers, _ in provider.sent} == {"Bearer sk_test"}
    forms = [form for _, _, form in provider.sent]
    who = {"metadata[tidegate_org]": "acme", "metadata[tidegate_customer]": "cust_1"}
    assert forms[:2] == [who, {"name": "Acme & Co", "email": "a@b.example", **who}]
    assert forms[3] == {"customer": "cus_9", "items[0][price]": "price_1", "backdate_start_date": "5", **who}
    assert forms[6] == {
        "event_name": "tidegate_usage",
        "identifier": "k5",
        "timestamp": str(NOW),
        "payload[stripe_customer_id]": "cus_9",
        "payload[value]": "123",
    }


@pytest.mark.parametrize(
    ("provider", "again"),
    [
        (Provider(400, b'{"error":{"type":"invalid_request_error","message":"no"}}'), False),
        (Provider(402, b"not json"), False),
        (Provider(401, b'{"error":{"type":"invalid_request_error","message":"this is no key: Bearer sk_test"}}'), False),
        (Provider(400, b'{"error":{"type":"idempotency_error","message":"no"}}'), True),
        (Provider(409, b"{}"), True),
        (Provider(429, b"{}"), True),
        (Provider(503, b"<html>"), True),
        (Provider(400, b"{}", retry="true"), True),
        (Provider(500, b"{}", retry="false"), False),
        (Provider(failure=UpstreamFailure("connect", "refused")), True),
    ],
)
async def test_what_is_worth_another_try(provider: Provider, again: bool) -> None:
    with pytest.raises(BillingFailure) as raised:
        await sink(provider).usage("k", "cus", 1, 1)
    assert raised.value.again is again
    assert "sk_test" not in str(raised.value)


def signature(at: int = NOW, body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (f"t={NOW},v1={signature()}", True),
        (f"t={NOW},v1=00,v1={signature()},v0=x", True),
        (f"v1={signature()}, t={NOW}", True),
        (f"t={NOW - TOLERANCE},v1={signature(NOW - TOLERANCE)}", True),
        (f"t={NOW - TOLERANCE - 1},v1={signature(NOW - TOLERANCE - 1)}", False),
        (f"t={NOW + TOLERANCE + 1},v1={signature(NOW + TOLERANCE + 1)}", False),
        (f"t={NOW},v1={signature(body=b'other')}", False),
        (f"t={NOW},v1={signature(secret='')}", False),
        (f"t={NOW},v0={signature()}", False),
        (f"t={NOW},t={NOW},v1={signature()}", False),
        (f"t=x,v1={signature()}", False),
        (f"v1={signature()}", False),
        ("", False),
        ("t=,v1=", False),
    ],
)
def test_signatures(header: str, right: bool) -> None:
    assert verified(SECRET, header, BODY, NOW) is right


def test_an_empty_secret_verifies_nothing() -> None:
    assert not verified("", f"t={NOW},v1={signature(secret='')}", BODY, NOW)

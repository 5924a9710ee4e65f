"""The payment provider, played by a server that keeps and refuses what Stripe does: what it is told, in what order, how often; and what it
tells."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.support.control import World
from tests.support.stripe import API_KEY, WEBHOOK_SECRET, Fake, signed, stripe
from tests.support.usage import usage_event

from tidegate.adapters.billing_outbox import BillingMessages
from tidegate.adapters.billing_stripe import StripeSink, verified
from tidegate.adapters.deliveries import Deliveries
from tidegate.adapters.http import HttpUpstream
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.metering import HOUR, Metering
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.sql.unlinked import Unlinked
from tidegate.control.api.app import create_app
from tidegate.records import Customer, ListQuery, Payment, Subscription, Tenant

A = Tenant("a")


@dataclass
class Played:
    """A world whose payment provider is the fake."""

    api: World
    fake: Fake
    sink: StripeSink

    def deliveries(self) -> Deliveries:
        messages = BillingMessages(self.api.store, self.sink, self.api.clock)
        return Deliveries(Outbox(self.api.database), messages.handlers(), self.api.clock)

    async def drained(self) -> None:
        """Until nothing waits; the clock goes on by an hour each time."""
        for _ in range(8):
            self.fake.now = int(self.api.clock.seconds)
            await self.deliveries().once()
            self.api.clock.seconds += HOUR
        assert self.fake.problems == []


@asynccontextmanager
async def played(api: World, key: str = API_KEY) -> AsyncGenerator[Played]:
    upstream = HttpUpstream()
    async with stripe() as (fake, address):
        yield Played(api, fake, StripeSink(upstream, api_key=key, meter="tidegate_usage", base_url=address))
        await upstream.aclose()


def signs(api: World) -> Callable[[str, bytes], bool]:
    return lambda header, body: verified(WEBHOOK_SECRET, header, body, api.clock.now())


async def customer_of(api: World, *, billed: bool = True) -> tuple[str, str]:
    """(token, customer): an end user of `a` with a plan that Stripe knows, made over the API."""
    api.services = msgspec.structs.replace(api.services, billed=billed, signed=signs(api))
    api.app = create_app(api.services)
    token = await api.admin("a", "billing")
    ids: dict[str, str] = {}
    for path, body in (
        ("plans", {"name": "Pro", "external_id": "price_1"}),
        ("customers", {"name": "Somebody", "kind": "end_user", "subject": "u1"}),
        ("subscriptions", {"starts_on": "2026-06-01"}),
    ):
        more = {"plan_id": ids["plans"], "customer_id": ids["customers"]} if path == "subscriptions" else {}
        answer = await api.ask("POST", f"/orgs/a/{path}", token, {**body, **more})
        assert answer.status == 201, answer.body
        ids[path] = answer.json["id"]
    return token, ids["customers"]


async def test_customers_and_subscriptions_arrive_once_whatever_fails(each: World) -> None:
    async with played(each) as on:
        token, customer = await customer_of(each)
        on.fake.faults = ["lost", 429, 503, "lost", "lost", 409]
        await on.drained()
        assert on.fake.faults == []
        assert on.fake.replayed > 0
        ((cus, known),) = on.fake.customers.items()
        ((sub, held),) = on.fake.subscriptions.items()
        assert (known["name"], known["metadata[tidegate_customer]"]) == ("Somebody", customer)
        assert (held["customer"], held["items[0][price]"], held["backdate_start_date"]) == (cus, "price_1", "1780272000")
        async with each.store.view(A) as view:
            row = (await view.page(Subscription, ListQuery())).items[0]
            kept = await view.get(Customer, customer)
        assert kept is not None
        assert (kept.external_id, row.external_id) == (cus, sub)
        await each.ask("PATCH", f"/orgs/a/customers/{customer}", token, {"name": "Other"}, headers={"if-match": "*"})
        await each.ask("PATCH", f"/orgs/a/subscriptions/{row.id}", token, {"ends_on": "2027-06-30"}, headers={"if-match": "*"})
        on.fake.faults = ["lost"]
        await on.drained()
        assert (len(on.fake.customers), len(on.fake.subscriptions)) == (1, 1)
        assert (known["name"], held["cancel_at"]) == ("Other", "1814400000")


async def test_two_processes_make_one_customer_though_it_is_edited_between_their_tries(api: World) -> None:
    async with played(api) as on:
        token, customer = await customer_of(api)
        on.fake.faults = ["lost", 503, 503]
        await on.deliveries().once()
        await api.ask("PATCH", f"/orgs/a/customers/{customer}", token, {"name": "Renamed"}, headers={"if-match": "*"})
        for _ in range(3):
            api.clock.seconds += HOUR
            await asyncio.gather(on.deliveries().once(), on.deliveries().once())
        assert [found["name"] for found in on.fake.customers.values()] == ["Renamed"]


async def test_a_subscription_waits_for_its_day_and_one_that_is_over_is_not_made(api: World) -> None:
    async with played(api) as on:
        token, customer = await customer_of(api)
        first = (await api.ask("GET", "/orgs/a/subscriptions", token)).json["items"][0]
        await api.ask("PATCH", f"/orgs/a/subscriptions/{first['id']}", token, {"ends_on": "2026-07-01"}, headers={"if-match": "*"})
        later = {"plan_id": first["plan_id"], "customer_id": customer, "starts_on": "2027-03-01"}
        assert (await api.ask("POST", "/orgs/a/subscriptions", token, later)).status == 201
        await on.drained()
        assert on.fake.subscriptions == {}
        api.clock.seconds = 1_804_000_000.0
        await on.drained()
        assert [held["backdate_start_date"] for held in on.fake.subscriptions.values()] == ["1803859200"]


async def test_what_will_never_be_taken_is_given_up_and_holds_up_nothing(api: World) -> None:
    async with played(api, key="sk_wrong") as on:
        await customer_of(api)
        await on.drained()
        assert on.fake.requests > 0
        assert on.fake.customers == {}
        assert await Outbox(api.database).take(1 << 60, 9, {"customer"}) == []


async def test_what_a_command_made_is_told_too(each: World) -> None:
    async with played(each) as on:
        _, customer = await customer_of(each, billed=False)
        unlinked = Unlinked(each.database, Outbox(each.database))
        now = int(each.clock.seconds * 1_000_000)
        assert await unlinked.once(now) == 0
        assert [await unlinked.once(now + 10**9) for _ in range(2)] == [2, 0]
        each.clock.seconds += HOUR
        await on.drained()
        assert [found["metadata[tidegate_customer]"] for found in on.fake.customers.values()] == [customer]
        assert len(on.fake.subscriptions) == 1
        assert await unlinked.once(now + 2 * 10**9) == 0


async def test_every_hour_is_metered_once_and_what_comes_late_as_a_further_part(each: World) -> None:
    async with played(each) as on:
        await customer_of(each)
        await on.drained()
        now = int(each.clock.seconds)
        hour = now // HOUR * HOUR - 3 * HOUR
        ledger = LedgerStore(each.database)
        await ledger.post([usage_event(n, at=hour + n, org="a", end_user="u1", cost_nano=100) for n in range(3)])
        metering = Metering(each.database, ledger)
        assert [await metering.once(now * 1_000_000) for _ in range(2)] == [1, 0]
        late = [usage_event(9, at=hour + 9, org="a", end_user="u1", cost_nano=7), usage_event(10, at=hour, org="b", end_user="u1")]
        await ledger.post(late)
        assert [await metering.once(now * 1_000_000) for _ in range(2)] == [1, 0]
        on.fake.faults = ["lost"]
        await on.drained()
        (cus,) = on.fake.customers
        assert on.fake.metered(cus) == 307
        assert sorted((form["timestamp"], form["payload[value]"]) for form in on.fake.events.values()) == [
            (str(hour), "300"),
            (str(hour), "7"),
        ]


def event(customer_id: str, external_id: str, at: int, status: str, **fields: Any) -> dict[str, Any]:
    told = {"metadata": {"tidegate_org": "a", "tidegate_customer": customer_id}}
    invoice = {"object": "invoice", "id": "in_1", "customer": external_id, "status": status, "amount_due": 500, "currency": "usd"}
    return {"type": "invoice.updated", "created": at, "data": {"object": {**invoice, "parent": {"subscription_details": told}, **fields}}}


async def told(api: World, body: bytes, signature: str) -> int:
    answer = await api.ask("POST", "/billing/stripe/events", raw=body, headers={"stripe-signature": signature})
    return answer.status


@pytest.mark.parametrize("seed", range(4))
async def test_events_may_come_in_any_order_and_twice(api: World, seed: int) -> None:
    async with played(api) as on:
        token, customer = await customer_of(api)
        await on.drained()
        (cus,) = on.fake.customers
        sent = [
            event(customer, cus, 1, "draft"),
            event(customer, cus, 5, "open"),
            event(customer, cus, 5, "paid", amount_paid=500),
            event(customer, cus, 3, "open"),
        ]
        order = [*sent, *sent]
        random.Random(seed).shuffle(order)
        for one in order:
            assert await told(api, *signed(one, int(api.clock.seconds))) == 204
        (payment,) = (await api.ask("GET", "/orgs/a/payments", token)).json["items"]
        assert (payment["status"], payment["due_nano"], payment["paid_nano"]) == ("paid", 5 * 10**9, 5 * 10**9)


async def test_figures_that_no_invoice_has_harm_nothing(each: World) -> None:
    async with played(each) as on:
        token, customer = await customer_of(each)
        await on.drained()
        (cus,) = on.fake.customers
        far = {"period_start": 1 << 39, "period_end": -1, "amount_due": (1 << 40) - 1, "amount_paid": 10**30, "number": "\x00"}
        assert await told(each, *signed(event(customer, cus, 1 << 39, "open", **far), int(each.clock.seconds))) == 204
        assert await told(each, *signed(event(customer, cus, 1, "open", **far), int(each.clock.seconds))) == 204
        (payment,) = (await each.ask("GET", "/orgs/a/payments", token)).json["items"]
        assert (payment["due_nano"], payment["paid_nano"], payment["number"]) == (0, 0, "")


async def test_what_is_not_signed_or_about_nobody_changes_nothing(api: World) -> None:
    async with played(api) as on:
        _, customer = await customer_of(api)
        await on.drained()
        (cus,) = on.fake.customers
        now, paid = int(api.clock.seconds), event(customer, cus, 1, "paid")
        body, right = signed(paid, now)
        for signature in ("", "v1=00", signed(paid, now, "other")[1], signed(paid, now - 301)[1], right.replace("v1=", "v0=")):
            assert await told(api, body, signature) == 400
        assert await told(api, body + b" ", right) == 400
        for other in (
            event("cust_other", cus, 1, "paid"),
            event(customer, "cus_of_somebody_else", 1, "paid"),
            {**paid, "data": {"object": {"object": "charge"}}},
            {"data": 5},
            event("cust_\x00", cus, 1, "paid"),
            event(customer, "cus_\x00", 1, "paid"),
            event(customer, "c" * 100_000, 1, "paid"),
        ):
            assert await told(api, *signed(other, now)) == 204
        async with api.store.view(A) as view:
            assert (await view.page(Payment, ListQuery())).items == ()

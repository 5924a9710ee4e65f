"""Thresholds of soft budgets are told by signed webhooks: once for each window and receiver, whoever notices, dies or does not answer."""

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.conformance.storage.test_leases import DOLLAR, Process
from tests.support.clock import FixedClock

from tidegate.adapters.alerts_webhook import TOPIC, WebhookSender
from tidegate.adapters.deliveries import Deliveries
from tidegate.adapters.egress import EgressClient
from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.outbox import Outbox
from tidegate.app.alerts import Alerting
from tidegate.app.noticed import Noticed
from tidegate.policy.egress import Allowed, Egress
from tidegate.policy.limits.rules import Limit, charge
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Webhook

SECRET = "whsec_0123456789abcdef"
SOFT = Limit(id="soft|usd", kind="team", what="spend", per="month", amount=DOLLAR, hard=False, alerts=(50, 80, 100))
TEAM = charge(SOFT, "core", org="default")


class Receiver:
    """Verifies as the documentation says, and answers what is next in `answers`, else 204."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.flaws: list[str] = []
        self.answers: list[bytes] = []
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        at, _, mac = headers["tidegate-signature"].removeprefix("t=").partition(",v1=")
        if not hmac.compare_digest(mac, hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()):
            self.flaws.append("signature")
        self.bodies.append(body)
        answer = self.answers.pop(0) if self.answers else b"204 No Content"
        if answer.startswith(b"2"):
            self.events.append(msgspec.json.decode(body))
        if answer:
            writer.write(b"HTTP/1.1 " + answer + b"\r\ncontent-length: 0\r\n\r\n")
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncGenerator[tuple[Receiver, int]]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    try:
        yield receiver, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class Replica:
    """A process that notices and tells."""

    def __init__(self, database: Database, made: Process, webhooks: tuple[Webhook, ...], rules: Egress) -> None:
        noticed = Noticed()
        self.made = made
        self.noticed = noticed
        made.counters = LeasedCounters(made.clock, on_alert=noticed)
        made.ledger = LedgerStore(database, windows=Spent(database, made.owner), on_moved=made.counters.moved)
        sender = WebhookSender(EgressClient(lambda: rules), lambda: webhooks, made.clock)
        self.deliveries = Deliveries(Outbox(database), {TOPIC: sender.send}, made.clock)
        self.alerting = Alerting(database, lambda: webhooks, lambda: [SOFT], noticed, self.deliveries, made.clock)

    async def spend(self, nano: int) -> None:
        held = await self.made.reserve(nano=nano, charges=(TEAM,))
        await self.made.counters.quiet()
        await self.made.settle(held, nano=nano)

    async def tell(self) -> None:
        await self.alerting.told(self.noticed.passed)


@asynccontextmanager
async def replica(
    database: Database, name: str, clock: FixedClock, webhooks: tuple[Webhook, ...], rules: Egress
) -> AsyncGenerator[Replica]:
    made = Process(database, name, clock)
    found = Replica(database, made, webhooks, rules)
    made.counters.start(made.windows)
    yield found
    await made.counters.aclose()


def hook(port: int, org: str = "", name: str = "one") -> Webhook:
    return Webhook(id=name, url=f"http://127.0.0.1:{port}/alerts?x=1", secret=Secret(SECRET), org=org)


def allowing(port: int) -> Egress:
    return Egress(allow=(Allowed(network=ipaddress.ip_network("127.0.0.1/32"), ports=(port,)),))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


async def test_each_threshold_is_told_once_by_all_processes(database: Database, clock: FixedClock) -> None:
    async with receiving() as (receiver, port):
        hooks, rules = (hook(port), hook(port, org="somebody-else", name="two")), allowing(port)
        async with replica(database, "a", clock, hooks, rules) as one, replica(database, "b", clock, hooks, rules) as other:
            for each in (one, other) * 6:
                await each.spend(DOLLAR // 10)
                await each.tell()
                await each.alerting.look()
                await asyncio.gather(one.deliveries.once(), other.deliveries.once())
        assert receiver.flaws == []
        told = [(event["type"], event["data"]["threshold_percent"]) for event in receiver.events]
        assert told == [("budget.threshold", 50), ("budget.threshold", 80), ("budget.threshold", 100)]
        first = receiver.events[0]["data"]
        assert first["scope"] == {"kind": "team", "id": "core"}
        assert (first["budget"], first["org"], first["hard"]) == ("soft|usd", "default", False)
        assert (first["amount_nano"], first["used_nano"]) == (DOLLAR, DOLLAR // 2)
        assert first["window_start"].endswith("-01T00:00:00Z")


async def test_a_receiver_that_fails_gets_the_same_again(database: Database, clock: FixedClock) -> None:
    async with receiving() as (receiver, port):
        async with replica(database, "a", clock, (hook(port),), allowing(port)) as one:
            receiver.answers = [b"500 No", b"", b"302 Found\r\nlocation: http://127.0.0.1:1/", b"204 OK"]
            await one.spend(DOLLAR // 2)
            await one.tell()
            waits: list[float] = []
            while not receiver.events:
                before, seen = clock.at, receiver.connections
                for _ in range(200):
                    clock.at += 0.5
                    if await one.deliveries.once():
                        break
                assert receiver.connections == seen + 1
                waits.append(clock.at - before)
        assert receiver.connections == 4
        assert len(set(receiver.bodies)) == 1
        assert waits[1] < waits[2] < waits[3]


async def test_what_a_process_that_dies_has_not_told_another_one_finds(database: Database, clock: FixedClock) -> None:
    async with receiving() as (receiver, port):
        hooks, rules = (hook(port),), allowing(port)
        async with replica(database, "a", clock, hooks, rules) as one:
            await one.spend(DOLLAR * 8 // 10)
        async with replica(database, "b", clock, hooks, rules) as other:
            for _ in range(2):
                await other.alerting.look()
                await other.deliveries.once()
            clock.at += 40 * 86_400
            await other.alerting.look()
            assert await other.deliveries.once() == 0
        assert sorted(event["data"]["threshold_percent"] for event in receiver.events) == [50, 80]


async def test_what_nobody_may_reach_is_not_reached(database: Database, clock: FixedClock) -> None:
    async with receiving() as (receiver, port):
        async with replica(database, "a", clock, (hook(port),), Egress()) as one:
            await one.spend(DOLLAR)
            await one.tell()
            for _ in range(4):
                await one.deliveries.once()
                clock.at += 60
        assert receiver.connections == 0
        waiting = await Outbox(database).take(1 << 60, 9, {TOPIC})
        assert all("which is not public" in message.failure for _, message in waiting)
        assert len(waiting) == 3


async def test_a_receiver_that_was_removed_is_told_nothing(database: Database, clock: FixedClock) -> None:
    async with receiving() as (receiver, port):
        async with replica(database, "a", clock, (hook(port),), allowing(port)) as one:
            await one.spend(DOLLAR)
            await one.tell()
        async with replica(database, "b", clock, (), allowing(port)) as other:
            assert await other.deliveries.once() == 3
        assert receiver.connections == 0
        assert await Outbox(database).take(1 << 60, 9, {TOPIC}) == []

import json
from typing import Any

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.unit.policy.limits.values import limit
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import CLAUDE, GPT, Memory, Ticks

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.dialects.table import DIALECTS
from tidegate.ir.errors import GatewayError
from tidegate.ir.target import Quirks
from tidegate.ir.usage import Usage
from tidegate.policy.limits.rules import Limit
from tidegate.policy.price import cost
from tidegate.policy.route import Plan, Planner
from tidegate.policy.snapshot import Route, Target
from tidegate.providers.spec import Price
from tidegate.proxy.admission import Admitted, LimitError, admit, end_user
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.call import Call
from tidegate.proxy.prepare import Prepared, prepare
from tidegate.proxy.reply import Reply
from tidegate.wire.splice import scan

PRICE = Price(input=10**9, output=2 * 10**9)


class Gate:
    """An admission with limits, and calls through it."""

    def __init__(self, *limits: Limit) -> None:
        self.counters = MemoryCounters(Ticks())
        routes = (Route(name="smart", targets=(("openai", "gpt-9"),)),)
        made = snapshot(upstream("anthropic"), upstream("openai"), routes=routes)
        self.planner = Planner(msgspec.structs.replace(made, limits=limits))
        memory = Memory()
        self.ledger = memory.ledger
        self.app = msgspec.structs.replace(memory.app, counters=self.counters)
        self.ids = 0

    def call(self, body: dict[str, Any], dialect: str = "openai_chat") -> Call:
        self.ids += 1
        raw = json.dumps({"messages": [{"role": "user", "content": "Hi"}], **body}).encode()
        call = Call(
            id=f"c{self.ids}", started=0, at=0, planner=self.planner, dialect=DIALECTS[dialect], headers={}, path=b"", query=b"", body=raw
        )
        call.key = key("ci")
        call.fields = scan(raw)
        call.head = call.dialect.head(call.fields)
        return call

    async def admit(self, call: Call, *, price: Price | None = PRICE, **capabilities: Any) -> tuple[Prepared, Admitted | None]:
        plan = self.planner.plan(call.key, call.head.model)
        target = plan.targets[0]
        profile = target.profile
        profile = msgspec.structs.replace(profile, capabilities=msgspec.structs.replace(profile.capabilities, **capabilities))
        return await self.through(call, plan, msgspec.structs.replace(target, price=price, profile=profile))

    async def through(self, call: Call, plan: Plan, target: Target) -> tuple[Prepared, Admitted | None]:
        return await admit(self.app, call, plan, target, prepare(self.app, call, plan, target))

    async def used(self, call: Call) -> list[tuple[int, int]]:
        charges = self.planner.limits.charges(call.key)
        return [(standing.used, standing.reserved) for standing in await self.counters.quota(charges)]


async def test_calls_without_limits_pass_as_they_are() -> None:
    gate = Gate()
    prepared, admitted = await gate.admit(gate.call({"model": GPT}))
    assert admitted is None
    assert b"max_" not in prepared.body


async def test_what_was_reserved_is_settled_once() -> None:
    gate = Gate(limit("requests", "day", 5), limit("tokens", "day", 5000), limit("spend", "day", 10**12), limit("concurrent", "moment", 1))
    call = gate.call({"model": GPT, "max_tokens": 10})
    _, admitted = await gate.admit(call)
    assert admitted is not None
    assert [reserved > 0 for _, reserved in await gate.used(call)] == [True] * 4
    used = Usage(input=7, output=3)
    assert admitted.settle(used, cost(used, PRICE), answered=True).estimated is None
    admitted.settle(Usage(input=900, output=900), None, answered=True)
    admitted.void()
    assert await gate.used(call) == [(1, 0), (10, 0), (13_000, 0), (0, 0)]


async def test_a_failed_attempt_costs_nothing_but_its_request() -> None:
    gate = Gate(limit("requests", "day", 5), limit("tokens", "day", 5000))
    call = gate.call({"model": GPT})
    _, admitted = await gate.admit(call)
    assert admitted is not None
    admitted.renew()
    admitted.settle(None, None, answered=False)
    assert await gate.used(call) == [(1, 0), (0, 0)]
    call.attempts = 1
    _, again = await gate.admit(call)
    assert again is not None
    assert again.settle(None, None, answered=True, delivered=4).estimated == "no_usage"
    (requests, _), (tokens, reserved) = await gate.used(call)
    assert (requests, reserved) == (1, 0)
    assert tokens > 4


@pytest.mark.parametrize(
    ("dialect", "body", "quirks", "names"),
    [
        ("openai_chat", {"model": GPT}, {}, {"max_completion_tokens": 50}),
        ("openai_chat", {"model": GPT, "max_tokens": 900}, {}, {"max_tokens": 50}),
        ("openai_chat", {"model": GPT, "max_tokens": 20}, {}, {"max_tokens": 20}),
        ("openai_chat", {"model": GPT}, {"rename": {"max_completion_tokens": "max_tokens"}}, {"max_tokens": 50}),
        ("openai_chat", {"model": GPT}, {"drop": ("max_completion_tokens",)}, {"max_tokens": 50}),
        ("anthropic", {"model": CLAUDE, "max_tokens": 900}, {}, {"max_tokens": 50}),
        ("openai_chat", {"model": CLAUDE}, {}, {"max_tokens": 50}),
    ],
)
async def test_a_strict_budget_caps_the_answer_where_the_provider_reads_it(
    dialect: str, body: dict[str, Any], quirks: dict[str, Any], names: dict[str, int]
) -> None:
    gate = Gate(limit("spend", "day", 10**12, output_cap=50))
    call = gate.call(body, dialect)
    plan = gate.planner.plan(call.key, call.head.model)
    target = plan.targets[0]
    spec = msgspec.structs.replace(target.upstream.spec, quirks=Quirks(**quirks))
    target = msgspec.structs.replace(target, price=PRICE, upstream=msgspec.structs.replace(target.upstream, spec=spec))
    before = prepare(gate.app, call, plan, target)
    after, _ = await admit(gate.app, call, plan, target, before)
    sent = json.loads(after.body)
    assert {name: value for name, value in sent.items() if name.startswith("max_")} == names
    told = [loss.reason for loss in after.losses if "hard budget" in loss.reason]
    assert told == ([] if 20 in names.values() else ["a hard budget caps the answer at 50 tokens"])
    assert before.losses == [loss for loss in after.losses if loss.reason not in told]


async def test_a_refused_call_takes_nothing_and_says_when_to_come_back() -> None:
    gate = Gate(limit("requests", "minute", 1), limit("tokens", "day", 5000))
    first, second = gate.call({"model": GPT}), gate.call({"model": GPT})
    await gate.admit(first)
    before = await gate.used(first)
    with pytest.raises(LimitError) as refused:
        await gate.admit(second)
    assert await gate.used(first) == before
    assert refused.value.error.code == "rate_limit_exceeded"
    headers = dict(refused.value.headers)
    assert headers[b"x-ratelimit-remaining-requests"] == b"0"
    assert 50 <= int(headers[b"retry-after"]) <= 60


async def test_budgets_refuse_for_good() -> None:
    gate = Gate(limit("spend", "total", 1000))
    with pytest.raises(LimitError) as refused:
        await gate.admit(gate.call({"model": GPT, "max_tokens": 10}))
    assert refused.value.headers == [(b"x-should-retry", b"false")]
    with pytest.raises(GatewayError) as unknown:
        await gate.admit(gate.call({"model": GPT, "max_tokens": 10}), price=None)
    assert unknown.value.error.code == "budget_unknown_price"


async def test_estimating_budgets_count_the_prompt() -> None:
    gate = Gate(limit("spend", "day", 10**12, strict=False))
    call = gate.call({"model": GPT, "max_tokens": 10, "messages": [{"role": "user", "content": "x" * 100}]})
    prepared, _ = await gate.admit(call)
    assert b'"max_tokens": 10' in prepared.body
    ((_, reserved),) = await gate.used(call)
    assert reserved == -(-(100 + 4) * 11 // 10) * 1000 + 10 * 2000


async def test_routes_models_and_end_users_are_charged() -> None:
    scopes = [limit(id=kind, kind=kind, amount=1) for kind in ("route", "model", "end_user")]
    for scope, again, free in (
        (scopes[0], {"model": "smart"}, {"model": GPT}),
        (scopes[1], {"model": GPT}, {"model": "openai/other"}),
        (scopes[2], {"model": GPT, "user": "bob"}, {"model": GPT, "user": "eve"}),
    ):
        gate = Gate(scope)
        await gate.admit(gate.call(again))
        with pytest.raises(LimitError):
            await gate.admit(gate.call(again))
        await gate.admit(gate.call(free))


async def test_headers_are_of_the_clients_dialect() -> None:
    gate = Gate(limit("requests", "minute", 5))
    _, admitted = await gate.admit(gate.call({"model": CLAUDE, "max_tokens": 5}, "anthropic"))
    assert admitted is not None
    assert (b"anthropic-ratelimit-requests-remaining", b"4") in admitted.headers("anthropic", 0)


@pytest.mark.parametrize(
    ("dialect", "body", "name"),
    [
        ("openai_chat", {"user": "bob"}, "bob"),
        ("openai_chat", {"user": 5}, ""),
        ("openai_chat", {"metadata": {"user_id": "bob"}}, ""),
        ("anthropic", {"metadata": {"user_id": "bob", "x": 1}}, "bob"),
        ("anthropic", {"metadata": {"user_id": None}}, ""),
        ("anthropic", {"metadata": [1]}, ""),
        ("anthropic", {"user": "bob"}, ""),
    ],
)
def test_whom_the_client_calls_for(dialect: str, body: dict[str, Any], name: str) -> None:
    assert end_user(scan(json.dumps(body).encode()), dialect) == name


@pytest.mark.parametrize(
    "usage", [None, Usage(input=3), Usage(input=3, output=4), Usage(input=10**18, output=7), Usage(input=0, output=0), Usage(cost_nano=77)]
)
async def test_the_ledger_says_what_was_settled(usage: Usage | None) -> None:
    """At the price that held when the call began, whatever it is when the call ends."""
    gate = Gate(limit("tokens", "day", 5000), limit("spend", "day", 10**12))
    call = gate.call({"model": GPT, "max_tokens": 10})
    plan = gate.planner.plan(call.key, call.head.model)
    later = Price(input=10**12, output=10**12, from_="1970-01-02")
    target = msgspec.structs.replace(plan.targets[0], price=msgspec.structs.replace(PRICE, later=later))
    prepared, admitted = await gate.through(call, plan, target)
    attempt = Attempt(gate.app, call, plan, target, prepared, admitted, Reply(MemoryClient("POST", "/", {}), []), last=True)
    attempt.upstream_status, attempt.usage = 200, usage
    attempt.settle()
    (event,) = gate.ledger.events
    counted: dict[str, Any] = event.usage or {}
    assert await gate.used(call) == [((counted.get("input") or 0) + (counted.get("output") or 0), 0), (event.cost_nano, 0)]
    assert event.cost_nano is not None
    assert event.cost_nano < 10**6

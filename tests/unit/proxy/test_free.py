"""`free_first` seen from a client: free targets first, within their limits, then the others."""

import json
from typing import Any

import msgspec
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import KEY, WHOLE, Given, Memory

from tidegate.policy.attempts import Rules
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.providers.spec import Free

TIER = Free(match=("m",), rpm=2, source="https://example.com", date="2026-01-01")


def memory(
    *given: Given,
    strategy: Any = "free_first",
    targets: tuple[tuple[str, str], ...] = (("openai", "m"), ("gratis", "m")),
    guarded: bool = False,
) -> Memory:
    made = Memory(*given)
    row = upstream("openrouter")
    free = msgspec.structs.replace(row, name="gratis", spec=msgspec.structs.replace(row.spec, free=(TIER,)), models=("m",))
    route = Route(name="cheap", targets=targets, strategy=strategy, rules=Rules(guarded=guarded))
    made.app.live.current = Planner(snapshot(upstream("openai"), free, routes=(route,), keys=(key("tests", token=KEY),)))
    return made


async def asked(made: Memory, times: int) -> list[str]:
    for _ in range(times):
        await made.chat("cheap")
    return [sent.provider for sent in made.provider.sent]


async def test_free_targets_come_first_and_within_their_limits() -> None:
    made = memory(*(Given(WHOLE) for _ in range(4)))
    assert await asked(made, 4) == ["gratis", "gratis", "openai", "openai"]


async def test_in_order_is_as_it_was_written() -> None:
    made = memory(*(Given(WHOLE) for _ in range(2)), strategy="in_order")
    assert await asked(made, 2) == ["openai", "openai"]


async def test_a_429_closes_the_tier_for_as_long_as_it_says() -> None:
    refused = Given(b'{"error":{"code":"RateLimitReached","message":"wait"}}', status=429, headers={"x-ratelimit-timeremaining": "5631"})
    made = memory(refused, Given(WHOLE), Given(WHOLE))
    assert await asked(made, 2) == ["gratis", "openai", "openai"]


async def test_explain_says_which_tier_is_used_up() -> None:
    made = memory(*(Given(WHOLE) for _ in range(2)))
    body = {"model": "cheap", "messages": []}
    before = (await made.call("/v1/tidegate/explain", body)).json()["targets"]
    assert [(row["target"], row["decision"]) for row in before] == [("gratis/m", "first"), ("openai/m", "next")]
    assert await asked(made, 2) == ["gratis", "gratis"]
    after = (await made.call("/v1/tidegate/explain", body)).json()["targets"]
    assert [(row["target"], row["reason"]) for row in after][1] == ("gratis/m", "its free tier is used up for now")
    assert after[0]["decision"] == "first"


async def test_where_nothing_else_is_left_the_client_is_told() -> None:
    made = memory(Given(WHOLE), Given(WHOLE), targets=(("gratis", "m"),))
    assert await asked(made, 2) == ["gratis", "gratis"]
    got = await made.chat("cheap")
    assert (got.status, got.json()["error"]["code"]) == (429, "free_tier_used_up")


async def test_the_list_of_free_models_and_what_is_known_of_them() -> None:
    made = memory()
    listed = await made.call("/v1/models?free=true", method="GET")
    found = {row["id"]: row["tidegate"] for row in json.loads(listed.body)["data"]}
    assert set(found) == {"cheap", "gratis/m"}
    assert found["gratis/m"]["free"] == {"rpm": 2, "shared": False, "source": "https://example.com", "date": "2026-01-01"}
    everything = json.loads((await made.call("/v1/models", method="GET")).body)["data"]
    known = next(row["tidegate"] for row in everything if row["id"] == "openai/gpt-9")
    assert (known["context"], known["price"]["input"]) == (1000, 5)
    assert "free" not in known


async def test_a_tier_that_is_used_up_when_its_target_may_be_tried_again_is_no_try() -> None:
    made = memory(Given(WHOLE), guarded=True)
    target = made.app.live.current.plan(key(), "cheap").targets[0]
    now = made.app.clock.monotonic()
    made.app.live.health.place(target).circuit.limited(now - 60.0, 1.0, 0.0)
    while made.app.free.take(target):
        pass
    assert await asked(made, 1) == ["openai"]
    assert made.app.live.health.place(target).circuit.would_allow(made.app.clock.monotonic())

"""One call over its targets, with providers in memory: what is tried, what the client is told, and what is remembered of each place."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.waiting import soon
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import GPT, KEY, SSE, STREAM, WHOLE, Given, Memory, Slow, Ticks, silence

from tidegate.policy.attempts import Rules
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.ports import UpstreamFailure
from tidegate.proxy.server import Gateway

BROKEN = b'{"error": {"message": "broken"}}'
TWO = (("openai", "gpt-9"), ("second", "gpt-9"))


def failing(status: int = 500, **headers: str) -> Given:
    return Given(BROKEN, status=status, headers={"content-type": "application/json", **headers})


def memory(*given: Given | Exception, targets: tuple[tuple[str, str], ...] = TWO, **rules: Any) -> Memory:
    made = Memory(*given)
    made.app = msgspec.structs.replace(made.app, clock=Still())
    made.gateway = Gateway(made.app)
    route = Route(name="r", targets=targets, rules=Rules(**rules), caller_keys=True)
    upstreams = (upstream("openai"), upstream("second", "openai"))
    made.app.live.current = Planner(snapshot(*upstreams, routes=(route,), keys=(key("tests", token=KEY),)))
    return made


class Still(Ticks):
    """No time passes by itself."""

    at = 1000.0

    def monotonic(self) -> float:
        return self.at


def sent(made: Memory) -> list[str]:
    return [sent.provider for sent in made.provider.sent]


async def test_targets_are_tried_again_once_all_have_failed() -> None:
    made = memory(failing(), failing(503), Given(WHOLE), retries=2)
    got = await made.chat("r")
    assert (got.status, got.body) == (200, WHOLE)
    assert sent(made) == ["openai", "second", "openai"]
    assert [(event.attempt, event.status) for event in made.ledger.events] == [(1, 500), (2, 503), (3, 200)]


async def test_a_stream_is_held_back_while_a_retry_is_left() -> None:
    made = memory(Given(STREAM[0], UpstreamFailure("body", "reset"), headers=SSE), Given(*STREAM, headers=SSE), targets=TWO[:1], retries=1)
    got = await made.chat("r", stream=True, stream_options={"include_usage": True})
    assert got.body == b"".join(STREAM)
    assert len(made.ledger.events) == 2


async def test_a_retry_that_is_woken_a_little_early_finds_its_target_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    made = memory(failing(429, **{"retry-after": "7"}), Given(WHOLE), targets=TWO[:1], retries=1, guarded=True)
    clock = Still()
    made.app = msgspec.structs.replace(made.app, clock=clock)
    made.gateway = Gateway(made.app)

    async def early(seconds: float) -> None:
        clock.at += seconds - 0.0005

    monkeypatch.setattr("tidegate.proxy.through.asyncio.sleep", early)
    assert (await made.chat("r")).status == 200
    assert clock.at >= 1007.0


async def test_a_client_that_has_waited_for_retries_is_told_not_to_retry() -> None:
    made = memory(failing(), failing(), targets=TWO[:1], retries=1)
    got = await made.chat("r")
    assert (got.status, got.headers["x-should-retry"], len(made.ledger.events)) == (500, "false", 2)
    got = await memory(failing(), failing()).chat("r")
    assert "x-should-retry" not in got.headers
    got = await memory(*(failing(500, **{"x-should-retry": "true"}) for _ in range(2)), targets=TWO[:1], retries=1).chat("r")
    assert got.headers["x-should-retry"] == "true"


async def test_a_client_that_retries_itself_halves_ours() -> None:
    made = memory(failing(), failing(), targets=TWO[:1], retries=1)
    body = {"model": "r", "messages": [{"role": "user", "content": "Hi"}]}
    await made.call("/v1/chat/completions", body, {"x-stainless-retry-count": "1"})
    assert len(made.ledger.events) == 1


async def test_what_may_not_happen_twice_is_not_repeated() -> None:
    made = memory(silence(), retries=2)
    got = await made.chat("r", store=True)
    assert (got.status, sent(made)) == (504, ["openai"])
    assert made.provider.may_repeat is not None
    assert not made.provider.may_repeat()
    made = memory(UpstreamFailure("connect", "refused"), Given(WHOLE), retries=2)
    assert (await made.chat("r", store=True)).status == 200


async def test_a_target_that_failed_three_times_is_passed_over_until_one_call_has_tried_it() -> None:
    made = memory(*[given for _ in range(3) for given in (failing(), Given(WHOLE))], Given(WHOLE), guarded=True)
    for _ in range(3):
        await made.chat("r")
    await made.chat("r")
    assert sent(made) == ["openai", "second"] * 3 + ["second"]
    place = made.app.live.health.place(made.app.live.current.plan(key(), "r").targets[0])
    assert (place.circuit.state(0.0), place.failed) == ("open", 3)


async def test_the_first_content_of_a_stream_says_that_its_target_is_well_again() -> None:
    slow = Slow(*STREAM, headers=SSE)
    made = memory(slow, Given(WHOLE), targets=TWO[:1], guarded=True)
    place = made.app.live.health.place(made.app.live.current.plan(key(), "r").targets[0])
    place.circuit.limited(900.0, 50.0, 0.0)
    task = asyncio.create_task(made.chat("r", stream=True))
    slow.go(2)
    await soon(lambda: place.circuit.state(1000.0) == "closed")
    assert not task.done()
    assert (await made.chat("r")).status == 200
    slow.go()
    assert (await task).complete


async def test_where_all_targets_cool_the_client_is_told_the_shortest_wait() -> None:
    made = memory(failing(429, **{"retry-after": "50"}), failing(429, **{"retry-after": "20"}), guarded=True)
    assert (await made.chat("r")).status == 429
    got = await made.chat("r")
    assert (got.status, got.json()["error"]["code"]) == (503, "targets_cooling")
    assert 1 <= int(got.headers["retry-after"]) <= 24
    assert "openai/gpt-9" not in got.json()["error"]["message"] or "second" in got.json()["error"]["message"]
    assert len(made.ledger.events) == 2


async def test_a_retry_waits_for_no_circuit_that_stays_open_longer_than_it_waits_itself() -> None:
    made = memory(*(failing() for _ in range(20)), targets=TWO[:1], retries=1, guarded=True)
    place = made.app.live.health.place(made.app.live.current.plan(key(), "r").targets[0])
    for _ in range(8):  # each try of an open circuit doubles its rest
        place.circuit.failed(1000.0, 1000.0, 0.0)
    place.circuit.until = 1000.0
    got = await asyncio.wait_for(made.chat("r"), 5)
    assert (got.status, len(made.ledger.events)) == (500, 1)
    assert place.circuit.rest(1000.0) >= 30
    assert "x-should-retry" not in got.headers


async def test_a_retry_of_a_route_without_circuits_waits_for_none() -> None:
    made = memory(failing(), Given(WHOLE), targets=TWO[:1], retries=1, guarded=False)
    place = made.app.live.health.place(made.app.live.current.plan(key(), "r").targets[0])
    place.circuit.limited(1000.0, 50.0, 0.0)
    assert (await asyncio.wait_for(made.chat("r"), 5)).status == 200


async def test_a_call_by_the_name_of_a_provider_goes_there_whatever_failed_before() -> None:
    made = memory(*(failing(429, **{"retry-after": "50"}) for _ in range(3)), guarded=True)
    for _ in range(3):
        assert (await made.chat(GPT)).status == 429


async def test_what_happens_with_a_caller_s_key_is_the_caller_s() -> None:
    made = memory(*(failing(429, **{"retry-after": "50"}) for _ in range(4)), guarded=True)
    body = {"model": "r", "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(2):
        await made.call("/v1/chat/completions", body, {"x-tidegate-provider-key": "mine"})
    assert len(made.ledger.events) == 4
    assert made.app.live.health.places() == []


async def test_a_drained_target_takes_no_calls() -> None:
    made = memory(Given(WHOLE))
    made.app.live.health.drained.add("openai/gpt-9")
    await made.chat("r")
    assert sent(made) == ["second"]
    made.app.live.health.drained.add("second/*")
    got = await made.chat("r")
    assert (got.status, got.json()["error"]["code"]) == (503, "target_drained")
    assert (await made.chat(GPT)).status == 503


async def test_what_a_provider_answered_is_told_before_what_was_not_tried() -> None:
    made = memory(failing(500))
    made.app.live.health.drained.add("second/*")
    got = await made.chat("r")
    assert (got.status, got.headers["x-tidegate-target"]) == (500, "openai/gpt-9")


async def test_retries_have_a_budget() -> None:
    made = memory(*(failing() for _ in range(50)), targets=TWO[:1], retries=1)
    place = made.app.live.health.place(made.app.live.current.plan(key(), "r").targets[0])
    while place.may_retry(1e9):
        pass
    await made.chat("r")
    assert len(made.ledger.events) == 1


async def test_a_client_that_leaves_leaves_nothing_behind() -> None:
    class Silent:
        async def open(self, *_: object, **__: object) -> Given:
            await asyncio.Event().wait()
            raise AssertionError

        async def aclose(self) -> None: ...

    made = memory(guarded=True)
    made.gateway = Gateway(msgspec.structs.replace(made.app, upstream=Silent()))
    task = asyncio.create_task(made.chat("r"))
    for _ in range(9):
        await asyncio.sleep(0)
    assert made.ledger.begun
    (place,) = made.app.live.health.places()
    assert place.in_flight == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (place.in_flight, place.failed, place.ok) == (0, 0, 0)

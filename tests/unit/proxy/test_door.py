"""The door of a gateway in memory: who waits for what, who goes next, and what those are told who do not."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.support.clock import FixedClock
from tests.unit.policy.limits.values import limit
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import GPT, KEY, WHOLE, Given, Memory, Slow

from tidegate.policy.attempts import Rules
from tidegate.policy.limits.rules import Limit
from tidegate.policy.overload.ladder import FEW
from tidegate.policy.overload.queue import Priority
from tidegate.policy.overload.rules import Overload
from tidegate.policy.overload.slots import Concurrency
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Key, Route
from tidegate.proxy.app import Live
from tidegate.proxy.door import Door
from tidegate.proxy.inside import our_call
from tidegate.proxy.server import Gateway
from tidegate.proxy.surfaces import SURFACES

OTHER = "the-key-of-another"
SHORT = Overload(wait=0.02)
PATIENT = Overload(wait=30.0)


class House:
    """A gateway whose `openai` takes so many calls at one time, and calls that run in it."""

    def __init__(
        self, *given: Given, most: int | None = None, rules: Overload = PATIENT, keys: tuple[Key, ...] = (), limits: tuple[Limit, ...] = ()
    ) -> None:
        rule = None if most is None else Concurrency(most)
        full = msgspec.structs.replace(upstream("openai"), concurrency=rule)
        routes = (
            Route(name="over", targets=(("openai", "gpt-9"), ("second", "gpt-9"))),
            Route(name="batches", targets=(("openai", "gpt-9"),)),
            Route(name="guarded", targets=(("openai", "gpt-9"),), rules=Rules(guarded=True)),
        )
        made = snapshot(full, upstream("second", "openai"), routes=routes, keys=(key("tests", token=KEY), *keys))
        memory = Memory(*given)
        self.clock = FixedClock()
        self.door = Door(self.clock)
        made = msgspec.structs.replace(made, overload=rules, limits=limits)
        self.app = msgspec.structs.replace(memory.app, live=Live(Planner(made)), door=self.door, clock=self.clock)
        self.provider = memory.provider
        self.ledger = memory.ledger
        self.clients: dict[str, MemoryClient] = {}
        self._gateway = Gateway(self.app)

    def calls(self, name: str, model: str = GPT, token: str = KEY) -> asyncio.Task[None]:
        body = msgspec.json.encode({"model": model, "messages": [{"role": "user", "content": name}]})
        client = self.clients[name] = MemoryClient("POST", "/v1/chat/completions", {"authorization": f"Bearer {token}"}, body)
        return asyncio.get_running_loop().create_task(self._gateway(client))

    @property
    def order(self) -> list[str]:
        """Who came to a provider, in their order."""
        return [msgspec.json.decode(sent.body)["messages"][0]["content"] for sent in self.provider.sent]

    def told(self, name: str) -> tuple[int, Any, dict[str, str]]:
        client = self.clients[name]
        return client.status, msgspec.json.decode(client.sent)["error"], client.headers_sent


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def slow() -> Slow:
    return Slow(WHOLE)


async def test_calls_wait_for_a_slot_and_organisations_take_turns() -> None:
    given = [slow() for _ in range(5)]
    other = msgspec.structs.replace(key("other", token=OTHER), org="other")
    house = House(*given, most=1, keys=(other,))
    tasks = [house.calls("a1"), house.calls("a2"), house.calls("a3"), house.calls("a4"), house.calls("b1", token=OTHER)]
    await settled()
    assert house.order == ["a1"]
    assert house.door.standing.waiting == {"gateway": 0, "target": 4, "limit": 0}
    for answer in given:
        answer.go()
        await settled()
    await asyncio.gather(*tasks)
    assert house.order == ["a1", "a2", "b1", "a3", "a4"]
    assert {client.status for client in house.clients.values()} == {200}
    assert "x-tidegate-queue" not in house.clients["a1"].headers_sent
    assert house.clients["b1"].headers_sent["x-tidegate-queue"] == "position=2; waited=0.000"
    assert sum(house.door.figures.waits) == 4


async def test_who_waits_too_long_is_told_what_is_full_and_when_to_come_back() -> None:
    given = slow()
    house = House(given, most=1, rules=SHORT)
    first = house.calls("first")
    await settled()
    await house.calls("late")
    status, error, headers = house.told("late")
    assert status == 503
    assert error["code"] == "target_busy"
    assert "`openai/gpt-9` has 1 calls running" in error["message"]
    assert "Come back in" in error["message"]
    assert headers["x-tidegate-queue"].startswith("position=1; waited=")
    assert 1 <= int(headers["retry-after"]) <= 3
    assert 500 <= int(headers["retry-after-ms"]) <= 2500
    assert house.door.figures.turned_away == {("target", "interactive"): 1}
    given.go()
    await first
    assert len(house.ledger.events) == 1


async def test_no_wait_is_no_wait() -> None:
    given = slow()
    house = House(given, most=1, rules=Overload(wait=0))
    first = house.calls("first")
    await settled()
    await house.calls("late")
    assert house.told("late")[0] == 503
    given.go()
    await first


async def test_another_target_is_taken_before_anybody_waits() -> None:
    given = [slow(), slow(), slow()]
    house = House(*given, most=1)
    tasks = [house.calls("first", "over"), house.calls("second", "over")]
    await settled()
    assert [sent.provider for sent in house.provider.sent] == ["openai", "second"]
    assert house.door.standing.waiting["target"] == 0
    for answer in given:
        answer.go()
    await asyncio.gather(*tasks)


async def test_a_client_that_leaves_takes_no_slot_with_it() -> None:
    house = House(most=1)
    planner = house.app.live.current
    call = our_call(house.app, key("tests"), SURFACES.match("POST", b"/v1/chat/completions")[0], b"{}")
    target = planner.plan(key("tests"), GPT).targets[0]
    slots = await house.door.slot(target, call, waits=True)
    gone, last = (asyncio.create_task(house.door.slot(target, call, waits=True)) for _ in range(2))
    await settled()
    house.door.give_back(slots)
    gone.cancel()  # in the moment in which it has its turn
    assert await last is slots
    assert gone.cancelled()
    assert slots.taken == 1


async def test_one_that_waits_no_longer_is_passed_over_before_it_has_left_the_queue() -> None:
    house = House(most=1)
    planner = house.app.live.current
    call = our_call(house.app, key("tests"), SURFACES.match("POST", b"/v1/chat/completions")[0], b"{}")
    target = planner.plan(key("tests"), GPT).targets[0]
    slots = await house.door.slot(target, call, waits=True)
    gone, last = (asyncio.create_task(house.door.slot(target, call, waits=True)) for _ in range(2))
    await settled()
    gone.cancel()
    house.door.give_back(slots)  # before `gone` has run again
    assert await last is slots
    assert slots.taken == 1
    house.door.give_back(slots)
    assert slots.taken == 0


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_probe_that_got_no_slot_leaves_its_target_to_the_next(leaves: bool) -> None:
    given = slow()
    house = House(given, Given(WHOLE), most=1, rules=PATIENT if leaves else SHORT)
    running = house.calls("running")
    await settled()
    place = house.app.live.health.place(house.app.live.current.plan(key(), "guarded").targets[0])
    place.circuit.limited(house.clock.at + 1.0, 1.0, 0.0)
    house.clock.at += 3.0
    probe = house.calls("probe", "guarded")
    await settled()
    assert not place.circuit.would_allow(house.clock.at)
    if leaves:
        probe.cancel()
        await asyncio.wait((probe,))
    else:
        await probe
        assert house.told("probe")[1]["code"] == "target_busy"
    given.go()
    await running
    await house.calls("next", "guarded")
    assert house.clients["next"].status == 200


async def test_a_failed_call_gives_its_slot_back() -> None:
    house = House(Given(b"{}", status=500), Given(WHOLE), most=1)
    await house.calls("fails")
    await house.calls("works")
    assert house.clients["works"].status == 200


async def test_calls_wait_for_a_limit_of_calls_at_one_time() -> None:
    given = [slow(), slow(), slow()]
    house = House(*given, limits=(limit("concurrent", "moment", 1, subject="id-tests"),))
    tasks = [house.calls(name) for name in ("1", "2", "3")]
    await settled()
    assert house.order == ["1"]
    assert house.door.standing.waiting["limit"] == 2
    for answer in given:
        answer.go()
        await settled()
    await asyncio.gather(*tasks)
    assert house.order == ["1", "2", "3"]
    assert {client.status for client in house.clients.values()} == {200}
    assert house.door.lines == {}


async def test_whose_limit_stays_full_is_told_so_with_429() -> None:
    given = slow()
    house = House(given, rules=SHORT, limits=(limit("concurrent", "moment", 1, subject="id-tests"),))
    first = house.calls("first")
    await settled()
    await house.calls("late")
    status, error, headers = house.told("late")
    assert status == 429
    assert "has 1 calls running, of 1 at the same time" in error["message"]
    assert "retry-after" in headers
    assert house.door.lines == {}
    given.go()
    await first


def press(house: House, lag: float = 0.2) -> None:
    """Overload, until the rate bounds, of many calls that run."""
    house.door.calls = FEW
    while house.door.ladder.rate is None:
        house.clock.at += 0.05 + lag
        house.door.look(lag, 0.2, 0)


async def test_under_pressure_calls_wait_until_they_are_let_in() -> None:
    house = House(*(Given(WHOLE) for _ in range(4)))
    press(house)
    assert house.door.is_busy
    tasks = [house.calls(str(place)) for place in range(4)]
    await settled()
    assert len(house.order) < 4
    for _ in range(20):
        house.clock.at += 0.25
        house.door.look(0.0, 0.2, 0)
        await settled()
    await asyncio.gather(*tasks)
    assert house.order == ["0", "1", "2", "3"]
    for _ in range(20):
        house.clock.at += 0.25
        house.door.look(0.0, 0.2, 0)
    assert not house.door.is_busy


async def test_under_pressure_those_without_room_are_turned_away_before_their_body_is_read() -> None:
    house = House(rules=Overload(wait=0.02, most=1))
    press(house)
    house.door.ladder.admits(Priority.INTERACTIVE, FEW)
    waiting = house.calls("waits")
    await settled()
    unread = MemoryClient("POST", "/v1/messages", {"x-api-key": KEY}, RuntimeError("the body was asked for"))
    await Gateway(house.app)(unread)
    assert unread.status == 503
    error = msgspec.json.decode(unread.sent)
    assert error["type"] == "error"
    assert "1 calls wait for their turn, 1 of them of your organisation (`default`)" in error["error"]["message"]
    await waiting
    assert house.told("waits")[1]["code"] == "gateway_overloaded"


@pytest.mark.parametrize(("memory", "came"), [(0.82, {"people"}), (0.5, {"people", "batch"}), (0.99, set[str]())])
async def test_the_least_important_wait_first(memory: float, came: set[str]) -> None:
    low = msgspec.structs.replace(key("batch", token=OTHER), priority=Priority.BATCH)
    house = House(Given(WHOLE), Given(WHOLE), rules=SHORT, keys=(low,))
    for _ in range(3):
        house.clock.at += 0.05
        house.door.look(0.0, memory, 0)
    await asyncio.gather(house.calls("batch", token=OTHER), house.calls("people"))
    assert set(house.order) == came

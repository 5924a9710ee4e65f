"""Two attempts at once with providers that answer when the test says: one answer, both on the ledger, and nothing left behind."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from tests.support.waiting import soon
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.test_through import Still
from tests.unit.proxy.values import KEY, SSE, STREAM, WHOLE, Given, Got, Memory, Slow

from tidegate.policy.attempts import Rules
from tidegate.policy.pace import Hedge
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.proxy.server import Gateway

AT_ONCE = Hedge(0.001, 1.0)
OTHER = WHOLE.replace(b"Hello", b"Other")


class Doors:
    """The `Upstream` port: each provider answers once its door is opened."""

    def __init__(self, **given: Given | Exception) -> None:
        self.given = given
        self.open_doors = {name: asyncio.Event() for name in given}
        self.reached = {name: asyncio.Event() for name in given}

    async def open(
        self,
        config: UpstreamConfig,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        stream: bool,
        method: str = "POST",
        within: float = math.inf,
        may_repeat: Callable[[], bool] | None = None,
    ) -> Given:
        self.reached[config.name].set()
        await self.open_doors[config.name].wait()
        found = self.given[config.name]
        if isinstance(found, Exception):
            raise found
        return found

    async def aclose(self) -> None: ...


class Scene:
    def __init__(self, first: Given | Exception, second: Given | Exception, hedge: Hedge = AT_ONCE, rules: Rules | None = None) -> None:
        self.memory = Memory()
        self.doors = Doors(openai=first, second=second)
        self.memory.app = msgspec.structs.replace(self.memory.app, clock=Still(), upstream=self.doors)
        self.memory.gateway = Gateway(self.memory.app)
        route = Route(name="r", targets=(("openai", "gpt-9"), ("second", "gpt-9")), rules=rules or Rules(hedge=hedge))
        made = snapshot(upstream("openai"), upstream("second", "openai"), routes=(route,), keys=(key("tests", token=KEY),))
        self.memory.app.live.current = Planner(made)

    def begin(self, **fields: Any) -> asyncio.Task[Got]:
        return asyncio.create_task(self.memory.chat("r", **fields))

    async def both_run(self) -> None:
        async with asyncio.timeout(5):
            await self.doors.reached["openai"].wait()
            await self.doors.reached["second"].wait()

    def rows(self) -> dict[str, tuple[int, str | None]]:
        return {event.provider: (event.status, event.estimated) for event in self.memory.ledger.events}

    def in_flight(self) -> int:
        return sum(place.in_flight for place in self.memory.app.live.health.places())


@pytest.mark.parametrize(("winner", "loser"), [("openai", "second"), ("second", "openai")])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_first_that_commits_answers_and_the_other_is_cancelled(winner: str, loser: str, stream: bool) -> None:
    given = {name: Given(*STREAM, headers=SSE) if stream else Given(WHOLE) for name in ("openai", "second")}
    scene = Scene(given["openai"], given["second"])
    task = scene.begin(stream=stream)
    await scene.both_run()
    scene.doors.open_doors[winner].set()
    got = await task
    assert (got.status, got.complete, got.headers["x-tidegate-target"]) == (200, True, f"{winner}/gpt-9")
    assert scene.rows() == {winner: (200, None), loser: (499, "hedge_lost")}
    assert scene.in_flight() == 0
    assert [event.attempt for event in scene.memory.ledger.events] != [1, 1]


@pytest.mark.parametrize("stream", [False, True])
async def test_of_a_loser_that_told_nothing_the_prompt_is_counted(stream: bool) -> None:
    scene = Scene(Given(), Given(*STREAM, headers=SSE) if stream else Given(WHOLE))
    task = scene.begin(stream=stream)
    await scene.both_run()
    scene.doors.open_doors["second"].set()
    assert (await task).status == 200
    lost = next(event for event in scene.memory.ledger.events if event.provider == "openai")
    assert (lost.estimated, lost.usage) == ("hedge_lost", {"input": 6, "output": 0})


async def test_both_answer_at_once_and_one_is_heard() -> None:
    scene = Scene(Given(WHOLE), Given(OTHER))
    task = scene.begin()
    await scene.both_run()
    for door in scene.doors.open_doors.values():
        door.set()
    got = await task
    assert got.body in (WHOLE, OTHER)
    assert sorted(status for status, _ in scene.rows().values()) == [200, 499]


async def test_one_that_fails_leaves_the_other_to_answer() -> None:
    for failing in ("openai", "second"):
        given = {"openai": Given(WHOLE), "second": Given(WHOLE), failing: Given(b"{}", status=500)}
        scene = Scene(given["openai"], given["second"])
        task = scene.begin()
        await scene.both_run()
        scene.doors.open_doors[failing].set()
        await soon(lambda scene=scene: scene.memory.ledger.events)
        scene.doors.open_doors["openai" if failing == "second" else "second"].set()
        assert (await task).status == 200
        assert sorted(status for status, _ in scene.rows().values()) == [200, 500]


async def test_both_fail_and_the_client_is_told_once() -> None:
    scene = Scene(Given(b"{}", status=500), Given(b"{}", status=503))
    task = scene.begin()
    await scene.both_run()
    for door in scene.doors.open_doors.values():
        door.set()
    assert (await task).status in (500, 503)
    assert len(scene.memory.ledger.events) == 2


async def test_a_mistake_of_the_client_s_ends_both() -> None:
    scene = Scene(Given(b'{"error": {"message": "no"}}', status=400), Given(WHOLE))
    task = scene.begin()
    await scene.both_run()
    scene.doors.open_doors["openai"].set()
    assert (await task).status == 400
    assert scene.in_flight() == 0
    assert scene.rows()["second"][0] == 499


async def test_what_the_route_goes_on_after_leaves_the_other_to_answer() -> None:
    refused = Given(b'{"error": {"message": "long", "code": "context_length_exceeded"}}', status=400)
    scene = Scene(refused, Given(WHOLE), rules=Rules(hedge=AT_ONCE, on_context_length=True))
    task = scene.begin()
    await scene.both_run()
    scene.doors.open_doors["openai"].set()
    await soon(lambda: scene.memory.ledger.events)
    scene.doors.open_doors["second"].set()
    assert (await task).status == 200
    assert [(event.provider, event.status) for event in scene.memory.ledger.events] == [("openai", 400), ("second", 200)]


async def test_a_quick_first_has_no_second() -> None:
    scene = Scene(Given(WHOLE), Given(WHOLE), Hedge(60.0, 1.0))
    scene.doors.open_doors["openai"].set()
    assert (await scene.begin()).status == 200
    assert set(scene.rows()) == {"openai"}


async def test_without_a_budget_or_with_effects_there_is_no_second() -> None:
    for fields, share in (({"store": True}, 1.0), ({}, 0.0)):
        scene = Scene(Given(WHOLE), Given(WHOLE), Hedge(0.001, share))
        while scene.memory.app.live.health.pace("r").may_hedge() and not share:
            pass
        task = scene.begin(**fields)
        await scene.doors.reached["openai"].wait()
        await asyncio.sleep(0.01)
        scene.doors.open_doors["openai"].set()
        await task
        assert set(scene.rows()) == {"openai"}


async def test_a_client_that_leaves_ends_both() -> None:
    scene = Scene(Given(WHOLE), Given(WHOLE))
    task = scene.begin()
    await scene.both_run()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert scene.rows() == {"openai": (499, "client_disconnect"), "second": (499, "client_disconnect")}
    assert [event.usage for event in scene.memory.ledger.events] == [{"input": 6, "output": 0}] * 2, "both providers had the prompt"
    assert scene.in_flight() == 0


class Held(Given):
    """Begins, and gives no content."""

    async def piece(self) -> bytes:
        await asyncio.Event().wait()
        return b""


@pytest.mark.parametrize("first", [None, Held(headers=SSE)], ids=["silent", "held"])
async def test_a_stream_without_content_goes_on_to_the_next_target_after_its_time(first: Given | None) -> None:
    scene = Scene(first or Given(), Given(*STREAM, headers=SSE), rules=Rules(first_token=0.01))
    scene.doors.open_doors["second"].set()
    if first is not None:
        scene.doors.open_doors["openai"].set()
    got = await scene.begin(stream=True)
    assert (got.status, got.headers["x-tidegate-target"], got.complete) == (200, "second/gpt-9", True)
    assert scene.rows() == {"openai": (504, None), "second": (200, None)}
    assert scene.in_flight() == 0


async def test_a_client_that_leaves_is_not_taken_for_slowness() -> None:
    scene = Scene(Given(), Given(*STREAM, headers=SSE), rules=Rules(first_token=30.0))
    task = scene.begin(stream=True)
    await scene.doors.reached["openai"].wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert scene.rows() == {"openai": (499, "client_disconnect")}


async def test_the_last_target_is_not_cut_nor_is_one_that_has_begun() -> None:
    slow = Slow(*STREAM, headers=SSE)
    scene = Scene(Given(b"{}", status=500), slow, rules=Rules(first_token=0.01))
    for door in scene.doors.open_doors.values():
        door.set()
    task = scene.begin(stream=True)
    await scene.doors.reached["second"].wait()
    await asyncio.sleep(0.05)
    slow.go()
    assert (await task).complete
    quick = Slow(*STREAM, headers=SSE)
    scene = Scene(quick, Given(), rules=Rules(first_token=0.01))
    scene.doors.open_doors["openai"].set()
    task = scene.begin(stream=True)
    quick.go(2)
    await scene.doors.reached["openai"].wait()
    await asyncio.sleep(0.05)
    quick.go()
    assert (await task).complete
    assert set(scene.rows()) == {"openai"}

"""Calls that are made once for their key, with a provider that answers when the test says."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.support.waiting import soon
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.test_through import Still
from tests.unit.proxy.values import GPT, KEY, SSE, STREAM, WHOLE, Given, Memory, Slow, chunk

from tidegate.policy.attempts import Rules
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.ports import UpstreamFailure
from tidegate.ports.kept import Kept, Put, Write
from tidegate.proxy import once, once_rows, transcript
from tidegate.proxy.onces import Onces
from tidegate.proxy.server import Gateway
from tidegate.records import Tenant

OTHERS = "the-key-of-another-caller"
PATH = "/v1/chat/completions"


def body(stream: bool = False, model: str = GPT, text: str = "Hi") -> bytes:
    asked = {"stream_options": {"include_usage": True}} if stream else {}
    return json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], **asked}).encode()


class Scene:
    """A gateway whose provider gives one answer after the other, each once `go` is set."""

    def __init__(self, *given: Given | Exception, kept: Memory | None = None, owner: str = "") -> None:
        self.memory = Memory(*given)
        if kept is not None:
            self.memory.app = msgspec.structs.replace(self.memory.app, conversations=kept.app.conversations)
        self.memory.app = msgspec.structs.replace(self.memory.app, clock=Still(), onces=Onces(owner))
        self.memory.gateway = Gateway(self.memory.app)
        routes = (Route(name="shared", targets=(("openai", "gpt-9"),), rules=Rules(single_flight=True)),)
        keys = (key("tests", token=KEY), key("others", token=OTHERS))
        self.memory.app.live.current = Planner(snapshot(upstream("openai"), routes=routes, keys=keys))
        self.clients: list[MemoryClient] = []

    def ask(
        self, data: bytes, name: str | None = "k1", token: str = KEY, path: str = PATH, *, beta: str | None = None
    ) -> asyncio.Task[MemoryClient]:
        headers = {"authorization": f"Bearer {token}", **({"idempotency-key": name} if name is not None else {})}
        headers |= {"openai-beta": beta} if beta is not None else {}
        client = MemoryClient("POST", path, headers, data)
        self.clients.append(client)

        async def run() -> MemoryClient:
            await self.memory.gateway(client)
            return client

        return asyncio.create_task(run())

    def running(self) -> list[asyncio.Task[Any]]:
        """Calls that have a task of their own."""
        return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "made"]

    @property
    def made(self) -> int:
        return len(self.memory.provider.sent)


def pieces(scene: Scene) -> list[bytes]:
    """What is in memory of the one answer."""
    (entry,) = scene.memory.app.onces._entries.values()
    return entry.transcript._pieces


class Later(Still):
    """A while after the others."""

    def now(self) -> float:
        return super().now() + once_rows.HELD


@pytest.mark.parametrize("stream", [False, True])
async def test_a_repetition_gets_the_same_answer(stream: bool) -> None:
    scene = Scene(Given(*STREAM, headers=SSE) if stream else Given(WHOLE))
    first = await scene.ask(body(stream))
    second = await scene.ask(body(stream))
    assert (first.sent, first.status, first.complete) == (second.sent, second.status, second.complete)
    assert (scene.made, len(scene.memory.ledger.events)) == (1, 1)
    assert "idempotency-replayed" not in first.headers_sent
    assert second.headers_sent.pop("idempotency-replayed") == "true"
    assert second.headers_sent == first.headers_sent


@pytest.mark.parametrize("stream", [False, True])
async def test_the_answer_is_kept_before_its_client_has_the_end(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(Given(*STREAM, headers=SSE) if stream else Given(WHOLE))
    store = await scene.memory.app.conversations.store()
    write, written, goes_on = store.write, list[str](), asyncio.Event()

    async def slow(tenant: Tenant, writes: Sequence[Write]) -> None:
        (put,) = writes
        assert isinstance(put, Put)
        written.append(put.row.state)
        await goes_on.wait()
        await write(tenant, writes)

    monkeypatch.setattr(store, "write", slow)
    first = scene.ask(body(stream))
    await soon(lambda: written == ["ended"])
    second = scene.ask(body(stream))
    await soon(lambda: len(scene.clients) == 2 and (not stream or scene.clients[1].sent == b"".join(STREAM)))
    assert not scene.clients[0].complete and not scene.clients[1].complete
    assert stream or not scene.clients[0].status
    goes_on.set()
    assert (await first).complete and (await second).complete
    assert scene.clients[0].sent == scene.clients[1].sent == (b"".join(STREAM) if stream else WHOLE)


async def test_streams_are_followed_from_their_beginning_while_they_run() -> None:
    slow = Slow(*STREAM, headers=SSE)
    scene = Scene(slow)
    first = scene.ask(body(stream=True))
    slow.go(2)
    await soon(lambda: scene.clients[0].sent == STREAM[0] + STREAM[1])
    second = scene.ask(body(stream=True))
    await soon(lambda: len(scene.clients) == 2 and scene.clients[1].sent == STREAM[0] + STREAM[1])
    slow.go()
    assert (await first).sent == (await second).sent == b"".join(STREAM)
    assert scene.made == 1


async def test_whole_answers_are_waited_for_by_all() -> None:
    slow = Slow(WHOLE)
    scene = Scene(slow)
    tasks = [scene.ask(body()) for _ in range(5)]
    await soon(lambda: scene.made == 1)
    slow.go()
    assert {(await task).sent for task in tasks} == {WHOLE}
    assert scene.made == 1


async def test_a_client_that_left_comes_back_for_its_answer() -> None:
    slow = Slow(*STREAM, headers=SSE)
    scene = Scene(slow)
    task = scene.ask(body(stream=True))
    slow.go(2)
    await soon(lambda: bool(scene.clients[0].sent))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert scene.memory.app.onces.alone == 1
    second = scene.ask(body(stream=True))
    slow.go()
    assert (await second).sent == b"".join(STREAM)
    assert [event.status for event in scene.memory.ledger.events] == [200]
    assert scene.memory.app.onces.alone == 0


async def test_a_call_that_nobody_comes_back_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "ALONE", 0.01)
    slow = Slow(*STREAM, headers=SSE)
    scene = Scene(slow)
    task = scene.ask(body(stream=True))
    slow.go(2)
    await soon(lambda: bool(scene.clients[0].sent))
    assert pieces(scene)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await soon(lambda: bool(scene.memory.ledger.events))
    assert scene.memory.ledger.events[0].status == 499
    await soon(lambda: scene.memory.app.onces.alone == 0)
    again = await scene.ask(body(stream=True))
    assert (again.status, again.json()["error"]["code"]) == (422, "idempotent_call_broken_off")
    assert pieces(scene) == []


async def test_another_request_with_the_same_key_is_refused_and_another_caller_has_keys_of_its_own() -> None:
    scene = Scene(Given(WHOLE), Given(WHOLE))
    await scene.ask(body())
    for data, path in ((body(text="Ho"), PATH), (body(), "/v1/responses")):
        refused = await scene.ask(data, path=path)
        assert (refused.status, refused.json()["error"]["code"]) == (422, "idempotency_key_reused")
    theirs = await scene.ask(body(), token=OTHERS)
    assert (theirs.status, scene.made) == (200, 2)
    assert "idempotency-replayed" not in theirs.headers_sent


@pytest.mark.parametrize(
    ("first", "made"),
    [
        (UpstreamFailure("connect", "refused"), 2),
        (Given(b'{"error": {"message": "slow down"}}', status=429), 2),
        (Given(b'{"error": {"message": "broken"}}', status=500), 1),
        (UpstreamFailure("headers", "reset"), 1),
    ],
    ids=["no connection", "refused", "broken", "sent"],
)
async def test_only_what_was_surely_not_begun_frees_the_key(first: Given | Exception, made: int) -> None:
    scene = Scene(first, Given(WHOLE))
    before = await scene.ask(body())
    assert before.status >= 400
    after = await scene.ask(body())
    assert (scene.made, after.status == 200) == (made, made == 2)
    if made == 1:
        assert after.sent == before.sent


async def test_a_call_that_is_refused_here_leaves_its_key_free() -> None:
    scene = Scene(Given(WHOLE))
    assert (await scene.ask(body(model="no-such-model"))).status == 404
    assert (await scene.ask(body())).status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_later_start_knows_the_answer(stream: bool) -> None:
    before = Scene(Given(*STREAM, headers=SSE) if stream else Given(WHOLE))
    first = await before.ask(body(stream))
    await soon(lambda: not before.running())
    after = Scene(kept=before.memory)
    second = await after.ask(body(stream))
    assert (second.sent, second.status, second.complete, after.made) == (first.sent, 200, True, 0)
    assert second.headers_sent["idempotency-replayed"] == "true"
    refused = await Scene(kept=before.memory).ask(body(text="Ho"))
    assert refused.status == 422


async def test_a_later_start_does_not_make_again_what_was_under_way() -> None:
    before = Scene(Slow(WHOLE))
    task = before.ask(body())
    await soon(lambda: before.made == 1)
    after = Scene(Given(WHOLE), kept=before.memory)
    refused = await after.ask(body())
    assert (refused.status, refused.json()["error"]["code"], after.made) == (422, "idempotent_call_broken_off", 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_another_gateway_makes_is_waited_for(stream: bool) -> None:
    slow = Slow(*STREAM, headers=SSE) if stream else Slow(WHOLE)
    there = Scene(slow)
    first = there.ask(body(stream))
    await soon(lambda: there.made == 1)
    here = Scene(Given(WHOLE), kept=there.memory, owner="another")
    others = [here.ask(body(stream)) for _ in range(2)]
    refused = await here.ask(body(stream, text="Ho"))
    assert (refused.status, refused.json()["error"]["code"]) == (422, "idempotency_key_reused")
    slow.go()
    sent = (await first).sent
    assert [(await other).sent for other in others] == [sent, sent]
    assert (here.made, here.clients[0].complete) == (0, True)


async def test_of_gateways_that_get_a_key_in_the_same_instant_one_makes_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(WHOLE)
    there = Scene(slow)
    here = Scene(slow, kept=there.memory, owner="another")
    store = await there.memory.app.conversations.store()
    make, both, came = store.make, asyncio.Event(), 0

    async def late(tenant: Tenant, row: Kept) -> bool:
        nonlocal came
        came += 1
        if came == 2:
            both.set()
        await both.wait()
        return await make(tenant, row)

    monkeypatch.setattr(store, "make", late)
    tasks = [there.ask(body()), here.ask(body()), here.ask(body())]
    await soon(lambda: there.made + here.made == 1)
    slow.go()
    assert {(await task).sent for task in tasks} == {WHOLE}
    assert there.made + here.made == 1


async def test_what_another_gateway_made_until_it_was_killed_was_broken_off() -> None:
    there = Scene(Slow(WHOLE))
    task = there.ask(body())
    await soon(lambda: there.made == 1)
    here = Scene(kept=there.memory, owner="another")
    again = here.ask(body())
    here.memory.app = msgspec.structs.replace(here.memory.app, clock=Later())
    here.memory.gateway = Gateway(here.memory.app)
    refused = await here.ask(body())
    assert (refused.status, refused.json()["error"]["code"]) == (422, "idempotent_call_broken_off")
    for waiting in (task, again):
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_call_that_lasts_says_so_again_and_who_waits_for_it_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_rows, "AGAIN", 0.001)
    slow = Slow(WHOLE)
    there = Scene(slow)
    store = await there.memory.app.conversations.store()
    write, told = store.write, list[str]()

    async def seen(tenant: Tenant, writes: Sequence[Write]) -> None:
        told.extend(one.row.state for one in writes if isinstance(one, Put))
        await write(tenant, writes)

    monkeypatch.setattr(store, "write", seen)
    task = there.ask(body())
    await soon(lambda: len(told) > 2)
    monkeypatch.setattr(once_rows, "WAIT", 0.0)
    refused = await Scene(kept=there.memory, owner="another").ask(body())
    assert (refused.status, refused.json()["error"]["code"]) == (409, "idempotent_call_in_progress")
    slow.go()
    assert (await task).sent == WHOLE
    assert told[-1] == "ended"


async def test_an_answer_that_is_too_long_is_followed_but_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MOST_KEPT", 2000)
    long = [STREAM[0], *(chunk({"content": "x" * 500}) for _ in range(20)), *STREAM[2:]]
    scene = Scene(Given(*long, headers=SSE))
    first = await scene.ask(body(stream=True))
    assert first.sent == b"".join(long)
    refused = await scene.ask(body(stream=True))
    assert (refused.status, refused.json()["error"]["code"]) == (422, "idempotent_answer_too_long")


async def test_of_an_answer_that_is_too_long_nothing_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MOST_KEPT", 10)
    scene = Scene(Given(WHOLE))
    assert (await scene.ask(body())).sent == WHOLE
    await soon(lambda: not scene.running())
    assert pieces(scene) == []
    for knows in (scene, Scene(kept=scene.memory)):
        refused = await knows.ask(body())
        assert (refused.status, refused.json()["error"]["code"]) == (422, "idempotent_answer_too_long")


async def test_answers_in_memory_are_bounded_and_the_database_has_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.proxy.onces.MOST_CALLS", 3)
    scene = Scene(*(Given(WHOLE) for _ in range(6)))
    for number in range(6):
        await scene.ask(body(), name=f"k{number}")
        await soon(lambda: not scene.running())
    assert (await scene.ask(body(), name="k0")).sent == WHOLE
    assert scene.made == 6


@pytest.mark.parametrize("name", ["", "with space", "x" * 256, "ä"])
async def test_keys_that_are_none(name: str) -> None:
    got = await Scene().ask(body(), name=name)
    assert (got.status, got.json()["error"]["code"]) == (400, "invalid_idempotency_key")


async def test_an_operation_has_no_key() -> None:
    answer = json.dumps({"object": "list", "data": [], "model": "gpt-9", "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()
    scene = Scene(Given(answer), Given(answer))
    for _ in range(2):
        await scene.ask(json.dumps({"model": GPT, "input": "x"}).encode(), path="/v1/embeddings")
    assert scene.made == 2


async def test_equal_calls_at_the_same_time_are_one_where_the_route_says_so() -> None:
    slow = Slow(WHOLE)
    scene = Scene(slow, Given(WHOLE), Given(WHOLE))
    shared = body(model="shared")
    tasks = [scene.ask(shared, name=None) for _ in range(3)]
    await soon(lambda: scene.made == 1)
    other = await scene.ask(body(model="shared", text="Ho"), name=None)
    assert (other.status, scene.made) == (200, 2)
    slow.go()
    assert {(await task).sent for task in tasks} == {WHOLE}
    assert scene.made == 2
    await scene.ask(shared, name=None)
    assert scene.made == 3


async def test_calls_with_other_betas_are_others() -> None:
    scene = Scene(Given(WHOLE), Given(WHOLE))
    beta = scene.ask(body(model="shared"), name=None, beta="a-beta")
    plain = scene.ask(body(model="shared"), name=None)
    assert [(await task).status for task in (beta, plain)] == [200, 200]
    assert scene.made == 2


async def test_a_shared_call_ends_with_its_last_client() -> None:
    scene = Scene(Slow(WHOLE))
    tasks = [scene.ask(body(model="shared"), name=None) for _ in range(2)]
    await soon(lambda: scene.made == 1)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    assert scene.memory.ledger.events == []
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    await soon(lambda: bool(scene.memory.ledger.events))
    assert scene.memory.ledger.events[0].status == 499

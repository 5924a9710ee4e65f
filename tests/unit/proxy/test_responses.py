"""The Responses API with a provider in memory: what is owned, what is held, and what a chain becomes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from tests.support.waiting import soon
from tests.unit.proxy.values import CLAUDE, GPT, SSE, Given, Got, Memory

from tidegate.policy.credentials import with_accounts
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, ServerSettings
from tidegate.ports import StorageUnavailable, Unsealable
from tidegate.proxy import background_stream, responses
from tidegate.proxy.background import Answerer
from tidegate.proxy.batch_call import LineCaller
from tidegate.proxy.batch_runner import BatchRunner
from tidegate.proxy.surfaces import SURFACES

SAYS: dict[str, Any] = {
    "id": "msg_up",
    "type": "message",
    "role": "assistant",
    "model": "claude-big",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
OWN: dict[str, Any] = {
    "id": "resp_up",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "gpt-9",
    "output": [
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}
    ],
    "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
}


def claude(text: str = "Hello") -> Given:
    return Given(json.dumps({**SAYS, "content": [{"type": "text", "text": text}]}).encode())


def openai(**fields: Any) -> Given:
    return Given(json.dumps({**OWN, **fields}).encode())


def speaking(*given: Given, server: ServerSettings | None = None) -> Memory:
    """Its provider `openai` speaks the Responses API and keeps what it answers."""
    memory = Memory(*given, server=server)
    snapshot = memory.app.live.snapshot
    for name in ("openai", "second"):
        up = snapshot.upstreams[name]
        spec = msgspec.structs.replace(up.spec, also=("openai_responses",), keeps=True, compacts=True)
        snapshot.upstreams[name] = msgspec.structs.replace(up, spec=spec)
    return memory


async def ask(memory: Memory, model: str = CLAUDE, **fields: Any) -> Got:
    return await memory.call("/v1/responses", {"model": model, "input": "Hi", **fields})


def said(memory: Memory) -> list[Any]:
    """What the provider was told last."""
    return json.loads(memory.provider.sent[-1].body)["messages"]


async def test_a_chain_on_another_provider_says_everything_again() -> None:
    memory = speaking(claude("one"), claude("two"), claude("three"))
    first = (await ask(memory)).json()
    second = (await ask(memory, previous_response_id=first["id"], input="And?")).json()
    assert said(memory) == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "And?"},
    ]
    third = await ask(memory, previous_response_id=second["id"], input=[{"role": "user", "content": "So?"}])
    assert third.status == 200
    assert [turn["content"] for turn in said(memory)] == ["Hi", "one", "And?", "two", "So?"]


async def test_what_is_held_can_be_read_told_again_and_deleted() -> None:
    memory = speaking(claude())
    made = (await ask(memory, metadata={"a": "b"})).json()
    path = f"/v1/responses/{made['id']}"
    assert (await memory.call(path, method="GET")).json() == made
    items = (await memory.call(f"{path}/input_items", method="GET")).json()
    assert [(item["role"], item["content"][0]["text"]) for item in items["data"]] == [("user", "Hi")]
    told = await memory.call(f"{path}?stream=true&starting_after=5", method="GET")
    events = [json.loads(line[6:]) for line in told.body.splitlines() if line.startswith(b"data: ")]
    assert events[0]["sequence_number"] == 6
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"][0]["content"] == made["output"][0]["content"]
    assert (await memory.call(f"{path}/cancel")).status == 400
    assert (await memory.call(path, method="DELETE")).json() == {"id": made["id"], "object": "response", "deleted": True}
    assert (await memory.call(path, method="GET")).status == 404


async def test_a_stream_is_held_before_its_end_is_told() -> None:
    events = [
        {"type": "message_start", "message": {**SAYS, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    pieces = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    memory = speaking(Given(*pieces, headers=SSE))
    got = await ask(memory, stream=True)
    last = json.loads(got.body.rstrip().rpartition(b"data: ")[2])["response"]
    assert (await memory.call(f"/v1/responses/{last['id']}", method="GET")).json() == last


async def test_what_the_provider_keeps_is_owned_and_asked_of_it() -> None:
    memory = speaking(openai(), openai(id="resp_2"), Given(b'{"id":"resp_up"}'), Given(b'{"deleted":true}'))
    assert (await ask(memory, GPT)).json()["id"] == "resp_up"
    await ask(memory, GPT, previous_response_id="resp_up")
    assert json.loads(memory.provider.sent[-1].body)["previous_response_id"] == "resp_up"
    assert (await memory.call("/v1/responses/resp_up?include=x&other=y", method="GET")).status == 200
    asked = memory.provider.sent[-1]
    assert (asked.method, asked.url.partition("/responses/")[2], asked.provider) == ("GET", "resp_up?include=x", "openai")
    assert asked.headers["authorization"]
    assert (await memory.call("/v1/responses/resp_up", method="DELETE")).status == 200
    assert memory.provider.sent[-1].method == "DELETE"
    assert (await memory.call("/v1/responses/resp_up", method="GET")).status == 404


async def test_a_provider_that_repeats_its_key_does_not_tell_it_to_the_client() -> None:
    memory = speaking(openai(), Given(b'{"error":{"message":"upstream-secret is wrong"}}', status=401))
    await ask(memory, GPT)
    got = await memory.call("/v1/responses/resp_up", method="GET")
    assert (got.status, got.json()["error"]["message"]) == (401, "*** is wrong")


async def test_a_kept_chain_does_not_leave_its_provider() -> None:
    memory = speaking(openai())
    await ask(memory, GPT)
    got = await ask(memory, CLAUDE, previous_response_id="resp_up")
    assert (got.status, got.json()["error"]["param"]) == (400, "previous_response_id")
    assert len(memory.provider.sent) == 1


async def test_items_of_a_conversation_are_a_list() -> None:
    got = await speaking().call("/v1/conversations", {"items": "Hi"})
    assert (got.status, got.json()["error"]["param"]) == (400, "items")
    assert (await speaking().call("/v1/conversations", {"items": None})).status == 200


@pytest.mark.parametrize("path", ["/v1/responses/resp_none", "/v1/responses/resp_none/input_items", "/v1/conversations/conv_none"])
async def test_an_unknown_id_is_404_in_the_dialect(path: str) -> None:
    got = await speaking().call(path, method="GET")
    assert (got.status, got.json()["error"]["type"]) == (404, "not_found_error")


async def test_another_tenants_id_is_the_same_404() -> None:
    memory = speaking(claude())
    made = (await ask(memory)).json()
    row = await memory.app.conversations.get("default", made["id"])
    assert row is not None
    memory.app.conversations.remove("default", made["id"])
    memory.app.conversations.put(msgspec.structs.replace(row, org="other"))
    for got in (
        await memory.call(f"/v1/responses/{made['id']}", method="GET"),
        await ask(memory, previous_response_id=made["id"]),
    ):
        assert (got.status, made["id"] in got.json()["error"]["message"]) == (404, True)


async def test_calls_that_run_at_once_in_one_conversation_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = speaking(claude("one"), claude("two"))
    talk = (await memory.call("/v1/conversations", {})).json()["id"]
    both = [asyncio.Event(), asyncio.Event()]
    opened = memory.provider.open

    async def together(*args: Any, **kwargs: Any) -> Given:
        mine = next(event for event in both if not event.is_set())
        mine.set()
        await asyncio.gather(*(event.wait() for event in both))
        return await opened(*args, **kwargs)

    monkeypatch.setattr(memory.provider, "open", together)
    await asyncio.gather(*(ask(memory, conversation=talk, input=text) for text in ("first", "second")))
    items = (await memory.call(f"/v1/conversations/{talk}/items?order=asc", method="GET")).json()["data"]
    said = [item["content"][0]["text"] for item in items]
    assert sorted(said) == ["first", "one", "second", "two"]
    assert {said.index("one") - 1, said.index("two") - 1} == {said.index("first"), said.index("second")}


async def test_calls_that_keep_nothing_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "KeepingClient", None)
    assert (await ask(speaking(claude()), store=False)).status == 200


async def test_what_is_kept_cannot_be_read_while_the_database_is_away() -> None:
    memory = speaking(claude())
    memory.kept.fails = StorageUnavailable("away")
    got = await ask(memory, previous_response_id="resp_x")
    assert (got.status, got.json()["error"]["code"], got.headers["retry-after"]) == (503, "storage_unavailable", "1")
    assert (await ask(memory)).status == 200


async def test_what_another_key_has_sealed_is_no_failure_of_ours() -> None:
    memory = speaking()
    memory.kept.fails = Unsealable("the key is not there")
    got = await memory.call("/v1/responses/resp_x", method="GET")
    assert (got.status, got.json()["error"]["code"]) == (503, "storage_sealed")


async def test_a_chain_stays_with_the_credential_that_made_it() -> None:
    memory = speaking(openai(), Given(b"{}"))
    snapshot = memory.app.live.snapshot
    accounts = tuple(Account(id=f"acc_{name}", name=name, secret=Secret(f"secret-of-{name}")) for name in "ab")
    snapshot.upstreams["openai"] = with_accounts(snapshot.upstreams["openai"], accounts)
    made = (await ask(memory, GPT)).json()["id"]
    used = memory.provider.sent[-1].headers["authorization"]
    memory.provider.given += [openai(id=f"resp_{number}") for number in range(6)]
    for _ in range(6):
        await ask(memory, GPT, previous_response_id=made)
    await memory.call(f"/v1/responses/{made}", method="DELETE")
    assert {sent.headers["authorization"] for sent in memory.provider.sent} == {used}


@pytest.mark.parametrize("server", [ServerSettings(keep_responses_days=0), ServerSettings(keep_nothing_for=frozenset(("default",)))])
async def test_nothing_is_kept_where_the_operator_says_so(server: ServerSettings) -> None:
    memory = speaking(claude(), server=server)
    made = (await ask(memory)).json()
    assert (await memory.call(f"/v1/responses/{made['id']}", method="GET")).status == 404


async def test_the_client_may_keep_its_answers_itself() -> None:
    memory = speaking(claude())
    made = (await ask(memory, store=False)).json()
    assert made["store"] is False
    assert (await memory.call(f"/v1/responses/{made['id']}", method="GET")).status == 404


async def test_a_conversation_grows_with_each_answer() -> None:
    memory = speaking(claude("one"), claude("two"))
    talk = (
        await memory.call("/v1/conversations", {"metadata": {"a": "b"}, "items": [{"role": "developer", "content": "be brief"}]})
    ).json()
    assert (talk["object"], talk["metadata"]) == ("conversation", {"a": "b"})
    path = f"/v1/conversations/{talk['id']}"
    await ask(memory, conversation=talk["id"], store=False)
    await ask(memory, conversation={"id": talk["id"]}, input="And?")
    assert [turn["content"] for turn in said(memory)] == ["Hi", "one", "And?"]
    listed = (await memory.call(f"{path}/items?order=asc&limit=4", method="GET")).json()
    assert [item["role"] for item in listed["data"]] == ["developer", "user", "assistant", "user"]
    assert listed["has_more"]
    one = listed["data"][1]["id"]
    assert (await memory.call(f"{path}/items/{one}", method="GET")).json()["content"][0]["text"] == "Hi"
    assert (await memory.call(f"{path}/items/{one}", method="DELETE")).status == 200
    assert (await memory.call(f"{path}/items/{one}", method="GET")).status == 404
    added = (await memory.call(f"{path}/items", {"items": [{"role": "user", "content": "x"}]})).json()
    assert added["data"][0]["content"] == [{"type": "input_text", "text": "x"}]
    assert (await memory.call(path, {"metadata": {"c": "d"}})).json()["metadata"] == {"c": "d"}
    assert (await memory.call(path, method="DELETE")).json()["deleted"] is True
    assert (await memory.call(path, method="GET")).status == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True, "store": False}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"previous_response_id": "a", "conversation": "b"}, "previous_response_id"),
        ({"previous_response_id": 5}, "previous_response_id"),
        ({"input": 5}, "input"),
    ],
)
async def test_what_cannot_be_honoured_is_named(fields: dict[str, Any], param: str) -> None:
    got = await ask(speaking(), **fields)
    assert (got.status, got.json()["error"]["param"]) == (400, param)


async def test_tokens_are_estimated() -> None:
    got = await speaking().call("/v1/responses/input_tokens", {"model": CLAUDE, "input": "Hello"})
    assert got.json()["object"] == "response.input_tokens"
    assert got.json()["input_tokens"] > 0
    assert got.headers["x-tidegate-receipt"] == "emulated:input_tokens"


async def test_what_was_said_before_is_counted_too() -> None:
    memory = speaking(claude("a long answer of many words"), openai())
    first, theirs = (await ask(memory)).json()["id"], (await ask(memory, GPT)).json()["id"]
    body = {"model": CLAUDE, "input": "Hello"}
    alone = (await memory.call("/v1/responses/input_tokens", body)).json()["input_tokens"]
    got = await memory.call("/v1/responses/input_tokens", {**body, "previous_response_id": first})
    assert got.json()["input_tokens"] > alone + 5
    got = await memory.call("/v1/responses/input_tokens", {**body, "previous_response_id": theirs})
    assert got.headers["x-tidegate-receipt"] == "emulated:input_tokens; dropped:previous_response_id"
    assert (await memory.call("/v1/responses/input_tokens", {**body, "previous_response_id": "resp_no"})).status == 404


async def test_pages_are_checked() -> None:
    memory = speaking(claude())
    path = f"/v1/responses/{(await ask(memory)).json()['id']}/input_items"
    for query in ("limit=0", "order=up", "after=nobody"):
        assert (await memory.call(f"{path}?{query}", method="GET")).status == 400


@contextlib.asynccontextmanager
async def answering(memory: Memory) -> AsyncGenerator[None]:
    surface, _ = SURFACES.match("POST", b"/v1/responses")
    runner = BatchRunner(memory.app, LineCaller(memory.app, SURFACES), Answerer(memory.app, surface), "one", look=0.01)
    memory.app.late.batched = runner.poke
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def kept_ids(memory: Memory) -> set[str]:
    await memory.app.conversations.parts("default", "any")  # reading parts writes what waits
    return {id for _, id in memory.kept.rows}


async def settled(memory: Memory, id: str) -> Any:
    async def look() -> Any:
        while True:
            found = (await memory.call(f"/v1/responses/{id}", method="GET")).json()
            if found["status"] not in ("queued", "in_progress"):
                return found
            await asyncio.sleep(0)

    return await asyncio.wait_for(look(), 20)


async def test_the_gateway_waits_for_what_a_provider_does_not_keep() -> None:
    memory = speaking(claude("one"), claude("two"))
    first = (await ask(memory)).json()
    made = (await ask(memory, background=True, input="And?", previous_response_id=first["id"], metadata={"a": "b"})).json()
    assert (made["status"], made["background"], made["output"], made["metadata"]) == ("queued", True, [], {"a": "b"})
    early = await ask(memory, previous_response_id=made["id"])
    assert (early.status, early.json()["error"]["code"]) == (400, "response_in_progress")
    assert (await memory.call(f"/v1/responses/{made['id']}?stream=true", method="GET")).status == 400
    async with answering(memory):
        done = await settled(memory, made["id"])
    assert (done["id"], done["status"], done["background"], done["store"]) == (made["id"], "completed", True, True)
    assert done["output"][0]["content"][0]["text"] == "two"
    assert [turn["content"] for turn in said(memory)] == ["Hi", "one", "And?"]
    assert await kept_ids(memory) == {first["id"], made["id"]}
    memory.provider.given.append(claude("three"))
    await ask(memory, previous_response_id=made["id"], input="So?")
    assert [turn["content"] for turn in said(memory)] == ["Hi", "one", "And?", "two", "So?"]
    assert len(memory.ledger.events) == 3


def events_of(got: Got) -> list[Any]:
    return [json.loads(line[6:]) for line in got.body.splitlines() if line.startswith(b"data: ")]


CLAUDES = [
    {"type": "message_start", "message": {**SAYS, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]


def streaming(*events: Any) -> Given:
    return Given(*(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events), headers=SSE)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_stream, "LOOK", 0)
    monkeypatch.setattr(background_stream, "GATHER", 0)


@pytest.mark.usefixtures("quick")
async def test_a_stream_in_the_background_can_be_followed_from_anywhere() -> None:
    memory = speaking(streaming(*CLAUDES), claude("two"))
    async with answering(memory):
        got = await ask(memory, background=True, stream=True, metadata={"a": "b"})
    events = events_of(got)
    assert (got.status, got.complete, got.headers["content-type"]) == (200, True, "text/event-stream; charset=utf-8")
    assert [one["sequence_number"] for one in events] == [*range(len(events))]
    assert [one["type"] for one in events[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [one["delta"] for one in events if one["type"] == "response.output_text.delta"] == ["Hel", "lo"]
    done, id = events[-1]["response"], events[0]["response"]["id"]
    assert {one["response"]["id"] for one in events if "response" in one} == {id}
    assert (events[-1]["type"], done["background"], done["store"], done["metadata"]) == ("response.completed", True, True, {"a": "b"})
    assert (await memory.call(f"/v1/responses/{id}", method="GET")).json() == done
    again = await memory.call(f"/v1/responses/{id}?stream=true&starting_after=4", method="GET")
    assert events_of(again) == events[5:]
    assert (await ask(memory, previous_response_id=id, input="And?")).status == 200
    assert [turn["content"] for turn in said(memory)] == ["Hi", "Hello", "And?"]
    assert done["output"][0]["id"].removeprefix("msg_").startswith(id.removeprefix("resp_"))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["refused", "broken off"])
async def test_a_stream_in_the_background_that_fails(how: str) -> None:
    refused = Given(b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}', status=400)
    memory = speaking(refused if how == "refused" else streaming(*CLAUDES[:3]))
    async with answering(memory):
        events = events_of(await ask(memory, background=True, stream=True))
    assert events[-1]["type"] == "response.failed"
    assert [one["sequence_number"] for one in events] == [*range(len(events))]
    done = (await memory.call(f"/v1/responses/{events[0]['response']['id']}", method="GET")).json()
    assert (done["status"], done == events[-1]["response"]) == ("failed", True)


@pytest.mark.usefixtures("quick")
async def test_a_client_that_leaves_does_not_end_it() -> None:
    memory = speaking(streaming(*CLAUDES))
    task = asyncio.create_task(ask(memory, background=True, stream=True))
    await soon(lambda: memory.kept.rows)
    task.cancel()
    async with answering(memory):
        [(_, id)] = memory.kept.rows
        events = events_of(await memory.call(f"/v1/responses/{id}?stream=true", method="GET"))
    assert events[-1]["type"] == "response.completed"


@pytest.mark.usefixtures("quick")
async def test_a_stream_that_is_cancelled_or_deleted_ends_with_an_error() -> None:
    memory = speaking()
    task = asyncio.create_task(ask(memory, background=True, stream=True))
    await soon(lambda: memory.kept.rows)
    [(_, id)] = memory.kept.rows
    assert (await memory.call(f"/v1/responses/{id}/cancel")).json()["status"] == "cancelled"
    events = events_of(await task)
    assert (events[-1]["type"], events[-1]["code"], events[-1]["sequence_number"]) == ("error", "response_cancelled", 2)


@pytest.mark.usefixtures("quick")
async def test_what_a_process_that_is_gone_has_told_is_not_told_anew() -> None:
    memory = speaking()
    task = asyncio.create_task(ask(memory, background=True, stream=True))
    await soon(lambda: memory.kept.rows)
    [(org, id)] = memory.kept.rows
    delta: Any = {"type": "response.output_text.delta", "delta": "Hel"}
    memory.kept.held[org, id][2] = background_stream.frame(delta, 2)
    async with answering(memory):
        events = events_of(await task)
    assert [one["type"] for one in events[2:]] == ["response.output_text.delta", "response.failed"]
    assert ([one["sequence_number"] for one in events], memory.provider.sent) == ([0, 1, 2, 3], [])


async def test_a_failure_in_the_background_is_told() -> None:
    memory = speaking(Given(b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}', status=400))
    made = (await ask(memory, background=True)).json()
    async with answering(memory):
        done = await settled(memory, made["id"])
    assert (done["status"], done["error"]["message"]) == ("failed", "no")


async def test_what_waits_in_the_background_can_be_cancelled() -> None:
    memory = speaking()
    made = (await ask(memory, background=True)).json()
    cancelled = (await memory.call(f"/v1/responses/{made['id']}/cancel")).json()
    assert (cancelled["id"], cancelled["status"]) == (made["id"], "cancelled")
    assert (await memory.call(f"/v1/responses/{made['id']}/cancel")).json()["status"] == "cancelled", "twice is once"
    async with answering(memory):
        assert (await settled(memory, made["id"]))["status"] == "cancelled"
    assert not memory.provider.sent


async def test_what_runs_in_the_background_is_cut_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = speaking()
    begun, cut = asyncio.Event(), asyncio.Event()

    async def slow(*_args: Any, **_kwargs: Any) -> Given:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        raise AssertionError

    monkeypatch.setattr(memory.provider, "open", slow)
    made = (await ask(memory, background=True)).json()
    async with answering(memory):
        await asyncio.wait_for(begun.wait(), 20)
        assert (await memory.call(f"/v1/responses/{made['id']}/cancel")).json()["status"] == "cancelled"
        await asyncio.wait_for(cut.wait(), 20)
    assert (await settled(memory, made["id"]))["status"] == "cancelled"
    assert memory.ledger.events[0].status == 499


async def test_a_conversation_is_compacted_by_its_model() -> None:
    memory = speaking(claude("one"), claude("All in short."))
    first = (await ask(memory)).json()
    got = await memory.call("/v1/responses/compact", {"model": CLAUDE, "previous_response_id": first["id"], "input": "And?"})
    body = got.json()
    assert (body["object"], got.headers["x-tidegate-receipt"]) == ("response.compaction", "emulated:compaction")
    texts = [(item["role"], item["content"][0]["text"]) for item in body["output"]]
    assert texts == [("user", "Hi"), ("user", "And?"), ("assistant", "All in short.")]
    assert [turn["content"] for turn in said(memory)][:2] == ["Hi", "one"]
    assert said(memory)[2]["content"][0]["text"] == "And?"
    assert body["usage"]["total_tokens"] == 4
    assert await kept_ids(memory) == {first["id"]}
    memory.provider.given.append(claude())
    assert (await ask(memory, input=[*body["output"], {"role": "user", "content": "Go on"}])).status == 200
    assert (await memory.call("/v1/responses/compact", {"model": CLAUDE, "input": []})).status == 400


async def test_a_provider_that_compacts_does_so_itself() -> None:
    answer = b'{"id":"c","object":"response.compaction","output":[],"usage":{"input_tokens":5,"output_tokens":2,"total_tokens":7}}'
    memory = speaking(Given(answer))
    got = await memory.call("/v1/responses/compact", {"model": GPT, "input": "Hi"})
    sent = memory.provider.sent[0]
    assert (got.body, sent.url.rpartition("/v1")[2]) == (answer, "/responses/compact")
    assert json.loads(sent.body) == {"model": "gpt-9", "input": "Hi"}
    assert memory.ledger.events[0].usage == {"input": 5, "output": 2}

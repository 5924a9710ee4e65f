"""Batches of both kinds, run by the gateway itself with a provider in memory."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from tests.unit.proxy.test_files import upload
from tests.unit.proxy.values import GPT, WHOLE, Given, Memory

from tidegate.proxy import batch_call, batch_runner
from tidegate.proxy.background import Answerer
from tidegate.proxy.batch_call import LineCaller
from tidegate.proxy.batch_runner import BatchRunner
from tidegate.proxy.surfaces import SURFACES

SORRY = b'{"error":{"message":"no","type":"invalid_request_error"}}'
MESSAGE = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-big",
        "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Hello"}],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
).encode()


def lines(count: int, model: str = GPT, **fields: Any) -> bytes:
    return b"".join(
        json.dumps(
            {
                "custom_id": f"c{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": model, "messages": [{"role": "user", "content": f"n{number}"}]},
                **fields,
            }
        ).encode()
        + b"\n"
        for number in range(count)
    )


@contextlib.asynccontextmanager
async def running(memory: Memory, owner: str = "one") -> AsyncGenerator[BatchRunner]:
    surface, _ = SURFACES.match("POST", b"/v1/responses")
    runner = BatchRunner(memory.app, LineCaller(memory.app, SURFACES), Answerer(memory.app, surface), owner, look=0.01, tick=0.01)
    memory.app.late.batched = runner.poke
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def started(memory: Memory, data: bytes, **fields: Any) -> Any:
    file = (await upload(memory, data)).json()["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h", **fields}
    return (await memory.call("/v1/batches", asked)).json()


async def ended(memory: Memory, path: str, word: str = "status") -> Any:
    async def look() -> Any:
        while True:
            found = (await memory.call(path, method="GET")).json()
            if found[word] in ("completed", "failed", "cancelled", "expired", "ended"):
                return found
            await asyncio.sleep(0)

    return await asyncio.wait_for(look(), 20)


async def content(memory: Memory, id: str) -> list[Any]:
    return [json.loads(line) for line in (await memory.call(f"/v1/files/{id}/content", method="GET")).body.splitlines()]


async def test_every_line_is_answered_as_the_key_that_made_the_batch() -> None:
    memory = Memory(*(Given(WHOLE) for _ in range(5)), Given(SORRY, status=400))
    made = await started(memory, lines(6), metadata={"a": "b"})
    assert (made["object"], made["status"], made["metadata"]) == ("batch", "validating", {"a": "b"})
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert (done["status"], done["request_counts"]) == ("completed", {"total": 6, "completed": 5, "failed": 1})
    answers = await content(memory, done["output_file_id"])
    errors = await content(memory, done["error_file_id"])
    assert {one["custom_id"] for one in (*answers, *errors)} == {f"c{number}" for number in range(6)}
    assert answers[0]["response"]["body"] == json.loads(WHOLE)
    assert answers[0]["error"] is None
    assert (errors[0]["response"]["status_code"], errors[0]["response"]["body"]["error"]["message"]) == (400, "no")
    assert {event.key_name for event in memory.ledger.events} == {"tests"}
    assert len(memory.ledger.events) == 6
    assert {one["response"]["request_id"] for one in answers} <= {event.request_id for event in memory.ledger.events}
    listed = (await memory.call("/v1/batches?limit=1", method="GET")).json()
    assert [one["id"] for one in listed["data"]] == [made["id"]]
    purposes = [one["purpose"] for one in (await memory.call("/v1/files", method="GET")).json()["data"]]
    assert sorted(purposes) == ["batch", "batch_output", "batch_output"]


async def test_a_batch_goes_on_where_a_killed_process_left_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has an answer is not asked again."""
    memory = Memory(*(Given(WHOLE) for _ in range(10)))
    made = await started(memory, lines(10))
    store, put_part, count = memory.kept, memory.kept.put_part, 0
    enough = asyncio.Event()

    async def dying(*args: Any, **kwargs: Any) -> bool:
        nonlocal count
        count += 1
        if count > 4:
            enough.set()
            await asyncio.Event().wait()
        return await put_part(*args, **kwargs)

    monkeypatch.setattr(store, "put_part", dying)
    async with running(memory, "first"):
        await asyncio.wait_for(enough.wait(), 20)
    monkeypatch.undo()
    stored = {place for (_, id), parts in store.held.items() if id.endswith("o") for place in parts}
    asked = len(memory.provider.sent)
    memory.provider.given += [Given(WHOLE) for _ in range(10)]
    async with running(memory, "first"):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    again = [json.loads(sent.body)["messages"][0]["content"] for sent in memory.provider.sent[asked:]]
    assert len(stored) == 4
    assert sorted(again) == sorted(f"n{number}" for number in range(10) if number not in stored)
    assert done["request_counts"]["completed"] == 10
    assert len(await content(memory, done["output_file_id"])) == 10


async def test_another_gateway_takes_over_when_the_first_is_gone() -> None:
    memory = Memory(Given(WHOLE))
    made = await started(memory, lines(1))
    place, now = ("default", made["id"]), memory.app.clock.now()
    memory.kept.claims[place] = ("gone", now + 99)
    async with running(memory) as runner:
        for _ in range(5):
            runner.poke()
            await asyncio.sleep(0)
        assert not memory.provider.sent
        memory.kept.claims[place] = ("gone", now - 1)
        assert (await ended(memory, f"/v1/batches/{made['id']}"))["status"] == "completed"


async def test_a_provider_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(0)

    monkeypatch.setattr(batch_call.asyncio, "sleep", sleep)
    busy = Given(SORRY, status=429, headers={"content-type": "application/json", "retry-after": "7"})
    memory = Memory(busy, Given(SORRY, status=500), Given(WHOLE))
    made = await started(memory, lines(1))
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert done["request_counts"]["completed"] == 1
    assert {7.0, 2.0} <= set(waits)


async def test_a_batch_that_is_cancelled_begins_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(*(Given(WHOLE) for _ in range(batch_runner.AT_ONCE)))
    opened, release, seen = memory.provider.open, asyncio.Event(), asyncio.Event()
    calls = 0

    async def slow(*args: Any, **kwargs: Any) -> Given:
        nonlocal calls
        calls += 1
        if calls == batch_runner.AT_ONCE:
            seen.set()
        await release.wait()
        return await opened(*args, **kwargs)

    monkeypatch.setattr(memory.provider, "open", slow)
    made = await started(memory, lines(20))
    path = f"/v1/batches/{made['id']}"
    async with running(memory):
        await asyncio.wait_for(seen.wait(), 20)
        assert (await memory.call(f"{path}/cancel")).json()["status"] == "cancelling"
        await asyncio.wait_for(_read(memory, made["id"], monkeypatch), 20)
        release.set()
        done = await ended(memory, path)
    assert (done["status"], done["request_counts"]["completed"]) == ("cancelled", batch_runner.AT_ONCE)
    assert len(await content(memory, done["output_file_id"])) == batch_runner.AT_ONCE
    assert (await memory.call(f"{path}/cancel")).json()["status"] == "cancelled"


async def _read(memory: Memory, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the runner has written the batch once more, and so has seen what others wrote."""
    noted, change = asyncio.Event(), memory.kept.change

    async def changed(*args: Any) -> bool:
        done = await change(*args)
        if done and args[1].id == id:
            noted.set()
        return done

    monkeypatch.setattr(memory.kept, "change", changed)
    await noted.wait()


async def test_what_is_not_answered_within_a_day_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    made = await started(memory, lines(3))
    later = memory.app.clock.now() + 90_000
    monkeypatch.setattr(type(memory.app.clock), "now", lambda _self: later)
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert (done["status"], done["request_counts"]) == ("expired", {"total": 3, "completed": 0, "failed": 3})
    assert [one["error"]["code"] for one in await content(memory, done["error_file_id"])] == ["batch_expired"] * 3


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"{}\n", "invalid_json_line", 1),
        (b"nothing\n", "invalid_json_line", 1),
        (lines(1) + lines(1), "duplicate_custom_id", 2),
        (lines(1, url="/v1/embeddings"), "invalid_url", 1),
        (lines(1, method="GET"), "invalid_url", 1),
        (lines(1, custom_id=5), "missing_required_parameter", 1),
        (lines(1, body="x"), "missing_required_parameter", 1),
        (lines(1, body={"stream": True}), "invalid_request", 1),
        (lines(30) + b"\xff", "invalid_json_line", 31),
    ],
)
async def test_an_input_that_is_wrong_fails_before_anything_is_asked(data: bytes, code: str, line: int | None) -> None:
    memory = Memory()
    made = await started(memory, data)
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert (done["status"], done["output_file_id"]) == ("failed", None)
    assert (done["errors"]["data"][0]["code"], done["errors"]["data"][0]["line"]) == (code, line)
    assert not memory.provider.sent


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"endpoint": "/v1/files"}, 400, "endpoint"),
        ({"completion_window": "1h"}, 400, "completion_window"),
        ({"metadata": 5}, 400, "metadata"),
        ({"input_file_id": "file-none"}, 404, "id"),
        ({"input_file_id": 5}, 400, "input_file_id"),
    ],
)
async def test_a_batch_that_cannot_be_made(fields: dict[str, Any], status: int, param: str) -> None:
    got = await started(Memory(), lines(1), **fields)
    assert got["error"]["param"] == param
    assert {"invalid_request_error": 400, "not_found_error": 404}[got["error"]["type"]] == status


async def test_a_key_that_is_gone_fails_its_lines() -> None:
    memory = Memory()
    made = await started(memory, lines(2))
    row = memory.kept.rows["default", made["id"]]
    memory.kept.rows["default", made["id"]] = msgspec.structs.replace(row, key="revoked")
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    errors = await content(memory, done["error_file_id"])
    assert [one["response"]["status_code"] for one in errors] == [401, 401]
    assert not memory.provider.sent


async def messages(memory: Memory, count: int, model: str = "anthropic/claude-big") -> Any:
    params = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    return (
        await memory.call("/v1/messages/batches", {"requests": [{"custom_id": f"m{n}", "params": params} for n in range(count)]})
    ).json()


async def test_message_batches_have_their_results_in_order() -> None:
    sorry = Given(b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}', status=400)
    memory = Memory(Given(MESSAGE), sorry)
    made = await messages(memory, 2)
    assert (made["type"], made["processing_status"], made["results_url"]) == ("message_batch", "in_progress", None)
    path = f"/v1/messages/batches/{made['id']}"
    assert (await memory.call(f"{path}/results", method="GET")).status == 404
    assert (await memory.call(path, method="DELETE")).status == 400
    async with running(memory):
        done = await ended(memory, path, "processing_status")
    counts = {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0}
    assert (done["request_counts"], done["results_url"]) == (counts, f"{path}/results")
    results = [json.loads(line) for line in (await memory.call(f"{path}/results", method="GET")).body.splitlines()]
    assert [one["custom_id"] for one in results] == ["m0", "m1"]
    assert {one["result"]["type"] for one in results} == {"succeeded", "errored"}
    assert (await memory.call("/v1/files", method="GET")).json()["data"] == []
    listed = (await memory.call("/v1/messages/batches", method="GET")).json()
    assert (listed["first_id"], listed["has_more"]) == (made["id"], False)
    assert (await memory.call(path, method="DELETE")).json() == {"id": made["id"], "type": "message_batch_deleted"}
    got = await memory.call(path, method="GET")
    assert (got.status, got.json()["type"]) == (404, "error")
    assert memory.kept.rows == {}


async def test_what_a_cancelled_message_batch_did_not_begin_is_told() -> None:
    memory = Memory()
    made = await messages(memory, 3)
    stopped = (await memory.call(f"/v1/messages/batches/{made['id']}/cancel")).json()
    assert stopped["processing_status"] == "canceling"
    async with running(memory):
        done = await ended(memory, f"/v1/messages/batches/{made['id']}", "processing_status")
    assert done["request_counts"]["canceled"] == 3
    body = (await memory.call(f"/v1/messages/batches/{made['id']}/results", method="GET")).body
    assert [json.loads(line)["result"] for line in body.splitlines()] == [{"type": "canceled"}] * 3


@pytest.mark.parametrize(
    "requests",
    [
        None,
        [],
        [5],
        [{"custom_id": "a"}],
        [{"custom_id": "", "params": {}}],
        [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}],
    ],
)
async def test_a_message_batch_that_cannot_be_made(requests: Any) -> None:
    got = await Memory().call("/v1/messages/batches", {"requests": requests})
    assert (got.status, got.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_another_tenants_batch_is_not_there() -> None:
    memory = Memory()
    ids = [(await started(memory, lines(1)))["id"], (await messages(memory, 1))["id"]]
    for id in ids:
        memory.kept.rows["other", id] = msgspec.structs.replace(memory.kept.rows.pop(("default", id)), org="other")
    for path, method in (
        (f"/v1/batches/{ids[0]}", "GET"),
        (f"/v1/batches/{ids[0]}/cancel", "POST"),
        (f"/v1/messages/batches/{ids[1]}", "GET"),
        (f"/v1/messages/batches/{ids[1]}", "DELETE"),
        (f"/v1/messages/batches/{ids[1]}/cancel", "POST"),
        (f"/v1/messages/batches/{ids[1]}/results", "GET"),
        (f"/v1/batches/{ids[1]}", "GET"),
    ):
        assert (await memory.call(path, method=method)).status == 404

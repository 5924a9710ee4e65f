"""Batches that their provider runs, with a provider in memory that has batches of its own."""

import json
from typing import Any

import msgspec
import pytest
from tests.unit.policy.values import key
from tests.unit.proxy.test_batch_runner import content, ended, lines, messages, running, started
from tests.unit.proxy.values import CLAUDE, GPT, KEY, Given, Memory

from tidegate.policy.limits.rules import Limit
from tidegate.policy.route import Planner
from tidegate.ports import UpstreamFailure
from tidegate.providers.spec import Price
from tidegate.proxy import batch_handed

PRICE = Price(input=2_000_000_000, output=8_000_000_000, source="https://prices.example", date="2026-01-01")
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}


def having(*given: Given | Exception, limits: tuple[Limit, ...] = ()) -> Memory:
    """Its providers have batches, at half the price."""
    memory = Memory(*given)
    made = memory.app.live.snapshot
    ups = {
        name: msgspec.structs.replace(up, spec=msgspec.structs.replace(up.spec, batch_percent=50)) for name, up in made.upstreams.items()
    }
    own = msgspec.structs.replace(key("tests", token=KEY), limits=limits)
    keys = dict.fromkeys(made.keys_by_digest, own)
    prices = {GPT: PRICE, CLAUDE: PRICE}
    memory.app.live.current = Planner(msgspec.structs.replace(made, upstreams=ups, keys_by_digest=keys, keys_by_id={}, prices=prices))
    return memory


def told(**fields: Any) -> Given:
    return Given(json.dumps(fields).encode())


def answers(count: int) -> bytes:
    return b"".join(
        json.dumps(
            {
                "id": f"r{number}",
                "custom_id": f"c{number}",
                "response": {"status_code": 200, "request_id": "x", "body": {"model": "gpt-9-batch", "usage": USAGE}},
                "error": None,
            }
        ).encode()
        + b"\n"
        for number in reversed(range(count))
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_handed, "POLL", 0)


async def test_lines_of_one_model_go_to_its_provider_at_its_rate() -> None:
    counts = {"total": 2, "completed": 1, "failed": 0}
    memory = having(
        UpstreamFailure("connect", "down"),
        told(id="file-theirs"),
        told(id="batch_theirs", status="validating"),
        told(id="batch_theirs", status="in_progress", request_counts=counts),
        Given(b"{}", status=503),
        told(id="batch_theirs", status="completed", output_file_id="file-out", request_counts={**counts, "completed": 2}),
        Given(answers(2)[:100], answers(2)[100:]),
    )
    made = await started(memory, lines(2))
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert (done["id"], done["status"], done["request_counts"]["completed"]) == (made["id"], "completed", 2)
    assert [one["custom_id"] for one in await content(memory, done["output_file_id"])] == ["c0", "c1"]
    sent = memory.provider.sent
    assert [(one.method, one.url.partition("/v1")[2]) for one in sent] == [
        ("POST", "/files"),
        ("POST", "/files"),
        ("POST", "/batches"),
        *[("GET", "/batches/batch_theirs")] * 3,
        ("GET", "/files/file-out/content"),
    ]
    assert b'"model":"gpt-9"' in sent[1].body
    assert b"openai/gpt-9" not in sent[1].body
    assert json.loads(sent[2].body) == {"input_file_id": "file-theirs", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert {one.headers["authorization"] for one in sent} == {"Bearer upstream-secret"}
    events = sorted(memory.ledger.events, key=lambda event: event.request_id)
    assert [(event.key_name, event.surface, event.target, event.model) for event in events] == [("tests", "batch", GPT, "gpt-9-batch")] * 2
    whole = (1000 * (PRICE.input or 0) + 500 * (PRICE.output or 0)) // 1_000_000
    assert [event.cost_nano for event in events] == [whole // 2] * 2
    assert "batch at 50 %" in (events[0].price_source or "")
    assert len({event.request_id for event in events}) == 2


async def test_message_batches_too() -> None:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-big", "content": [], "usage": {"input_tokens": 9}}
    results = [
        {"custom_id": "m1", "result": {"type": "errored", "error": {}}},
        {"custom_id": "m0", "result": {"type": "succeeded", "message": message}},
    ]
    counts = {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0}
    memory = having(
        told(id="msgbatch_theirs"),
        told(id="msgbatch_theirs", processing_status="ended", request_counts=counts),
        Given("\n".join(json.dumps(one) for one in results).encode()),
    )
    made = await messages(memory, 2)
    path = f"/v1/messages/batches/{made['id']}"
    async with running(memory):
        done = await ended(memory, path, "processing_status")
    assert (done["request_counts"]["succeeded"], done["request_counts"]["errored"]) == (1, 1)
    shown = [json.loads(line) for line in (await memory.call(f"{path}/results", method="GET")).body.splitlines()]
    assert shown == list(reversed(results))
    first = memory.provider.sent[0]
    assert (first.url.rpartition("/v1")[2], [one["params"]["model"] for one in json.loads(first.body)["requests"]]) == (
        "/messages/batches",
        ["claude-big", "claude-big"],
    )
    assert first.headers["anthropic-version"]
    assert [event.surface for event in memory.ledger.events] == ["message_batch"]


async def test_cancelling_is_told_to_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = having(
        told(id="f"),
        told(id="b"),
        told(id="b", status="in_progress"),
        Given(b'{"error":{"message":"it has ended"}}', status=400),
        told(id="b", status="cancelled", output_file_id="out", request_counts={}),
        Given(answers(1)),
    )
    made = await started(memory, lines(3))
    path, opened = f"/v1/batches/{made['id']}", memory.provider.open

    async def cancelling(*args: Any, **kwargs: Any) -> Given:
        if args[1].endswith("/batches/b") and kwargs["method"] == "GET" and len(memory.provider.sent) == 2:
            await memory.call(f"{path}/cancel")
        return await opened(*args, **kwargs)

    monkeypatch.setattr(memory.provider, "open", cancelling)
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert (done["status"], done["request_counts"]["completed"]) == ("cancelled", 1)
    assert [sent.method for sent in memory.provider.sent if sent.url.endswith("/b/cancel")] == ["POST"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([Given(b'{"error":{"message":"no batches for you"}}', status=403)], "no batches for you"),
        ([Given(b'{"error":{"message":"the key upstream-secret is wrong"}}', status=401)], "the key *** is wrong"),
        ([told(id="f"), UpstreamFailure("headers", "reset")], "did not say"),
        ([told(id="f"), told(id="b"), told(status="failed", errors={"data": [{"message": "line 1 is bad"}]})], "line 1 is bad"),
    ],
)
async def test_a_provider_that_does_not_run_it_fails_the_batch(given: list[Given | Exception], why: str) -> None:
    memory = having(*given)
    made = await started(memory, lines(1))
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert done["status"] == "failed"
    assert why in done["errors"]["data"][0]["message"]
    assert memory.ledger.events == []


async def test_a_batch_is_handed_over_once() -> None:
    """Not again by the process after one that was killed in between: it may cost twice."""
    memory = having()
    made = await started(memory, lines(1))
    row = memory.kept.rows["default", made["id"]]
    body = {**json.loads(row.body), "status": "in_progress", "provider": "openai", "model": "gpt-9", "is_handed_over": True}
    memory.kept.rows["default", made["id"]] = msgspec.structs.replace(row, body=json.dumps(body).encode())
    async with running(memory):
        done = await ended(memory, f"/v1/batches/{made['id']}")
    assert (done["status"], memory.provider.sent) == ("failed", [])


@pytest.mark.parametrize("case", ["two models", "limits", "route", "other dialect", "a file"])
async def test_everything_else_is_run_here(case: str) -> None:
    limits = (Limit(id="l", kind="key", what="requests", per="minute", amount=100),) if case == "limits" else ()
    memory = having(*(Given(b"{}", status=400) for _ in range(4)), limits=limits)
    model = {"route": "two", "other dialect": CLAUDE}.get(case, GPT)
    data = lines(1, model) if case != "two models" else lines(1) + lines(2, "openai/other").splitlines(keepends=True)[1]
    if case == "a file":
        line = json.loads(data)
        line["body"]["messages"][0]["content"] = [{"type": "file", "file": {"file_id": "file-anothers"}}]
        data = json.dumps(line).encode()
    made = await started(memory, data)
    async with running(memory):
        await ended(memory, f"/v1/batches/{made['id']}")
    assert all("/chat/completions" in sent.url or "/messages" in sent.url for sent in memory.provider.sent)
    assert not any(sent.url.endswith("/batches") for sent in memory.provider.sent)

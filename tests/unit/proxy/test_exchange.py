"""Every way in which an attempt can end, with a provider in memory; what goes over sockets is in tests/e2e."""

import asyncio
import json
from typing import Any

import pytest
from tests.support.client import MemoryClient
from tests.support.waiting import soon
from tests.unit.proxy.values import CLAUDE, DONE, GPT, JSON, KEY, SSE, STREAM, USAGE, WHOLE, Given, Memory, Slow, chunk, silence

from tidegate.policy.snapshot import ServerSettings
from tidegate.ports import UpstreamFailure


def data(body: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ") and line != b"data: [DONE]"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (silence(), 504, "upstream_timeout"),
        (UpstreamFailure("connect", "no connection within 5 s", timeout=True), 502, "upstream_unreachable"),
        (UpstreamFailure("connect", "refused"), 502, "upstream_unreachable"),
        (UpstreamFailure("headers", "reset"), 502, "upstream_broken"),
    ],
)
async def test_a_provider_that_gives_no_head(failure: UpstreamFailure, status: int, code: str, stream: bool) -> None:
    memory = Memory(failure)
    got = await memory.chat(stream=stream)
    assert (got.status, got.json()["error"]["code"]) == (status, code)
    (event,) = memory.ledger.events
    assert (event.status, event.upstream_status, event.usage) == (status, None, None)


async def test_silence_after_the_head_of_a_stream_is_a_status_and_after_content_an_event() -> None:
    memory = Memory(Given(silence("body"), headers=SSE), Given(*STREAM[:2], silence("body"), headers=SSE))
    assert (await memory.chat(stream=True)).status == 504
    got = await memory.chat(stream=True)
    assert (got.status, got.complete) == (200, True)
    assert got.body.startswith(b"".join(STREAM[:2]))
    assert data(got.body)[-1]["error"]["code"] == "upstream_timeout"
    assert DONE not in got.body
    assert [event.status for event in memory.ledger.events] == [504, 200]
    assert [(event.error or "").partition(":")[0] for event in memory.ledger.events] == ["timeout", "timeout"]


@pytest.mark.parametrize("route", ["two", "flip"])
async def test_silence_goes_to_the_next_target(route: str) -> None:
    memory = Memory(silence(), Given(WHOLE))
    got = await memory.chat(route)
    assert (got.status, got.json()["choices"][0]["message"]["content"]) == (200, "Hello")
    assert [event.status for event in memory.ledger.events] == [504, 200]


async def test_a_stream_that_a_provider_answers_whole_is_told_as_a_stream() -> None:
    for call in (Memory(Given(WHOLE)).chat, Memory(Given(WHOLE)).message):
        got = await call(GPT, stream=True)
        assert got.headers["content-type"].startswith("text/event-stream")
        assert "Hello" in json.dumps(data(got.body))


async def test_an_answer_that_a_provider_streams_unasked_is_told_whole() -> None:
    chat = await Memory(Given(*STREAM, headers=SSE)).chat()
    assert chat.json()["choices"][0]["message"]["content"] == "Hello"
    message = await Memory(Given(*STREAM, headers=SSE)).message(GPT)
    assert message.json()["content"] == [{"type": "text", "text": "Hello"}]


@pytest.mark.parametrize("asked", [True, False])
async def test_the_usage_of_a_stream_is_asked_for_and_shown_to_those_who_asked(asked: bool) -> None:
    memory = Memory(Given(*STREAM, headers=SSE))
    options: Any = {"stream_options": {"include_usage": True}} if asked else {}
    got = await memory.chat(stream=True, **options)
    assert json.loads(memory.provider.sent[0].body)["stream_options"] == {"include_usage": True}
    assert got.body == b"".join(STREAM if asked else STREAM[:3] + STREAM[4:])
    usage = memory.ledger.events[0].usage
    assert usage is not None
    assert (usage["input"], usage["output"]) == (3, 1)


async def test_usage_without_its_blank_line_is_hidden_too() -> None:
    got = await Memory(Given(*STREAM[:3], STREAM[3].rstrip(), headers=SSE)).chat(stream=True)
    assert got.body == b"".join(STREAM[:3])


async def test_bytes_pass_under_any_split() -> None:
    whole = b"".join(STREAM)
    for size in (1, 7, 1000):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        got = await Memory(Given(*pieces, headers=SSE)).chat(stream=True, stream_options={"include_usage": True})
        assert got.body == whole


async def test_an_event_without_end_is_an_error() -> None:
    memory = Memory(Given(*STREAM[:2], b"data: ", *[b"x" * (1 << 20)] * 17, headers=SSE))
    got = await memory.chat(stream=True)
    assert data(got.body)[-1]["error"]["code"] == "upstream_event_too_long"
    assert (got.complete, len(got.body) < 10_000) == (True, True)


async def test_half_an_event_at_the_end_is_not_forwarded() -> None:
    got = await Memory(Given(STREAM[0], STREAM[1], STREAM[2][:40], headers=SSE)).chat(stream=True)
    assert got.body.startswith(STREAM[0] + STREAM[1] + b'data: {"error"')
    assert data(got.body)[-1]["error"]["code"] == "upstream_stream_interrupted"


async def test_nothing_goes_out_before_the_first_content_while_another_target_could_follow() -> None:
    memory = Memory(Given(STREAM[0], UpstreamFailure("body", "reset"), headers=SSE), Given(*STREAM, headers=SSE))
    got = await memory.chat("two", stream=True, stream_options={"include_usage": True})
    assert got.body == b"".join(STREAM)
    assert [sent.provider for sent in memory.provider.sent] == ["openai", "second"]


async def test_an_error_with_status_200_goes_to_the_next_target_and_on_the_last_becomes_an_error() -> None:
    odd = Given(b'{"error": {"message": "overloaded", "code": 529}}')
    memory = Memory(odd, Given(WHOLE))
    assert (await memory.chat("two")).body == WHOLE
    told = b'{"error": {"message": "overloaded", "code": 529}}'
    memory = Memory(Given(told))
    got = await memory.chat()
    assert (got.status, got.json()["error"]["message"]) == (529, "overloaded")
    assert "overloaded" in (memory.ledger.events[0].error or "")


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_an_error_that_begins_a_stream_of_the_last_target_is_an_error_however_its_bytes_are_cut(size: int) -> None:
    told = b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'
    memory = Memory(Given(*[told[at : at + size] for at in range(0, len(told), size)], headers=SSE))
    got = await memory.chat(stream=True)
    assert (got.status, got.json()["error"]["message"]) == (529, "overloaded")
    assert "overloaded" in (memory.ledger.events[0].error or "")
    assert (await Memory(Given(told, headers=SSE)).message(GPT, stream=True)).status == 529


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_an_error_after_the_beginning_of_a_last_target_s_stream_is_an_event_however_its_bytes_are_cut(size: int) -> None:
    given = STREAM[0] + b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'
    memory = Memory(Given(*[given[at : at + size] for at in range(0, len(given), size)], headers=SSE))
    got = await memory.chat(stream=True)
    assert (got.status, got.body, got.complete) == (200, given, True)
    assert "overloaded" in (memory.ledger.events[0].error or "")


@pytest.mark.parametrize("odd", [b'"logprobs":{"content":[{"logprob":-Infinity}]}', b'"x":"\\ud83d"', b'"x":"a\tb"', b'"x":"\xff"'])
async def test_what_clients_read_passes_though_it_is_no_json(odd: bytes) -> None:
    body = WHOLE.replace(b"{", b"{" + odd + b",", 1)
    memory = Memory(Given(body, headers=JSON))
    got = await memory.chat()
    assert (got.status, got.body) == (200, body)
    assert memory.ledger.events[0].usage is not None
    assert (await Memory(Given(body, headers=JSON)).message(GPT)).json()["content"] == [{"type": "text", "text": "Hello"}]


async def test_a_whole_answer_that_is_no_json_is_an_error() -> None:
    got = await Memory(Given(b"<html>", headers=JSON)).chat()
    assert (got.status, got.json()["error"]["code"]) == (502, "upstream_invalid_response")


async def test_every_answer_is_closed() -> None:
    for given in (
        Given(WHOLE),
        Given(b'{"error": {"message": "m"}}', status=500),
        Given(*STREAM, headers=SSE),
        Given(STREAM[0], UpstreamFailure("body", "reset"), headers=SSE),
    ):
        await Memory(given).chat(stream=given.headers is SSE)
        assert given.closed


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bug_of_ours_is_an_error_of_the_client_s_dialect_and_on_the_ledger(stream: bool) -> None:
    pieces = (*STREAM[:2], RuntimeError("a bug")) if stream else (RuntimeError("a bug"),)
    memory = Memory(Given(*pieces, headers=SSE if stream else JSON))
    got = await memory.chat(stream=stream)
    assert got.complete
    if stream:
        assert data(got.body)[-1]["error"]["type"] == "server_error"
        assert DONE not in got.body
    else:
        assert (got.status, got.json()["error"]["type"]) == (500, "server_error")
    assert "a bug" not in got.body.decode()
    (event,) = memory.ledger.events
    assert event.error == "internal: the gateway failed: RuntimeError"
    assert event.status == (200 if stream else 500)


async def test_bodies_are_kept_only_where_they_are_switched_on() -> None:
    memory = Memory(Given(WHOLE))
    await memory.chat()
    assert (memory.ledger.events[0].request_body, memory.ledger.events[0].response_body) == (None, None)
    memory = Memory(Given(*STREAM, headers=SSE), server=ServerSettings(bodies_in_log=True))
    got = await memory.chat(stream=True)
    assert memory.ledger.events[0].response_body == got.body.decode()
    assert '"content": "Hi"' in (memory.ledger.events[0].request_body or "")


async def test_the_ledger_tells_times_and_names() -> None:
    memory = Memory(Given(WHOLE))
    await memory.chat()
    (event,) = memory.ledger.events
    assert (event.request_id, event.attempt, event.key_name, event.route, event.target) == ("req_id1", 1, "tests", GPT, GPT)
    assert (event.surface, event.provider, event.model, event.at) == ("chat_completions", "openai", "gpt-9", 1_700_000_000.0)
    assert event.first_byte_ms is not None
    assert event.duration_ms > event.first_byte_ms > 0


async def test_long_receipts_are_cut_at_a_whole_loss() -> None:
    tools = [{"type": "function", "function": {"name": f"t{n}", "parameters": {"type": "object"}}, "odd": n} for n in range(40)]
    memory = Memory(
        Given(
            b'{"type":"message","id":"m","model":"c","role":"assistant","content":[{"type":"text","text":"x"}],'
            b'"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}'
        )
    )
    got = await memory.chat(CLAUDE, tools=tools)
    receipt = got.headers["x-tidegate-receipt"]
    assert len(receipt) < 600
    assert receipt.endswith(" more")
    assert len(memory.ledger.events[0].receipt) >= 40


async def test_an_error_of_a_provider_keeps_its_status_and_its_bytes_within_the_dialect() -> None:
    body = b'{ "error": {"message": "no", "type": "x", "param": null, "code": "y"}}'
    got = await Memory(Given(body, status=418)).chat()
    assert (got.status, got.body) == (418, body)
    other = await Memory(Given(body, status=418)).message(GPT)
    assert (other.status, other.json()["error"]["message"]) == (418, "no")


async def test_an_error_of_a_provider_that_is_no_json_becomes_one() -> None:
    got = await Memory(Given(b"<html>Bad gateway</html>", status=502, headers={"content-type": "text/html"})).chat()
    assert got.status == 502
    assert got.json()["error"]["message"]


async def test_content_type_and_usage_of_odd_chunks() -> None:
    odd = (chunk({"content": "a"}, usage=None), chunk({}, "stop", usage=USAGE), DONE)
    memory = Memory(Given(*odd, headers={"content-type": "text/event-stream;charset=UTF-8"}))
    got = await memory.chat(stream=True)
    assert got.headers["content-type"] == "text/event-stream;charset=UTF-8"
    assert got.body == b"".join(odd)
    assert memory.ledger.events[0].usage is not None


@pytest.mark.parametrize("status", [302, 600, 999])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_that_is_neither_an_answer_nor_an_error_is_502(status: int, stream: bool) -> None:
    for call in (Memory(Given(WHOLE, status=status)).chat, Memory(Given(WHOLE, status=status)).message):
        got = await call(GPT, stream=stream)
        assert got.status == 502
        assert f"status {status}" in got.json()["error"]["message"]


async def test_an_answer_with_another_good_status_is_an_answer() -> None:
    memory = Memory(Given(WHOLE, status=201))
    got = await memory.chat()
    assert (got.status, got.json()["choices"][0]["message"]["content"]) == (201, "Hello")
    (event,) = memory.ledger.events
    assert (event.error, event.usage is not None) == (None, True)


async def test_a_key_that_the_provider_repeats_does_not_reach_the_client() -> None:
    first = Memory(Given(WHOLE))
    await first.chat()
    key = first.provider.sent[0].headers["authorization"].removeprefix("Bearer ")
    assert len(key) >= 8
    refused = {"error": {"message": f"Incorrect API key provided: {key}", "type": "invalid_request_error"}}
    for call in (
        Memory(Given(json.dumps(refused).encode(), status=401)).chat,
        Memory(Given(json.dumps(refused).encode(), status=401)).message,
    ):
        got = await call(GPT)
        assert got.status == 401
        assert key.encode() not in got.body
        assert got.json()["error"]["message"] == "Incorrect API key provided: ***"


@pytest.mark.parametrize("whole", [True, False])
async def test_nothing_follows_the_terminator_within_one_dialect(whole: bool) -> None:
    late = (b": more\n\n", chunk({"content": "late"}), DONE)
    pieces = (b"".join((*STREAM, *late)),) if whole else (*STREAM, *late)
    memory = Memory(Given(*pieces, headers=SSE))
    got = await memory.chat(stream=True, stream_options={"include_usage": True})
    assert got.body == b"".join(STREAM)
    events = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":1}}}\n\n',
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    )
    pieces = (b"".join((*events, *late)),) if whole else (*events, *late)
    assert (await Memory(Given(*pieces, headers=SSE)).message(stream=True)).body == b"".join(events)


async def test_a_client_that_reads_slowly_is_waited_for() -> None:
    memory = Memory(Given(*STREAM, headers=SSE))
    body = json.dumps({"model": GPT, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    client = MemoryClient("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}"}, body)
    client.congested_after = 1
    await memory.gateway(client)
    assert client.waits >= 3
    assert client.complete
    assert client.sent.endswith(DONE)


@pytest.mark.parametrize(("offset", "status"), [(0.0, 200), (29.0, 200), (-31.0, 503), (3600.0, 503)])
async def test_a_gateway_whose_clock_is_wrong_is_not_ready_and_serves(offset: float, status: int) -> None:
    memory = Memory(Given(WHOLE))
    memory.app.live.clock_offset = offset
    assert (await memory.call("/health/ready", method="GET")).status == status
    assert (await memory.chat()).status == 200


@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_call_that_the_end_of_the_process_cuts_is_told_so(begun: bool, key: str | None) -> None:
    given = Slow(*STREAM, headers=SSE)
    memory = Memory(given)
    body = json.dumps({"model": GPT, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    headers = {"authorization": f"Bearer {KEY}"} | ({"idempotency-key": key} if key is not None else {})
    client = MemoryClient("POST", "/v1/chat/completions", headers, body)
    running = asyncio.create_task(memory.gateway(client))
    given.go(2 if begun else 0)
    await soon(lambda: memory.provider.sent and bool(client.sent) is begun)
    memory.gateway.ending()
    assert (await memory.call("/health/ready", method="GET")).status == 503
    memory.gateway.cutting()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await memory.app.onces.aclose()
    assert client.complete
    assert client.status == (200 if begun else 503)
    told = data(client.sent)[-1] if begun else client.json()
    assert told["error"]["code"] == "gateway_draining"
    assert DONE not in client.sent
    (event,) = memory.ledger.events
    assert (event.status, event.estimated) == (200 if begun else 503, "gateway_draining")
    assert given.closed


async def test_names_that_callers_invent_are_no_labels() -> None:
    memory = Memory(*(Given(WHOLE) for _ in range(4)))
    for name in ("openai/one", "openai/two", GPT, "two"):
        assert (await memory.chat(name)).status == 200
    page = memory.app.metrics.render()[0].decode()
    assert 'tidegate_attempts_total{route="other",status="200",target="openai/other"} 2.0' in page
    assert 'tidegate_attempts_total{route="two",status="200",target="openai/gpt-9"} 1.0' in page
    assert f'tidegate_attempts_total{{route="{GPT}",status="200",target="{GPT}"}} 1.0' in page
    assert "openai/one" not in page
    assert [event.route for event in memory.ledger.events[:2]] == ["openai/one", "openai/two"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_a_stream_that_breaks_says_so_and_names_its_request(path: str) -> None:
    asked = {"messages": [{"role": "user", "content": "Hi"}]} if path.endswith("completions") else {"input": "Hi"}
    memory = Memory(Given(*STREAM[:2], UpstreamFailure("body", "reset"), headers=SSE))
    got = await memory.call(path, {"model": "second/gpt-9", "stream": True, **asked})
    said = json.loads(got.body.strip().rpartition(b"data: ")[2])["error"]
    assert (said["code"], said["request_id"]) == ("upstream_stream_interrupted", got.headers["x-request-id"])
    assert b"[DONE]" not in got.body

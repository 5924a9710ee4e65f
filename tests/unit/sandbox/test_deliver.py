"""Over real sockets: pacing, cuts and counting, in both wire formats."""

import asyncio
import json
import time
from typing import Any

import pytest
from tests.unit.sandbox.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, Connection, Raw, ask_anthropic, ask_openai, attempt

from tidegate.sandbox.app import create_app
from tidegate.sandbox.server import Running

ASK = {"openai": ask_openai, "anthropic": ask_anthropic}
BOTH = pytest.mark.parametrize("dialect", ["openai", "anthropic"])


def text(raw: Raw) -> str:
    found = ""
    for event in raw.events:
        if event == "[DONE]":
            continue
        found += event.get("delta", {}).get("text", "")
        for choice in event.get("choices", []):
            found += choice["delta"].get("content") or ""
    return found


@BOTH
@pytest.mark.parametrize(
    ("mode", "stream", "die_at", "ended"),
    [
        ("rst", True, 4, "reset"),
        ("rst", True, 0, "reset"),
        ("rst", True, -1, "reset"),
        ("rst", False, 0, "reset"),
        ("rst", False, 1, "reset"),
        ("fin", True, 4, "short"),
        ("fin", True, 0, "short"),
        ("fin", True, -1, "short"),
        ("fin", False, 0, "short"),
        ("fin", False, 1, "short"),
        ("garbage", True, 4, "whole"),
        ("garbage", False, 0, "whole"),
        ("garbage_wire", True, 4, "garbled"),
        ("garbage_wire", False, -1, "garbled"),
        ("stall", True, 4, "short"),
        ("stall", False, 0, "short"),
    ],
)
async def test_cuts(sandbox: Running, dialect: str, mode: str, stream: bool, die_at: int, ended: str) -> None:
    model = f"{dialect}-{mode}-{stream}-{die_at}"
    raw = await ASK[dialect](sandbox, {"n": 9, "mode": mode, "die_at": die_at, "stall_ms": 20}, model=model, stream=stream)
    assert raw.ended == ended
    assert raw.status == (0 if die_at == -1 else 200)
    record = await attempt(sandbox, model)
    assert record["end"] == mode
    assert record["usage"] is None
    if stream and ended == "short" and die_at == 4:
        assert len(raw.events) == 4
        assert record["tokens"] == sum(1 for word in text(raw).split())


@BOTH
async def test_every_place_to_die_leaves_a_prefix_of_the_whole_stream(sandbox: Running, dialect: str) -> None:
    whole = await ASK[dialect](sandbox, {"n": 5, "seed": 3}, stream=True)
    for index in range(len(whole.events)):
        cut = await ASK[dialect](sandbox, {"n": 5, "seed": 3, "mode": "fin", "die_at": index}, stream=True)
        assert [shape(event) for event in cut.events] == [shape(event) for event in whole.events[:index]]


def shape(event: Any) -> Any:
    """An event without what the script's own length changes."""
    return event if event == "[DONE]" else {name: value for name, value in event.items() if name not in {"id", "message", "usage"}}


@BOTH
async def test_a_stream_may_die_beyond_its_end(sandbox: Running, dialect: str) -> None:
    raw = await ASK[dialect](sandbox, {"n": 2, "mode": "fin", "die_at": 500}, stream=True)
    assert raw.ended == "short"
    assert len(text(raw).split()) == 2


@BOTH
async def test_an_error_in_the_stream_ends_it_without_a_terminator(sandbox: Running, dialect: str) -> None:
    raw = await ASK[dialect](sandbox, {"n": 5, "error_in_stream": "overloaded_error", "die_at": 3}, stream=True)
    assert raw.ended == "whole"
    assert len(raw.events) == 4
    assert raw.events[-1]["error"]["type"] == "overloaded_error"


@BOTH
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_chunks_change_nothing(sandbox: Running, dialect: str, size: int) -> None:
    for stream in (True, False):
        raw = await ASK[dialect](sandbox, {"text": "ünï ☃ çode", "chunk": size}, stream=stream)
        assert raw.ended == "whole"
        assert "ünï ☃ çode" in (text(raw) if stream else raw.body.decode())


@BOTH
@pytest.mark.parametrize("stream", [True, False])
async def test_times_are_waited(sandbox: Running, dialect: str, stream: bool) -> None:
    started = time.perf_counter()
    await ASK[dialect](sandbox, {"n": 5, "header_delay_ms": 30, "ttft_ms": 30, "gap_ms": 10}, stream=stream)
    assert time.perf_counter() - started >= 0.095


@BOTH
@pytest.mark.parametrize(("stream", "script"), [(True, {"gap_ms": 5}), (False, {"gap_ms": 5}), (True, {"mode": "stall", "die_at": 9})])
async def test_tokens_are_counted_until_the_client_goes(sandbox: Running, dialect: str, stream: bool, script: Any) -> None:
    model = f"gone-{dialect}-{stream}-{len(script)}"
    asking = asyncio.create_task(ASK[dialect](sandbox, {"n": 5000, **script}, model=model, stream=stream))
    await asyncio.sleep(0.15)
    asking.cancel()
    await asyncio.wait([asking])
    record = await attempt(sandbox, model)
    assert record["end"] == "client_gone"
    assert 0 < record["tokens"] < 5000 if script.get("gap_ms") else record["tokens"] < 9


async def test_a_client_that_goes_before_the_head_is_seen(sandbox: Running) -> None:
    asking = asyncio.create_task(ask_openai(sandbox, {"n": 5, "header_delay_ms": 60_000}, model="gone-early"))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.wait([asking])
    assert (await attempt(sandbox, "gone-early"))["tokens"] == 0


async def test_hundreds_of_streams_at_once_keep_their_own_words(sandbox: Running) -> None:
    async def one(number: int) -> str:
        return text(await ask_openai(sandbox, {"text": f"nonce{number} ", "n": 40, "gap_ms": 2}, stream=True))

    texts = await asyncio.gather(*map(one, range(200)))
    assert texts == [f"nonce{number} " * 40 for number in range(200)]


async def test_a_connection_carries_many_requests(sandbox: Running) -> None:
    connection = await Connection.open(sandbox)
    for number in range(5):
        asked = {"model": "echo", "max_tokens": 99, "messages": [{"role": "user", "content": f"n{number}"}], "stream": number % 2 == 1}
        body = json.dumps(asked).encode()
        await connection.send("/v1/chat/completions", body, OPENAI_HEADERS)
        assert f"n{number}" in (await connection.answer()).body.decode()
        await connection.send("/v1/messages", body, ANTHROPIC_HEADERS)
        assert f"n{number}" in (await connection.answer()).body.decode()
    await connection.close()


async def test_a_body_of_megabytes_is_read(sandbox: Running) -> None:
    raw = await ask_anthropic(sandbox, "x" * 3_000_000 + ' {"n": 2}')
    assert raw.json["usage"]["output_tokens"] == 2
    assert raw.json["usage"]["input_tokens"] > 700_000


async def call_in_process(script: str) -> tuple[list[dict[str, Any]], BaseException | None]:
    body = f'{{"model":"m","stream":true,"messages":[{{"role":"user","content":"{script}"}}]}}'.encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"", "headers": []}
    try:
        await create_app()(scope, receive, send)
    except ConnectionResetError as error:
        return sent, error
    return sent, None


@pytest.mark.parametrize("mode", ["rst", "fin", "garbage_wire", "stall"])
async def test_in_process_a_cut_is_an_exception(mode: str) -> None:
    sent, error = await call_in_process(f'{{\\"n\\":5,\\"mode\\":\\"{mode}\\",\\"die_at\\":3,\\"stall_ms\\":1}}')
    assert mode in str(error)
    assert sent[0]["status"] == 200
    assert sent[-1]["more_body"]


async def test_in_process_a_whole_stream_ends() -> None:
    sent, error = await call_in_process('{\\"n\\":5}')
    assert error is None
    assert b"[DONE]" in b"".join(message.get("body", b"") for message in sent)
    assert not sent[-1]["more_body"]

"""Same dialect on both sides: the provider receives the client's bytes but for what is declared, and the client the provider's."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.conformance.replay.asks import CLIENTS, PATHS, recorded, stands_alone, written
from tests.conformance.replay.client import Client, Replay, Reply, connected, for_all, understood
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange

RETURNED = re.compile(
    r"content-(type|length)|transfer-encoding|date|server|connection|cache-control|x-accel-buffering|x-request-id|request-id|"
    r"retry-after(-ms)?|x-should-retry|x-tidegate-(target|receipt|config-gen|price|upstream-[\w-]+)"
)
SENT = re.compile(
    r"host|content-(type|length)|user-agent|accept|accept-encoding|authorization|x-api-key|anthropic-(version|beta)|openai-[\w-]+|x-stainless-[\w-]+"
)
_USAGE = re.compile(rb',?\s*"stream_options"\s*:\s*\{\s*"include_usage"\s*:\s*true\s*\},?\s*')
pytestmark = pytest.mark.programme("T-ST-1", of="recorded answers, whole, in random pieces and byte by byte")
_EVENT = re.compile(rb".*?(?:\r\n\r\n|\n\n|\Z)", re.DOTALL)


@pytest.mark.parametrize("cut", ["whole", "random:11"])
@pytest.mark.parametrize("dialect", [dialect for dialect in CLIENTS if dialect != "gemini"])
async def test_bytes_pass_untouched(replay: Replay, dialect: str, cut: str, record_property: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == dialect and in_its_form(exchange) and stands_alone(exchange)]
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            return await _passed(client, exchange, recorded(exchange, ""), cut)

        check(f"identity {dialect} {cut}", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


async def test_usage_that_was_not_asked_for_is_taken_out_and_nothing_else(
    replay: Replay, record_property: Callable[[str, object], None]
) -> None:
    exchanges = [exchange for exchange in replay.cores if _asks_usage(exchange.request) and exchange.streamed and exchange.status == 200]
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            body = recorded(exchange, "")
            del body["stream_options"]
            return await _passed(client, exchange, body, "random:5")

        check("identity openai_chat usage unasked", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


async def test_bytes_pass_untouched_byte_by_byte(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    small = [exchange for exchange in replay.cores if exchange.streamed and len(exchange.answer) < 5000 and exchange.dialect != "gemini"]
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            return await _passed(client, exchange, recorded(exchange, ""), "bytes:1")

        check("identity byte by byte", small[::8], await for_all(small[::8], one), record_property, floor=1.0)


async def _passed(client: Client, exchange: Exchange, body: dict[str, Any], cut: str) -> list[str]:
    number, name = client.named(exchange, cut)
    body["model"] = f"lab-{exchange.dialect}/{name}"
    sent = written(exchange, body)
    headers = {"anthropic-beta": "beta-of-tomorrow-2031-01-01", "cookie": "session=1", "x-secret": "1", "anthropic-version": "2023-06-01"}
    reply = await client.post(exchange.dialect, sent, number, headers)
    return [*_request_flaws(exchange, sent, name, reply), *answer_flaws(exchange, body, reply), *_header_flaws(exchange, reply)]


def in_its_form(exchange: Exchange) -> bool:
    """Not a whole answer to a request for a stream: the gateway turns it, and test_answers has it."""
    return exchange.asked_stream == exchange.streamed or exchange.status != 200


def _asks_usage(request: dict[str, Any] | None) -> bool:
    return bool(((request or {}).get("stream_options") or {}).get("include_usage"))


def _request_flaws(exchange: Exchange, sent: bytes, name: str, reply: Reply) -> list[str]:
    if reply.seen is None:
        return [f"the provider was not asked: {reply.status} {reply.body[:300]!r}"]
    wanted = sent.replace(f'"lab-{exchange.dialect}/{name}"'.encode(), f'"{name}"'.encode())
    got = reply.seen.body
    if got == wanted:
        return []
    request = json.loads(wanted)
    if exchange.dialect == "openai_chat" and request.get("stream") and not _asks_usage(request):
        options = request.get("stream_options")
        if options is None and _USAGE.sub(b"", got, count=1).strip(b"} \n") == wanted.strip(b"} \n"):
            return []
        if options is not None and json.loads(got) == request | {"stream_options": options | {"include_usage": True}}:
            return []
    at = next((place for place, (one, other) in enumerate(zip(got, wanted, strict=False)) if one != other), min(len(got), len(wanted)))
    return [f"the provider received {_around(got, at)} for {_around(wanted, at)}"]


def answer_flaws(exchange: Exchange, body: dict[str, Any], reply: Reply) -> list[str]:
    """How the answer differs from the provider's bytes."""
    flaws: list[str] = []
    if reply.status >= 400 and exchange.streamed and "stream_error" in exchange.kinds:
        # A stream that begins with an error is answered as one.
        return understood(exchange.dialect, reply, stream=False).flaws
    if reply.status != exchange.status:
        flaws.append(f"status {reply.status}, the provider said {exchange.status}")
    kind = "text/event-stream" if exchange.streamed else "application/json"
    if not reply.headers.get("content-type", "").startswith(kind):
        flaws.append(f"content-type {reply.headers.get('content-type')}")
    wanted = exchange.answer if _asks_usage(body) else _without_usage_events(exchange)
    if not exchange.answer:
        # A refusal without a body: the gateway says it in the dialect.
        answer = understood(exchange.dialect, reply, stream=False)
        return answer.flaws
    if reply.body != wanted:
        both = enumerate(zip(reply.body, wanted, strict=False))
        at = next((place for place, (one, other) in both if one != other), min(len(reply.body), len(wanted)))
        flaws.append(f"the client received {_around(reply.body, at)} for {_around(wanted, at)}")
    return flaws


def _without_usage_events(exchange: Exchange) -> bytes:
    """The stream without the events that OpenAI sends only where `include_usage` is set."""
    if exchange.dialect != "openai_chat" or not exchange.streamed:
        return exchange.answer
    return b"".join(event for event in _EVENT.findall(exchange.answer) if not _is_usage_only(event))


def _is_usage_only(event: bytes) -> bool:
    line = next((line for line in event.splitlines() if line.startswith(b"data: {")), None)
    if line is None:
        return False
    chunk = json.loads(line[6:])
    return chunk.get("choices") == [] and bool(chunk.get("usage"))


def _header_flaws(exchange: Exchange, reply: Reply) -> list[str]:
    flaws = [f"the answer has the header {name}" for name in reply.headers if not RETURNED.fullmatch(name)]
    if reply.headers.get("x-tidegate-receipt") != "identity" and reply.status == 200:
        flaws.append(f"receipt {reply.headers.get('x-tidegate-receipt')}")
    if reply.seen is not None:
        headers = reply.seen.headers
        flaws += [f"the provider was sent the header {name}" for name in headers if not SENT.fullmatch(name)]
        flaws += [f"the provider was sent a credential in {name}" for name, value in headers.items() if "tgk_" in value]
        if exchange.dialect == "anthropic" and headers.get("anthropic-beta") != "beta-of-tomorrow-2031-01-01":
            flaws.append("the beta header is lost")
        path = f"/lab{PATHS[exchange.dialect]}"
        if reply.seen.path != path:
            flaws.append(f"the provider was asked at {reply.seen.path}")
    return flaws


def _around(data: bytes, at: int) -> str:
    return repr(data[max(0, at - 40) : at + 80])

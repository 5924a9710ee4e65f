"""Gemini on both sides, by the rows of both of Google's providers, and Claude on Vertex AI: the provider receives the client's bytes at
Google's address, and the client the provider's."""

import json
from collections.abc import Callable
from urllib.parse import unquote

import pytest
from tests.conformance.replay.asks import google_url, recorded, written
from tests.conformance.replay.client import Replay, Reply, connected, for_all
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange

PLACES = {
    "lab-gemini": "/lab/v1beta/models/",
    "gemini": "/gemini/v1beta/models/",
    "vertex": "/v1beta1/projects/p/locations/global/publishers/google/models/",
}
SECRET = "provider-secret"


@pytest.mark.parametrize("cut", ["whole", "random:11"])
@pytest.mark.parametrize("provider", PLACES)
async def test_bytes_pass_untouched(replay: Replay, provider: str, cut: str, record_property: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == "gemini" and _in_its_form(exchange)]
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            number, name = client.named(exchange, cut)
            body = recorded(exchange, "")
            del body["model"]
            sent = written(exchange, body)
            path = google_url(f"{provider}/{name}", stream=exchange.asked_stream)
            reply = await client.post_to(path, sent, number, {"x-goog-api-client": "test"})
            return [*_sent_flaws(exchange, sent, PLACES[provider] + name, reply), *_answer_flaws(exchange, reply, exchange.answer)]

        check(f"identity gemini at {provider} {cut}", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


async def test_without_events_the_same_answers_are_an_array(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == "gemini" and exchange.streamed]
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            number, name = client.named(exchange, "random:13")
            path = google_url(f"lab-gemini/{name}", stream=True, sse=False)
            reply = await client.post_to(path, json.dumps({"contents": [{"parts": [{"text": "Hello"}]}]}).encode(), number)
            wanted = [json.loads(line[5:]) for line in exchange.answer.splitlines() if line.startswith(b"data:")]
            if not reply.headers["content-type"].startswith("application/json"):
                return [f"content-type {reply.headers['content-type']}"]
            return [] if json.loads(reply.body) == wanted else [f"the client received {reply.body[:300]!r}"]

        check("gemini as an array", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


async def test_claude_on_vertex(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    """The model leaves the body, and the version stands there instead."""
    exchanges = [exchange for exchange in replay.cores if exchange.provider == "vertex" and exchange.dialect == "anthropic"]
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            number, name = client.named(exchange)
            body = recorded(exchange, f"vertex/claude-{name}")
            reply = await client.post("anthropic", written(exchange, body), number)
            if reply.seen is None:
                return [f"the provider was not asked: {reply.status} {reply.body[:300]!r}"]
            method = "streamRawPredict" if exchange.asked_stream else "rawPredict"
            wanted = f"/v1beta1/projects/p/locations/global/publishers/anthropic/models/claude-{name}:{method}"
            flaws = [] if reply.seen.path == wanted else [f"the provider was asked at {reply.seen.path}"]
            expected = {key: value for key, value in body.items() if key != "model"}
            if json.loads(reply.seen.body) != {"anthropic_version": "vertex-2023-10-16", **expected}:
                flaws.append(f"the provider received {reply.seen.body[:300]!r}")
            return [*flaws, *_answer_flaws(exchange, reply, exchange.answer)]

        check("identity anthropic at vertex", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


def _in_its_form(exchange: Exchange) -> bool:
    """Not an array in answer to a request for a stream: the gateway asks for events, and turns what comes else."""
    return exchange.asked_stream == exchange.streamed or exchange.status != 200


def _sent_flaws(exchange: Exchange, sent: bytes, place: str, reply: Reply) -> list[str]:
    if reply.seen is None:
        return [f"the provider was not asked: {reply.status} {reply.body[:300]!r}"]
    flaws: list[str] = []
    method = "streamGenerateContent?alt=sse" if exchange.asked_stream else "generateContent"
    if unquote(reply.seen.path) != f"{place}:{method}":
        flaws.append(f"the provider was asked at {reply.seen.path}")
    if reply.seen.body != sent:
        flaws.append(f"the provider received {reply.seen.body[:200]!r} for {sent[:200]!r}")
    key = reply.seen.headers.get("x-goog-api-key")
    if key != (None if place.startswith("/lab") else SECRET) or any("tgk_" in value for value in reply.seen.headers.values()):
        flaws.append(f"credentials {reply.seen.headers}")
    return flaws


def _answer_flaws(exchange: Exchange, reply: Reply, wanted: bytes) -> list[str]:
    flaws: list[str] = []
    if reply.status != exchange.status:
        flaws.append(f"status {reply.status}, the provider said {exchange.status}")
    kind = "text/event-stream" if exchange.streamed else "application/json"
    if not reply.headers["content-type"].startswith(kind):
        flaws.append(f"content-type {reply.headers['content-type']}")
    if reply.status == 200 and reply.headers.get("x-tidegate-receipt") != "identity":
        flaws.append(f"receipt {reply.headers.get('x-tidegate-receipt')}")
    if reply.body != wanted:
        flaws.append(f"the client received {reply.body[:200]!r} for {wanted[:200]!r}")
    return flaws

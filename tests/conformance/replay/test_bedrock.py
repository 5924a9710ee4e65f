"""Bedrock on either side: its recorded answers for its own clients byte for byte and for clients of other dialects, and every recorded
answer of the other dialects for a client of Converse."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from tests.conformance.replay import read_converse
from tests.conformance.replay.answer import Answer
from tests.conformance.replay.asks import CLIENTS, WAYS, plain, recorded, ways, written
from tests.conformance.replay.client import Client, Replay, Reply, connected, for_all, understood
from tests.conformance.replay.invariants import broken
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange

CONVERSE = "bedrock_converse"
SURFACES = {"bedrock_converse": ("converse", "converse-stream"), "bedrock.invoke": ("invoke", "invoke-with-response-stream")}
_INVOKED = {"bedrock.invoke": "anthropic"}
STREAM = "application/vnd.amazon.eventstream"


def is_known(exchange: Exchange) -> bool:
    """`invoke` has the body of whatever model it is for; Anthropic's are a dialect."""
    return exchange.dialect != "bedrock.invoke" or "anthropic_version" in (exchange.request or {})


def _cores(replay: Replay) -> list[Exchange]:
    return [exchange for exchange in replay.bedrock if exchange.core and exchange.request is not None and is_known(exchange)]


@pytest.mark.parametrize("provider", ["bedrock", "signed"])
@pytest.mark.parametrize("dialect", SURFACES)
async def test_bytes_pass_untouched(replay: Replay, dialect: str, provider: str, record_property: Callable[[str, object], None]) -> None:
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            return await _passed(client, exchange, provider)

        exchanges = [exchange for exchange in _cores(replay) if exchange.dialect == dialect]
        check(f"identity {dialect} {provider}", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


async def _passed(client: Client, exchange: Exchange, provider: str) -> list[str]:
    number, name = client.named(exchange, "random:11")
    whole, stream = SURFACES[exchange.dialect]
    surface = stream if exchange.asked_stream else whole
    body = recorded(exchange, "")
    del body["model"]
    sent = written(exchange, body)
    reply = await client.post_to(f"/model/{quote(f'{provider}/{name}', safe='')}/{surface}", sent, number)
    if reply.seen is None:
        return [f"the provider was not asked: {reply.status} {reply.body[:300]!r}"]
    flaws = [] if reply.seen.body == sent else [f"the provider received {reply.seen.body[:200]!r} for {sent[:200]!r}"]
    if reply.seen.path != f"/{provider}/model/{quote(name, safe='')}/{surface}":
        flaws.append(f"the provider was asked at {reply.seen.path}")
    credential = reply.seen.headers.get("authorization", "")
    if not credential.startswith("Bearer provider-secret" if provider == "bedrock" else "AWS4-HMAC-SHA256 Credential=AKIAX/"):
        flaws.append(f"credential {credential}")
    if (reply.status, reply.body) != (exchange.status, exchange.answer):
        flaws.append(f"the client received {reply.status} {reply.body[:200]!r} for {exchange.answer[:200]!r}")
    kind = STREAM if exchange.asked_stream and exchange.status == 200 else "application/json"
    if reply.headers["content-type"] != kind:
        flaws.append(f"content-type {reply.headers['content-type']}")
    return flaws


@pytest.mark.parametrize("client", CLIENTS)
async def test_other_clients_understand_bedrock(replay: Replay, client: str, record_property: Callable[[str, object], None]) -> None:
    exchanges = _cores(replay)
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            return await _told(session, exchange, client)

        check(f"bedrock for a client of {client}", exchanges, await for_all(exchanges, one), record_property)


@pytest.mark.parametrize("dialect", CLIENTS)
async def test_a_client_of_converse_understands_the_others(
    replay: Replay, dialect: str, record_property: Callable[[str, object], None]
) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == dialect]
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            return await _told(session, exchange, CONVERSE)

        check(f"{dialect} for a client of {CONVERSE}", exchanges, await for_all(exchanges, one), record_property)


async def test_a_client_of_converse_gets_the_form_it_asked_for(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in _cores(replay) if exchange.dialect == CONVERSE and exchange.status == 200]
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            return await _told(session, exchange, CONVERSE)

        check(f"bedrock for a client of {CONVERSE}", exchanges, await for_all(exchanges, one), record_property)


@pytest.mark.parametrize("client", [*CLIENTS, CONVERSE])
async def test_no_answer_breaks_the_gateway(replay: Replay, client: str, record_property: Callable[[str, object], None]) -> None:
    """Those that are not core, and `invoke` of models whose bodies are no dialect's."""
    exchanges = [exchange for exchange in replay.bedrock if exchange.answer and not (exchange.core and is_known(exchange))]
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            flaws: list[str] = []
            for stream, cut in WAYS[1:3]:
                number, name = session.named(exchange, cut)
                reply = await _ask(session, client, exchange, _model(exchange, name), number, stream=stream)
                if reply.status >= 500 and reply.status not in (502, exchange.status):
                    flaws.append(f"{reply.status} {reply.body[:300]!r}")
                elif client not in (CONVERSE, _INVOKED.get(exchange.dialect)):
                    flaws += _understood(client, reply, stream=stream).flaws
            return flaws

        check(f"others of bedrock for a client of {client}", exchanges, await for_all(exchanges, one), record_property, floor=1.0)


def _model(exchange: Exchange, name: str) -> str:
    before = {CONVERSE: "bedrock/", "bedrock.invoke": "bedrock/anthropic.claude-"}.get(exchange.dialect, f"lab-{exchange.dialect}/")
    return before + name


async def _told(session: Client, exchange: Exchange, client: str) -> list[str]:
    flaws: list[str] = []
    first: dict[str, object] | None = None
    for stream, cut, _ in ways(exchange):
        if client == exchange.dialect and stream == exchange.streamed:
            continue  # the provider's own bytes
        number, name = session.named(exchange, cut)
        reply = await _ask(session, client, exchange, _model(exchange, name), number, stream=stream)
        answer = _understood(client, reply, stream=stream)
        way = f"{'stream' if stream else 'whole'} {cut}"
        words = "anthropic" if client == CONVERSE else client
        flaws += [f"{way}: {flaw}" for flaw in broken(in_words(exchange), words, answer, usage_told=True)]
        if first is None:
            first = answer.content()
        elif answer.content() != first:
            flaws.append(f"{way}: not the same answer: {answer.content()} and {first}")
    return flaws


async def _ask(session: Client, client: str, exchange: Exchange, model: str, number: int, *, stream: bool) -> Reply:
    if client != CONVERSE:
        return await session.post(client, written(exchange, plain(client, exchange, model, stream=stream)), number)
    surface = "converse-stream" if stream else "converse"
    return await session.post_to(f"/model/{quote(model, safe='')}/{surface}", written(exchange, converse_body(exchange)), number)


def converse_body(exchange: Exchange) -> dict[str, Any]:
    """A request of Converse that offers the tools which the recorded answer calls."""
    names = sorted({str(call["name"]) for call in exchange.expect.get("tool_calls") or []})
    body: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 1024}}
    if names:
        body["toolConfig"] = {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in names]}
    return body


def _understood(client: str, reply: Reply, *, stream: bool) -> Answer:
    if client != CONVERSE:
        return understood(client, reply, stream=stream)
    if reply.status == 200 and stream:
        answer = read_converse.read_stream(reply.body)
        kind = STREAM
    else:
        answer = read_converse.read_whole(reply.status, reply.body)
        kind = "application/json"
    if reply.headers["content-type"] != kind:
        answer.flaws.append(f"content-type {reply.headers['content-type']}")
    return answer


def in_words(exchange: Exchange) -> Exchange:
    """A recording of Converse with what is expected in Anthropic's words, which the invariants know."""
    if exchange.dialect != CONVERSE:
        return exchange
    usage = exchange.expect.get("usage") or {}
    told: dict[str, Any] = {}
    if "inputTokens" in usage and "outputTokens" in usage:
        told = {
            "input_tokens": usage["inputTokens"],
            "output_tokens": usage["outputTokens"],
            "cache_read_input_tokens": usage.get("cacheReadInputTokens"),
            "cache_creation_input_tokens": usage.get("cacheWriteInputTokens"),
        }
    # The recordings' reader takes calls of a tool that Bedrock runs for calls of the client's, in whole answers only.
    calls = [call for call in exchange.expect.get("tool_calls") or [] if call["name"] != "nova_code_interpreter"]
    stop = {"guardrail_intervened": "refusal", "content_filtered": "refusal"}.get(
        exchange.expect.get("stop") or "", exchange.expect.get("stop")
    )
    return msgspec.structs.replace(exchange, expect={**exchange.expect, "usage": told, "stop": stop, "tool_calls": calls})

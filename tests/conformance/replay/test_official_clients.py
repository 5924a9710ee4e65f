"""A sample of the recorded answers, translated, through the official Python clients in their strict mode, where every answer and every
event is validated against the types that the API's owner publishes."""

from collections.abc import Callable, Iterable
from typing import Any

import anthropic
import openai
from tests.conformance.replay.answer import arguments_of
from tests.conformance.replay.asks import plain
from tests.conformance.replay.client import Client, Replay, connected, for_all
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange

ODD = frozenset(
    {"citations", "web_search", "refusal", "legacy_function_call", "n>1", "parallel_tool_calls", "redacted_thinking", "filtered"}
)
"""Kinds that are always in the sample."""
EVERY = 6


def _sample(replay: Replay, provider: str) -> list[Exchange]:
    good = [exchange for exchange in replay.cores if exchange.dialect == provider and exchange.status == 200]
    good = [exchange for exchange in good if not exchange.kinds & {"stream_error", "audio_out"}]
    return [exchange for place, exchange in enumerate(good) if place % EVERY == 0 or exchange.kinds & ODD]


async def test_openai_takes_the_answers_of_anthropic(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    exchanges = _sample(replay, "anthropic")
    url = f"{replay.gateway.url}/v1"
    async with (
        connected(replay) as names,
        openai.AsyncOpenAI(base_url=url, api_key=replay.gateway.key, max_retries=0, _strict_response_validation=True) as client,
    ):

        async def one(exchange: Exchange) -> list[str]:
            return [*await _chat(client, names, exchange, stream=False), *await _chat(client, names, exchange, stream=True)]

        check("the openai client on answers of anthropic", exchanges, await for_all(exchanges, one), record_property)


async def test_anthropic_takes_the_answers_of_openai(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    exchanges = _sample(replay, "openai_chat")
    key = replay.gateway.key
    async with (
        connected(replay) as names,
        anthropic.AsyncAnthropic(base_url=replay.gateway.url, api_key=key, max_retries=0, _strict_response_validation=True) as client,
    ):

        async def one(exchange: Exchange) -> list[str]:
            return [*await _message(client, names, exchange, stream=False), *await _message(client, names, exchange, stream=True)]

        check("the anthropic client on answers of openai_chat", exchanges, await for_all(exchanges, one), record_property)


async def _chat(client: openai.AsyncOpenAI, names: Client, exchange: Exchange, *, stream: bool) -> list[str]:
    body = _body(names, exchange, "openai_chat", stream=stream)
    if not stream:
        answer = await client.chat.completions.create(**body)
        message = answer.choices[0].message
        calls = [
            (call.function.name, arguments_of(call.function.arguments)) for call in message.tool_calls or [] if call.type == "function"
        ]
        return _flaws(exchange, message.content or "", calls)
    text = ""
    names_of: dict[int, str] = {}
    arguments: dict[int, str] = {}
    async for chunk in await client.chat.completions.create(**body):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                function = call.function
                names_of.setdefault(call.index, (function and function.name) or "")
                arguments[call.index] = arguments.get(call.index, "") + ((function and function.arguments) or "")
    return _flaws(exchange, text, [(names_of[index], arguments_of(arguments[index])) for index in sorted(names_of)])


async def _message(client: anthropic.AsyncAnthropic, names: Client, exchange: Exchange, *, stream: bool) -> list[str]:
    body = _body(names, exchange, "anthropic", stream=stream)
    del body["stream"]
    if stream:
        async with client.messages.stream(**body) as events:
            answer = await events.get_final_message()
    else:
        answer = await client.messages.create(**body)
    text = "".join(block.text for block in answer.content if block.type == "text")
    return _flaws(exchange, text, [(block.name, block.input) for block in answer.content if block.type == "tool_use"])


def _body(names: Client, exchange: Exchange, client: str, *, stream: bool) -> dict[str, Any]:
    _, name = names.named(exchange, "random:31" if stream else "whole")
    return plain(client, exchange, f"lab-{exchange.dialect}/{name}", stream=stream)


def _flaws(exchange: Exchange, text: str, calls: Iterable[tuple[str, Any]]) -> list[str]:
    """The text and the calls again, as these clients see them; test_answers looks at everything else."""
    flaws: list[str] = []
    wanted = [(call["name"], call["args"]) for call in exchange.expect.get("tool_calls") or []]
    if (exchange.expect.get("text") or "") not in text:
        flaws.append(f"text {text[-200:]!r}, expected {exchange.expect.get('text')!r}")
    plain_calls = all(isinstance(args, dict) for _, args in wanted) and "legacy_function_call" not in exchange.kinds
    if plain_calls and list(calls) != wanted:
        flaws.append(f"tool calls {list(calls)}, expected {wanted}")
    return flaws

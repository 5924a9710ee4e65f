"""Every recorded request, sent to a provider of the other dialect: what the provider receives is a request that its API takes and that says
all the client said, or the client is told which of its fields cannot be honoured, and why."""

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest
from tests.conformance.replay import sent
from tests.conformance.replay.asks import recorded, written
from tests.conformance.replay.client import Client, Replay, connected, for_all, understood
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange

_NAMED = re.compile(r"`|^[\w.\[\]]+: ")
OTHER = {"openai_chat": "anthropic", "anthropic": "openai_chat"}


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
async def test_a_request_arrives_whole_in_the_other_dialect(
    replay: Replay, dialect: str, record_property: Callable[[str, object], None]
) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == dialect]
    refused: Counter[str] = Counter()
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            return await _flaws(client, exchange, refused)

        results = await for_all(exchanges, one)
    check(f"requests of {dialect} at {OTHER[dialect]}", exchanges, results, record_property)
    fields = ", ".join(f"{name} {count}" for name, count in refused.most_common())
    record_property("replay", f"requests of {dialect} at {OTHER[dialect]}: refused with 400 for {fields or 'nothing'}")


async def _flaws(client: Client, exchange: Exchange, refused: Counter[str]) -> list[str]:
    number, name = client.named(exchange)
    body = recorded(exchange, f"lab-{OTHER[exchange.dialect]}/{name}")
    reply = await client.post(exchange.dialect, written(exchange, body), number)
    if reply.seen is None:
        return _refused(exchange, reply.status, understood(exchange.dialect, reply, stream=False).error or {}, refused)
    got = json.loads(reply.seen.body)
    if exchange.dialect == "openai_chat":
        return [*sent.messages_flaws(got), *sent.missing(sent.of_chat(body), sent.of_messages(got))]
    return [*sent.chat_flaws(got), *sent.missing(sent.of_messages(body), sent.of_chat(got))]


def _refused(exchange: Exchange, status: int, error: dict[str, object], refused: Counter[str]) -> list[str]:
    """A refusal names a field: in backticks, by its path before a colon, or as its `param`."""
    message = str(error.get("message"))
    refused[re.sub(r"\d+", "0", str(error.get("param") or message.partition(": ")[0]))[:60]] += 1
    if status != 400 or not (_NAMED.search(message) or error.get("param")) or len(message) < 20:
        return [f"{exchange.dialect} refused with {status} {error}"]
    return []

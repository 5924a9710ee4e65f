"""Every recorded request, sent to a provider of each other dialect: what the provider receives is a request that its API takes and that
says all the client said, or the client is told which of its fields cannot be honoured, and why."""

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from tests.conformance.replay import sent
from tests.conformance.replay.asks import CLIENTS, google_url, recorded, stands_alone, written
from tests.conformance.replay.client import Client, Replay, connected, for_all, understood
from tests.conformance.replay.score import check
from tests.conformance.replay.sent_gemini import asked_of_gemini, gemini_flaws, of_gemini
from tests.conformance.replay.sent_responses import of_responses, responses_flaws
from tests.support.recordings import Exchange

_NAMED = re.compile(r"`|^[\w.\[\]]+: ")
READ = {"openai_chat": sent.of_chat, "anthropic": sent.of_messages, "openai_responses": of_responses, "gemini": of_gemini}
FLAWS = {"openai_chat": sent.chat_flaws, "anthropic": sent.messages_flaws, "openai_responses": responses_flaws, "gemini": gemini_flaws}


@pytest.mark.parametrize(("dialect", "provider"), list(permutations(CLIENTS, 2)))
async def test_a_request_arrives_whole_in_another_dialect(
    replay: Replay, dialect: str, provider: str, record_property: Callable[[str, object], None]
) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == dialect and stands_alone(exchange)]
    refused: Counter[str] = Counter()
    async with connected(replay) as client:

        async def one(exchange: Exchange) -> list[str]:
            return await _flaws(client, exchange, provider, refused)

        results = await for_all(exchanges, one)
    check(f"requests of {dialect} at {provider}", exchanges, results, record_property)
    fields = ", ".join(f"{name} {count}" for name, count in refused.most_common())
    record_property("replay", f"requests of {dialect} at {provider}: refused with 400 for {fields or 'nothing'}")


async def _flaws(client: Client, exchange: Exchange, provider: str, refused: Counter[str]) -> list[str]:
    number, name = client.named(exchange)
    body = recorded(exchange, f"lab-{provider}/{name}")
    if exchange.dialect == "gemini":
        path = google_url(body.pop("model"), stream=exchange.asked_stream)
        reply = await client.post_to(path, written(exchange, body), number)
    else:
        reply = await client.post(exchange.dialect, written(exchange, body), number)
    if reply.seen is None:
        return _refused(exchange, reply.status, understood(exchange.dialect, reply, stream=False).error or {}, refused)
    got = json.loads(reply.seen.body)
    asked = asked_of_gemini(body) if exchange.dialect == "gemini" else READ[exchange.dialect](body)
    return [*FLAWS[provider](got), *sent.missing(asked, READ[provider](got))]


def _refused(exchange: Exchange, status: int, error: dict[str, Any], refused: Counter[str]) -> list[str]:
    """A refusal names a field: in backticks, by its path before a colon, as its `param`, or as Google does."""
    message, field = str(error.get("message")), _field(error)
    refused[re.sub(r"\d+", "0", field or message.partition(": ")[0])[:60]] += 1
    if status != 400 or not (_NAMED.search(message) or field) or len(message) < 20:
        return [f"{exchange.dialect} refused with {status} {error}"]
    return []


def _field(error: dict[str, Any]) -> str:
    details = [detail for detail in error.get("details") or [] if detail.get("fieldViolations")]
    return str(error.get("param") or (details[0]["fieldViolations"][0]["field"] if details else ""))

"""Every answer is counted, translated or passed untouched: the usage event of its call has the tokens that the provider reported."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.conformance.replay.asks import CLIENTS, plain, recorded, stands_alone, written
from tests.conformance.replay.client import PATIENCE, Replay, connected, for_all
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange

KINDS = ("input", "cache_read", "cache_write")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("dialect", CLIENTS)
async def test_every_answer_is_counted(replay: Replay, dialect: str, client: str, record_property: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == dialect and exchange.expect.get("usage")]
    exchanges = [exchange for exchange in exchanges if client != dialect or (stands_alone(exchange) and not _is_array(exchange))]
    written_before = replay.gateway.usage_size()
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> str:
            number, name = session.named(exchange, "random:9")
            model = f"lab-{dialect}/{name}"
            body = recorded(exchange, model) if client == dialect else plain(client, exchange, model, stream=exchange.streamed)
            return (await session.post(client, written(exchange, body), number)).headers["x-request-id"]

        ids = await for_all(exchanges, one)
    by_id = await asyncio.to_thread(_events, replay, {str(name) for name in ids}, written_before)
    results = [
        name if isinstance(name, BaseException) else _flaws(exchange, by_id.get(name), identity=client == dialect)
        for exchange, name in zip(exchanges, ids, strict=True)
    ]
    check(f"ledger of {dialect} for a client of {client}", exchanges, results, record_property, floor=1.0)


def _is_array(exchange: Exchange) -> bool:
    """A stream of Gemini's that was recorded without `alt=sse`; it is asked for with it here, and `test_gemini` has the form as it is."""
    return exchange.dialect == "gemini" and exchange.answer.lstrip().startswith(b"[")


def _events(replay: Replay, wanted: set[str], start: int) -> dict[str, dict[str, Any]]:
    """The usage events of these calls, of those written after `start`, until none has come for `PATIENCE`: a task of the gateway posts them
    in batches behind the calls, those of other tests before these."""
    found: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + PATIENCE
    while True:
        events, start = replay.gateway.usage_from(start)
        found |= {event["request_id"]: event for event in events if event["request_id"] in wanted}
        if events:
            until = time.monotonic() + PATIENCE
        if len(found) == len(wanted) or time.monotonic() > until:
            return found
        time.sleep(0.05)


def _flaws(exchange: Exchange, event: dict[str, Any] | None, *, identity: bool) -> list[str]:
    if event is None:
        return ["no usage event"]
    usage, counted = exchange.expect["usage"], event["usage"] or {}
    if exchange.dialect == "openai_responses":
        wanted = (usage["input_tokens"], usage["output_tokens"])
    elif exchange.dialect == "gemini":
        read = (usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount"))
        told = (usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount"))
        wanted = (sum(part or 0 for part in read), None if told == (None, None) else sum(part or 0 for part in told))
    elif "input_tokens" in usage:
        parts = (usage["input_tokens"], usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens"))
        wanted = (sum(part or 0 for part in parts), usage["output_tokens"])
    else:
        wanted = (usage["prompt_tokens"], usage["completion_tokens"])
    got = (sum(counted.get(kind, 0) for kind in KINDS), counted.get("output"))
    flaws = [] if got == wanted else [f"counted {counted}, the provider reported {usage}"]
    # A stream that fails may have its error's status: see `Answer.content`.
    own = {event["status"]} if "stream_error" in exchange.kinds else {exchange.status}
    if event["status"] not in own or event["upstream_status"] != exchange.status or event["identity"] != identity:
        flaws.append(f"status {event['status']}, upstream {event['upstream_status']}, identity {event['identity']}")
    return flaws

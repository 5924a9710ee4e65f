"""Every recorded answer as clients of every dialect get it, whole and as a stream, in one piece and in many: the same each time, and with
every invariant of the recordings' README.

A recorded stream is also asked for as a whole answer and a whole one as a stream: providers do answer so, and the gateway turns it. The
gateway reads a whole answer to its end before the dialect sees it, so that of those one form comes in one piece and one in many.
"""

from collections.abc import Callable
from itertools import permutations

import pytest
from tests.conformance.replay.asks import CLIENTS, plain, stands_alone, ways, written
from tests.conformance.replay.client import Client, Replay, connected, for_all, understood
from tests.conformance.replay.invariants import broken
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange


@pytest.mark.parametrize(("provider", "client"), list(permutations(CLIENTS, 2)))
async def test_the_other_dialect_understands_the_answer(
    replay: Replay, provider: str, client: str, record_property: Callable[[str, object], None]
) -> None:
    await _all(replay, provider, client, record_property)


@pytest.mark.parametrize("dialect", CLIENTS)
async def test_the_same_dialect_gets_the_form_it_asked_for(
    replay: Replay, dialect: str, record_property: Callable[[str, object], None]
) -> None:
    await _all(replay, dialect, dialect, record_property)


async def _all(replay: Replay, provider: str, client: str, record: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.dialect == provider and (provider != client or exchange.status == 200)]
    # What was asked to run in the background is answered with a response that has not begun.
    exchanges = [exchange for exchange in exchanges if provider != client or stands_alone(exchange)]
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            return await _flaws(session, exchange, client)

        check(f"{provider} for a client of {client}", exchanges, await for_all(exchanges, one), record)


async def _flaws(session: Client, exchange: Exchange, client: str) -> list[str]:
    flaws: list[str] = []
    first: dict[str, object] | None = None
    for stream, cut, usage_asked in ways(exchange):
        if client == exchange.dialect and stream == exchange.streamed:
            continue  # the provider's own bytes: test_identity has them
        way = f"{'stream' if stream else 'whole'} {cut}"
        number, name = session.named(exchange, cut)
        body = plain(client, exchange, f"lab-{exchange.dialect}/{name}", stream=stream)
        if not usage_asked:
            body.pop("stream_options", None)
        reply = await session.post(client, written(exchange, body), number)
        answer = understood(client, reply, stream=stream, usage_asked=usage_asked)
        told = usage_asked or not stream or client != "openai_chat"
        flaws += [f"{way}: {flaw}" for flaw in broken(exchange, client, answer, usage_told=told)]
        if first is None:
            first = answer.content()
        elif answer.content() != first:
            flaws.append(f"{way}: not the same answer: {answer.content()} and {first}")
    return flaws

"""The recordings that are not `core` (requests that were not recorded, streams edited by hand, answers no reader was sure of), and every
real kind of provider: never a failure of the gateway's own, never a hang, and whatever it makes is of the client's dialect."""

from collections.abc import Callable

import pytest
from tests.conformance.replay.asks import CLIENTS, plain, recorded, stands_alone, written
from tests.conformance.replay.client import Client, Replay, connected, for_all, understood
from tests.conformance.replay.conftest import KINDS
from tests.conformance.replay.invariants import broken
from tests.conformance.replay.score import check
from tests.conformance.replay.test_identity import answer_flaws, in_its_form
from tests.support.recordings import Exchange

SPEAK_BOTH = ("openai", "deepseek", "xai", "openrouter")
"""Their rows say that they speak chat completions and the Responses API: clients of either are not translated."""


@pytest.mark.parametrize("client", CLIENTS)
async def test_no_answer_breaks_the_gateway(replay: Replay, client: str, record_property: Callable[[str, object], None]) -> None:
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            return await _survived(session, exchange, client)

        check(f"others for a client of {client}", replay.others, await for_all(replay.others, one), record_property, floor=1.0)


@pytest.mark.parametrize("client", CLIENTS)
async def test_the_rows_of_real_providers(replay: Replay, client: str, record_property: Callable[[str, object], None]) -> None:
    exchanges = [exchange for exchange in replay.cores if exchange.provider in KINDS]
    exchanges = [exchange for exchange in exchanges if exchange.provider not in ("openai", "anthropic") or exchange.id.endswith("7")]
    # What such a client asks of these is not what these recordings answer: their rows say that they speak both.
    exchanges = [
        exchange
        for exchange in exchanges
        if exchange.provider not in SPEAK_BOTH
        or (exchange.dialect == client and stands_alone(exchange))
        or (exchange.dialect == "openai_chat" and client != "openai_responses")
    ]
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            return await _through_row(session, exchange, client)

        check(f"real kinds for a client of {client}", exchanges, await for_all(exchanges, one), record_property)


async def _survived(session: Client, exchange: Exchange, client: str) -> list[str]:
    flaws: list[str] = []
    for stream, cut in ((exchange.streamed, "random:21"), (not exchange.streamed, "whole")):
        number, name = session.named(exchange, cut)
        body = plain(client, exchange, f"lab-{exchange.dialect}/{name}", stream=stream)
        reply = await session.post(client, written(exchange, body), number)
        if reply.status >= 500 and reply.status not in (502, exchange.status):
            flaws.append(f"{reply.status} {reply.body[:300]!r}")
        elif client != exchange.dialect or stream != exchange.streamed:
            answer = understood(client, reply, stream=stream)
            flaws += answer.flaws
    return flaws


async def _through_row(session: Client, exchange: Exchange, client: str) -> list[str]:
    """Asked as recorded where the client speaks the provider's dialect, else plainly, of the provider by its own name."""
    number, name = session.named(exchange, "random:2")
    model = f"{exchange.provider}/{name}"
    if client != exchange.dialect:
        stream = exchange.streamed
        reply = await session.post(client, written(exchange, plain(client, exchange, model, stream=stream)), number)
        flaws = broken(exchange, client, understood(client, reply, stream=stream), usage_told=True)
    else:
        body = recorded(exchange, model)
        reply = await session.post(client, written(exchange, body), number)
        flaws = answer_flaws(exchange, body, reply) if in_its_form(exchange) else []
    if reply.seen is None:
        return [*flaws, "the provider was not asked"]
    credential = {"anthropic": ("x-api-key", "provider-secret")}.get(exchange.provider, ("authorization", "Bearer provider-secret"))
    if reply.seen.headers.get(credential[0]) != credential[1] or any("tgk_" in value for value in reply.seen.headers.values()):
        flaws.append(f"credentials {reply.seen.headers}")
    return flaws

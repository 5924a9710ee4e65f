"""Azure's recorded chats, which differ from OpenAI's in their address alone."""

from collections.abc import Callable

from tests.conformance.replay.asks import recorded, written
from tests.conformance.replay.client import Replay, connected, for_all
from tests.conformance.replay.score import check
from tests.support.recordings import Exchange


async def test_bytes_pass_untouched(replay: Replay, record_property: Callable[[str, object], None]) -> None:
    async with connected(replay) as session:

        async def one(exchange: Exchange) -> list[str]:
            number, name = session.named(exchange, "random:2")
            body = recorded(exchange, f"azure/{name}")
            if exchange.asked_stream:
                body["stream_options"] = {"include_usage": True}
            reply = await session.post("openai_chat", written(exchange, body), number)
            if reply.seen is None:
                return [f"the provider was not asked: {reply.status} {reply.body[:300]!r}"]
            asked = (reply.seen.path, reply.seen.headers.get("api-key"))
            flaws = [] if asked == ("/azure/openai/v1/chat/completions", "provider-secret") else [f"asked {asked}"]
            if (reply.status, reply.body) != (exchange.status, exchange.answer):
                flaws.append(f"the client received {reply.status} {reply.body[:200]!r} for {exchange.answer[:200]!r}")
            return flaws

        exchanges = [exchange for exchange in replay.cores if exchange.provider == "azure" and exchange.dialect == "openai_chat"]
        check("identity azure", exchanges, await for_all(exchanges, one), record_property, floor=1.0)

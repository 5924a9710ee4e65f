"""The client of the replay suite: many calls at once to the gateway of the session, and what came back of each."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import aiohttp
from tests.conformance.replay import read_chat, read_gemini, read_messages, read_responses
from tests.conformance.replay.answer import Answer
from tests.conformance.replay.asks import PATHS, google_url
from tests.support.gateway import GatewayProcess
from tests.support.recordings import Exchange
from tests.support.replay_upstream import ReplayUpstream, Seen
from yarl import URL

AT_ONCE = 32
PATIENCE = 30.0
"""Seconds after which a call counts as hung."""

READERS = {"openai_chat": read_chat, "anthropic": read_messages, "openai_responses": read_responses, "gemini": read_gemini}

_T = TypeVar("_T")


class Replay(NamedTuple):
    """What a session of the suite works with. `cores` and `others` are the recordings by `core`, `bedrock` all of Bedrock's."""

    gateway: GatewayProcess
    upstream: ReplayUpstream
    cores: list[Exchange]
    others: list[Exchange]
    bedrock: list[Exchange]


class Reply(NamedTuple):
    """`seen` is what the provider received, None where the call never reached it."""

    status: int
    headers: dict[str, str]
    body: bytes
    seen: Seen | None


class Client:
    """`lab(dialect)` are the providers without quirks; any other provider is named as the gateway names it."""

    def __init__(self, replay: Replay, session: aiohttp.ClientSession) -> None:
        self._replay = replay
        self._session = session
        self._numbers = itertools.count(1)

    def named(self, exchange: Exchange, cut: str = "whole") -> tuple[int, str]:
        """A number and the model name with it, without a provider."""
        number = next(self._numbers)
        return number, f"rec-{exchange.id}~{cut}~{number}"

    async def post(self, client: str, body: bytes, number: int, headers: dict[str, str] | None = None, query: str = "") -> Reply:
        """One call. Raises TimeoutError where it hangs."""
        if client == "gemini":
            asked = json.loads(body)
            path = google_url(asked.pop("model"), stream=asked.pop("stream", False))
            return await self.post_to(path, json.dumps(asked).encode(), number, headers)
        return await self.post_to(PATHS[client] + query, body, number, headers)

    async def post_to(self, path: str, body: bytes, number: int, headers: dict[str, str] | None = None) -> Reply:
        url = URL(self._replay.gateway.url + path, encoded=True)
        own = {"content-type": "application/json", "x-api-key": self._replay.gateway.key, **(headers or {})}
        async with self._session.post(url, data=body, headers=own) as response:
            data = await response.read()
            try:
                seen = self._replay.upstream.take(number)
            except KeyError:
                seen = None
            return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, data, seen)


@asynccontextmanager
async def connected(replay: Replay) -> AsyncIterator[Client]:
    """A `Client` with connections of its own."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False, read_bufsize=1 << 20) as session:
        yield Client(replay, session)


async def for_all(exchanges: Iterable[Exchange], work: Callable[[Exchange], Awaitable[_T]]) -> list[_T | BaseException]:
    """`work` of all exchanges, `AT_ONCE` at a time, in their order; what it raised in place of its result."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(exchange: Exchange) -> _T:
        async with room:
            return await work(exchange)

    return await asyncio.gather(*(one(exchange) for exchange in exchanges), return_exceptions=True)


def understood(client: str, reply: Reply, *, stream: bool, usage_asked: bool = True) -> Answer:
    """The reply as the independent reader of the client's dialect understands it."""
    reader = READERS[client]
    if reply.status != 200 or not stream:
        answer = reader.read_whole(reply.status, reply.body)
        if not reply.headers["content-type"].startswith("application/json"):
            answer.flaws.append(f"content-type {reply.headers['content-type']}")
        return answer
    answer = reader.read_stream(reply.body, usage_asked=usage_asked)
    if not reply.headers["content-type"].startswith("text/event-stream"):
        answer.flaws.append(f"content-type {reply.headers['content-type']}")
    return answer

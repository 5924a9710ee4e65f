"""A gateway in memory: a provider that answers as the test says, and a client in memory."""

import asyncio
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from tests.support.client import MemoryClient
from tests.support.kept import MemoryKept
from tests.unit.policy.values import key, snapshot, upstream

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.free_memory import MemoryFreeQuota
from tidegate.adapters.kept_behind import WriteBehind
from tidegate.adapters.metrics_prometheus import PrometheusMetrics
from tidegate.adapters.scratch import FileScratch
from tidegate.adapters.thinking_memory import MemoryThinkingCache
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route, ServerSettings
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import AccessFailure, Upload, UpstreamFailure, UsageEvent
from tidegate.providers.spec import AuthKind
from tidegate.proxy.app import App, Late, Live
from tidegate.proxy.door import Door
from tidegate.proxy.server import Gateway

KEY = "the-key-of-the-caller"
GPT, CLAUDE = "openai/gpt-9", "anthropic/claude-big"
ROUTES = (
    Route(name="two", targets=(("openai", "gpt-9"), ("second", "gpt-9"))),
    Route(name="flip", targets=(("anthropic", "claude-big"), ("openai", "gpt-9"))),
)
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


class Given:
    """What a provider gives to one request: a head, and pieces that may end in a failure."""

    def __init__(self, *pieces: bytes | Exception, status: int = 200, headers: Mapping[str, str] = JSON) -> None:
        self.status = status
        self.headers = headers
        self.closed = False
        self._pieces = iter([piece for piece in pieces if piece != b""])

    async def read(self, limit: int) -> bytes:
        whole = b""
        while piece := await self.piece():
            whole += piece
        return whole[: limit + 1]

    async def piece(self) -> bytes:
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def pump(self, give: Callable[[bytes], bool]) -> bool:
        while piece := await self.piece():
            if not give(piece):
                return False
        return True

    def flows(self) -> None:
        """Content has begun."""

    def close(self) -> None:
        self.closed = True


class Slow(Given):
    """Its pieces come as they are let through."""

    def __init__(self, *pieces: bytes, **more: Any) -> None:
        super().__init__(*pieces, **more)
        self.let = asyncio.Semaphore(0)

    async def piece(self) -> bytes:
        await self.let.acquire()
        return await super().piece()

    def go(self, count: int = 100) -> None:
        for _ in range(count):
            self.let.release()


class Sent(msgspec.Struct):
    provider: str
    url: str
    headers: dict[str, str]
    body: bytes
    stream: bool
    method: str


class Provider:
    """The `Upstream` port: gives what is next in line."""

    def __init__(self, *given: Given | Exception) -> None:
        self.given = list(given)
        self.sent: list[Sent] = []
        self.may_repeat: Callable[[], bool] | None = None

    async def open(
        self,
        config: UpstreamConfig,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Upload,
        *,
        stream: bool,
        method: str = "POST",
        within: float = math.inf,
        may_repeat: Callable[[], bool] | None = None,
    ) -> Given:
        data = body if isinstance(body, bytes) else b"".join([piece async for piece in body.pieces()])
        self.sent.append(Sent(config.name, url, dict(headers), data, stream, method))
        self.may_repeat = may_repeat
        next_one = self.given.pop(0)
        if isinstance(next_one, Exception):
            raise next_one
        return next_one

    async def aclose(self) -> None:
        pass


class Kept:
    """The `Events` port."""

    def __init__(self) -> None:
        self.events: list[UsageEvent] = []
        self.begun: list[tuple[str, int]] = []
        self.accepting = True

    def begin(self, event: UsageEvent) -> None:
        self.begun.append((event.request_id, event.attempt))

    async def synced(self) -> None:
        pass

    def emit(self, event: UsageEvent) -> None:
        self.events.append(event)


class Ticks:
    """The `Clock` port: a second passes with each look."""

    def __init__(self) -> None:
        self._now = 1000.0

    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        self._now += 1
        return self._now


class Numbers:
    """The `Random` port."""

    def __init__(self) -> None:
        self._last = 0

    def request_id(self) -> str:
        self._last += 1
        return f"id{self._last}"


class Letters:
    """The `TokenCounter` port."""

    def count(self, text: str, model: str) -> int:
        return len(text)


class Tokens:
    """The `AccessTokens` port: a token that names what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.failure: AccessFailure | None = None

    async def token(self, kind: AuthKind, credential: str | None) -> str:
        self.asked.append(credential)
        if self.failure is not None:
            raise self.failure
        return f"{kind}-token"


def _behind(store: MemoryKept) -> WriteBehind:
    made = WriteBehind(Ticks(), second_look=0)
    made.ready(store)
    return made


class Got(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    def json(self) -> Any:
        return json.loads(self.body)


class Memory:
    """A gateway and everything around it."""

    def __init__(self, *given: Given | Exception, server: ServerSettings | None = None, provider: Provider | None = None) -> None:
        made = snapshot(
            upstream("anthropic"), upstream("openai"), upstream("second", "openai"), routes=ROUTES, keys=(key("tests", token=KEY),)
        )
        if server is not None:
            made = msgspec.structs.replace(made, server=server)
        self.provider = provider or Provider(*given)
        self.ledger = Kept()
        self.access = Tokens()
        self.kept = MemoryKept(Ticks())
        self.app = App(
            live=Live(Planner(made)),
            upstream=self.provider,
            events=self.ledger,
            metrics=PrometheusMetrics(),
            clock=Ticks(),
            random=Numbers(),
            thinking=MemoryThinkingCache(),
            tokens=Letters(),
            counters=MemoryCounters(Ticks()),
            late=Late(),
            access=self.access,
            conversations=_behind(self.kept),
            free=MemoryFreeQuota(Ticks()),
            scratch=FileScratch(Path(tempfile.gettempdir())),
            door=Door(Ticks()),
        )
        self.gateway = Gateway(self.app)

    async def call(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, method: str = "POST") -> Got:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        client = MemoryClient(method, path, {"authorization": f"Bearer {KEY}", **(headers or {})}, data)
        await self.gateway(client)
        return Got(client.status, client.headers_sent, client.sent, client.complete)

    async def chat(self, model: str = GPT, **fields: Any) -> Got:
        return await self.call("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields})

    async def message(self, model: str = CLAUDE, **fields: Any) -> Got:
        body = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}], **fields}
        return await self.call("/v1/messages", body)


def silence(phase: str = "headers") -> UpstreamFailure:
    return UpstreamFailure(phase, "no answer within 1 s", timeout=True)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    """An event of OpenAI's stream."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-9", "choices": choices, **fields}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
STREAM = (chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"}), chunk({}, "stop"), chunk(None, usage=USAGE), DONE)
WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-9",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()

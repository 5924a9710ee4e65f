"""The `Upstream` port for a provider that lives in this process as an ASGI application: the built-in sandbox. Other providers go on to
the port that it wraps."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tidegate.logs import Log
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import Upload, Upstream, UpstreamAnswer, UpstreamFailure

AsgiApp = Callable[..., Awaitable[None]]
_QUEUE = 64
"""Pieces that may wait for the reader."""

_LOG = Log("tidegate.sandbox")


class AsgiUpstream:
    """Serves the provider kind `name` by `app`."""

    def __init__(self, name: str, app: AsgiApp, others: Upstream) -> None:
        self._name = name
        self._app = app
        self._others = others

    def open(
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
    ) -> Awaitable[UpstreamAnswer]:
        """As the port says."""
        if config.spec.name != self._name:
            return self._others.open(config, url, headers, body, stream=stream, method=method, within=within, may_repeat=may_repeat)
        return self._open(method, url, headers, body, within)

    async def _open(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Upload, within: float) -> UpstreamAnswer:
        answer = AsgiAnswer(within)
        data = body if isinstance(body, bytes) else b"".join([piece async for piece in body.pieces()])
        answer.start(self._app, method, url, headers, data)
        await answer.head()
        return answer

    async def aclose(self) -> None:
        await self._others.aclose()


class AsgiAnswer:
    """One call of an ASGI application, run in a task of its own."""

    def __init__(self, within: float = math.inf) -> None:
        self._within = within
        self._timer: asyncio.TimerHandle | None = None
        self._ran_out = False
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)
        self._started = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._complete = False
        self._ended = False

    def start(self, app: AsgiApp, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Begins the call."""
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": None,
            "server": None,
            "state": {},
        }
        self._task = asyncio.create_task(self._run(app, scope, body))
        if self._within < math.inf:
            self._timer = asyncio.get_running_loop().call_later(self._within, self._run_out)

    def _run_out(self) -> None:
        self._ran_out = True
        self.close()
        self._started.set()
        with contextlib.suppress(asyncio.QueueFull):  # then the reader has something to read, and asks again
            self._pieces.put_nowait(None)

    async def _run(self, app: AsgiApp, scope: dict[str, Any], body: bytes) -> None:
        sent = False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message.get("headers", [])}
                self._started.set()
                return
            if message.get("body"):
                await self._pieces.put(message["body"])
            if not message.get("more_body"):
                self._complete = True

        try:
            await app(scope, receive, send)
        except OSError:
            pass  # as a lost connection: what is missing tells the reader
        except Exception:
            _LOG.exception("the built-in provider failed")
        # Not where the call was cancelled: nobody reads any more.
        self._started.set()
        await self._pieces.put(None)

    async def head(self) -> None:
        """Waits for the head of the answer. Raises `UpstreamFailure` where the application gave none."""
        try:
            await self._started.wait()
        except asyncio.CancelledError:
            self.close()
            raise
        if self._ran_out:
            raise self._late("headers")
        if not self.status:
            raise UpstreamFailure("headers", "the built-in provider gave no answer")

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `UpstreamFailure`."""
        pieces = bytearray()
        while piece := await self.piece():
            pieces += piece
            if len(pieces) > limit:
                raise UpstreamFailure("body", f"the answer is longer than {limit} bytes")
        return bytes(pieces)

    async def piece(self) -> bytes:
        """The next piece; nothing at the end. Raises `UpstreamFailure` where the application stopped before its end."""
        if self._ran_out:
            raise self._late("body")
        if not self._ended:
            piece = await self._pieces.get()
            if piece is not None:
                return piece
            self._ended = True
        if self._ran_out:
            raise self._late("body")
        if not self._complete:
            raise UpstreamFailure("body", "the connection was closed before the end of the answer")
        return b""

    async def pump(self, give: Callable[[bytes], bool]) -> bool:
        """Hands on what is left of the body. As the port says."""
        while piece := await self.piece():
            if not give(piece):
                return False
        return True

    def _late(self, phase: str) -> UpstreamFailure:
        return UpstreamFailure(phase, f"it has taken {self._within:.3g} s, which was all the time that there was", timeout=True)

    def flows(self) -> None:
        """As the port says: the built-in provider is never silent by itself."""

    def close(self) -> None:
        """Tells the application that its client has gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._gone.set()
        if self._task is not None and not self._task.done():
            self._task.cancel()

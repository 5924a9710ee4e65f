"""Sends an outcome: paces it, breaks it off as its script says, and counts tokens until it sees that the client has gone. Called by `app`.

It speaks ASGI. Where the server offers a `Wire` (ours does), cuts happen on the TCP connection; without one, as in process, a cut is a
`ConnectionResetError` out of the application, for the caller to see as a lost connection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import msgspec

from tidegate.sandbox.engine import Outcome

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

_BATCH = 16_384
_CLOSING_SECONDS = 5.0


class Wire(Protocol):
    """The TCP connection under a request. `id` counts connections from 1."""

    id: int

    def reset(self) -> None:
        """Ends the connection with a reset."""

    def close(self) -> None:
        """Ends the connection after what was written, without the end of the HTTP message."""

    def write(self, data: bytes) -> None:
        """Writes bytes past the HTTP framing."""


class Attempt(msgspec.Struct):
    """What happened to one request. `end` is `complete`, `client_gone`, `error` (an HTTP error), `error_in_stream`, or the cut's name."""

    tokens: int = 0
    sent: int = 0
    end: str = ""


class Delivery:
    """The sending of one outcome. `finished` is called once, when the end is known and before the last byte leaves."""

    def __init__(self, outcome: Outcome, receive: Receive, send: Send, wire: Wire | None, finished: Callable[[Attempt], None]) -> None:
        self.attempt = Attempt()
        self._outcome = outcome
        self._script = outcome.script
        self._send = send
        self._wire = wire
        self._finished = finished
        self._client = _Client(receive)

    async def run(self) -> None:
        """Sends everything. Raises `ConnectionResetError` for a cut where there is no wire."""
        try:
            await self._deliver()
        except (asyncio.CancelledError, OSError):
            self._end("client_gone")
            raise
        finally:
            self._client.stop()

    async def _deliver(self) -> None:
        script = self._script
        if script.header_delay_ms and await self._client.gone_within(script.header_delay_ms / 1000):
            self._end("client_gone")
            return
        if script.cut and script.die_at == -1:
            await self._cut(script.cut)
            return
        if self._outcome.frames is not None:
            await self._stream()
        else:
            await self._whole()

    async def _stream(self) -> None:
        script, attempt, frames = self._script, self.attempt, self._outcome.frames or iter(())
        await self._head(None)
        fault_at = self._fault_at()
        loop = asyncio.get_running_loop()
        due = loop.time() + script.ttft_ms / 1000
        pending = bytearray()
        pending_tokens = 0
        for index, (data, tokens) in enumerate(frames):
            wait = script.ttft_ms if index == 0 else script.gap_ms if tokens else 0
            if index == fault_at or wait:
                if not await self._write(pending, pending_tokens):
                    return
                pending, pending_tokens = bytearray(), 0
            if wait:
                if await self._client.gone_within(due - loop.time()):
                    self._end("client_gone")
                    return
                due = max(due, loop.time() - 1) + script.gap_ms / 1000
            if index == fault_at:
                await self._fault()
                return
            pending += data
            pending_tokens += tokens
            if len(pending) >= _BATCH:
                if not await self._write(pending, pending_tokens):
                    return
                pending, pending_tokens = bytearray(), 0
        if fault_at is not None:
            await self._write(pending, pending_tokens)
            await self._fault()
            return
        attempt.tokens += pending_tokens
        attempt.sent += len(pending)
        self._end("client_gone" if self._client.gone else "complete")
        await self._chunks(bytes(pending))
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _whole(self) -> None:
        script, outcome, attempt = self._script, self._outcome, self.attempt
        if not await self._produce():
            self._end("client_gone")
            return
        body = outcome.garbage if script.cut == "garbage" and outcome.status < 300 else outcome.body
        await self._head(len(body))
        if script.cut and script.cut != "garbage":
            half = body[: len(body) // 2] if script.die_at else b""
            if half:
                await self._chunks(half)
            await self._cut(script.cut)
            return
        attempt.sent += len(body)
        self._end("garbage" if script.cut else "error" if outcome.status >= 300 else "complete")
        await self._chunks(body, last=True)

    async def _produce(self) -> bool:
        """Takes the time that the tokens of a whole answer take; False once the client has gone."""
        script, attempt, total = self._script, self.attempt, self._outcome.tokens
        if script.ttft_ms and await self._client.gone_within(script.ttft_ms / 1000):
            return False
        if not script.gap_ms:
            attempt.tokens = total
            return True
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(total):
            due += script.gap_ms / 1000
            if await self._client.gone_within(due - loop.time()):
                return False
            attempt.tokens += 1
        return True

    def _fault_at(self) -> int | None:
        """The index of the event in whose place the stream breaks, or None."""
        script = self._script
        if script.cut:
            return script.die_at or 0
        if script.error_in_stream is not False:
            return 2 if script.die_at is None else max(0, script.die_at)
        return None

    async def _fault(self) -> None:
        script, outcome = self._script, self._outcome
        if script.cut and script.cut != "garbage":
            await self._cut(script.cut)
            return
        if script.cut:
            data, end = outcome.garbage, "garbage"
        else:
            data, end = outcome.error_event(script.error_in_stream) if outcome.error_event else b"", "error_in_stream"
        self.attempt.sent += len(data)
        self._end(end)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _cut(self, how: str) -> None:
        if how == "stall":
            gone = await self._client.gone_within(self._script.stall_ms / 1000)
            self._end("client_gone" if gone else "stall")
        else:
            self._end(how)
        if self._client.gone:
            return
        if self._wire is None:
            if how == "garbage_wire":
                await self._send({"type": "http.response.body", "body": b"\x00\xffgarbage", "more_body": True})
            raise ConnectionResetError(f"the sandbox's script cut the connection: {how}")
        if how == "rst":
            self._wire.reset()
        else:
            if how == "garbage_wire":
                self._wire.write(b"\x00\xff not a chunk of HTTP \r\n\r\n")
            self._wire.close()
        await self._client.gone_within(_CLOSING_SECONDS)

    async def _head(self, length: int | None) -> None:
        headers = list(self._outcome.headers)
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await self._send({"type": "http.response.start", "status": self._outcome.status, "headers": headers})

    async def _write(self, data: bytearray, tokens: int) -> bool:
        """Sends a part of a stream and counts its tokens; False once the client has gone."""
        if not data:
            return True
        await self._chunks(bytes(data))
        if await self._client.look():
            self._end("client_gone")
            return False
        self.attempt.tokens += tokens
        self.attempt.sent += len(data)
        return True

    async def _chunks(self, data: bytes, *, last: bool = False) -> None:
        size = self._script.chunk
        if size is None or len(data) <= size:
            if data or last:
                await self._send({"type": "http.response.body", "body": data, "more_body": not last})
            return
        for at in range(0, len(data), size):
            await self._send({"type": "http.response.body", "body": data[at : at + size], "more_body": not last or at + size < len(data)})
            await asyncio.sleep(0)

    def _end(self, how: str) -> None:
        if not self.attempt.end:
            self.attempt.end = how
            self._finished(self.attempt)


class _Client:
    """Knows whether the client has gone. It begins to watch when it is first asked, so that quick answers pay nothing."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.gone = False

    async def look(self) -> bool:
        """Whether the client has gone by now."""
        self._watch()
        await asyncio.sleep(0)
        return self.gone

    async def gone_within(self, seconds: float) -> bool:
        """Waits so long, or until the client has gone, and says whether it has."""
        self._watch()
        if seconds <= 0:
            await asyncio.sleep(0)
        elif not self.gone:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self.gone

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _watch(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

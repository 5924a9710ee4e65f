"""A fake provider that answers with recordings: the model name of a request says which, and how the answer is cut into pieces.

`rec-<id>~<cut>~<number>`: `cut` is `whole`, `bytes:<n>` or `random:<seed>`; what came with the number is kept until a test takes it.
It runs in a thread with a loop of its own, so that it serves tests whatever loop they have.
"""

import asyncio
import contextlib
import random
import re
import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self
from urllib.parse import unquote

from tests.support.recordings import Exchange

_MODEL = re.compile(rb"rec-([\w.-]+-[0-9a-f]{12})~(whole|bytes:\d+|random:\d+)~(\d+)")
_FRAMING = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "date"})
_SIZES = (1, 2, 3, 7, 31, 257, 1400, 6000)
GAP = 0.0005
"""Seconds between two pieces, so that they do not arrive as one."""


class Seen(NamedTuple):
    """A request as it came; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class ReplayUpstream:
    """`with ReplayUpstream(exchanges) as upstream:`, then `upstream.url` and `upstream.take(number)`. Every path is answered."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._exchanges: Mapping[bytes, Exchange] = {exchange.id.encode(): exchange for exchange in exchanges}
        self._seen: dict[int, Seen] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="replay-upstream")
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def take(self, number: int) -> Seen:
        """The request that came with `number`, once. Raises KeyError where none came."""
        return self._seen.pop(number)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path, headers = _head(head)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(writer, Seen(path, headers, body))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the gateway closed the connection, or the test is over
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter, seen: Seen) -> None:
        named = _MODEL.search(unquote(seen.path).encode()) or _MODEL.search(seen.body)
        exchange = self._exchanges.get(named[1]) if named else None
        if named is None or exchange is None:
            writer.write(b"HTTP/1.1 599 Unknown\r\ncontent-type: text/plain\r\ncontent-length: 17\r\n\r\nno such recording")
            return
        self._seen[int(named[3])] = seen
        cut = named[2].decode()
        head = _answer_head(exchange)
        if cut == "whole":
            writer.write(head + b"content-length: %d\r\n\r\n" % len(exchange.answer) + exchange.answer)
        else:
            writer.write(head + b"transfer-encoding: chunked\r\n\r\n")
            for piece in pieces(exchange.answer, cut):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(GAP)
            writer.write(b"0\r\n\r\n")
        await writer.drain()


def pieces(data: bytes, cut: str) -> list[bytes]:
    """`data` cut as a model's name says."""
    kind, _, value = cut.partition(":")
    if kind == "bytes":
        size = int(value)
        return [data[at : at + size] for at in range(0, len(data), size)]
    if kind == "random":
        dice = random.Random(f"{value}/{len(data)}")
        found: list[bytes] = []
        at = 0
        while at < len(data):
            size = dice.choice(_SIZES)
            found.append(data[at : at + size])
            at += size
        return found
    return [data] if data else []


def _head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return first.split(" ")[1], headers


def _answer_head(exchange: Exchange) -> bytes:
    kind = exchange.headers.get("content-type") or ("text/event-stream; charset=utf-8" if exchange.streamed else "application/json")
    lines = [f"HTTP/1.1 {exchange.status} Recorded", f"content-type: {kind}"]
    for name, value in exchange.headers.items():
        if name not in _FRAMING and value.isprintable():
            lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, ""]).encode("latin-1", "replace")

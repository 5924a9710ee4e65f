"""The fast upstream: a bare asyncio protocol that answers each dialect from ready-made bytes, at once or paced (one token every `GAP`).

It reads no more of a request than it must (path, length, whether it streams), so that the gateway in front of it is the thing that is
measured. Started by `main` as a process of its own: `python -m bench.upstream PORT PACED_PORT`; ends with its standard input.
"""

import asyncio
import gc
import sys
from collections.abc import Iterator
from typing import cast

import uvloop

from bench import payloads

GAP = 0.02
"""Seconds between two tokens of a paced stream."""

_HEAD = (
    b"HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 12:00:00 GMT\r\nserver: upstream\r\nrequest-id: req_011TideTideTideTideTide\r\n"
    b"anthropic-ratelimit-requests-limit: 4000\r\nanthropic-ratelimit-requests-remaining: 3999\r\n"
    b"anthropic-ratelimit-tokens-limit: 400000\r\nanthropic-ratelimit-tokens-remaining: 399000\r\n"
)


def _whole(body: bytes) -> bytes:
    return b"%scontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (_HEAD, len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_STREAM_HEAD = _HEAD + b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class Answers:
    """What one dialect answers, as bytes on the wire."""

    def __init__(self, whole: bytes, events: list[bytes], lead: int) -> None:
        self.whole = _whole(whole)
        self.burst = _STREAM_HEAD + _chunk(b"".join(events)) + _LAST_CHUNK
        tokens = events[lead : lead + payloads.TOKENS]
        self.paced = [
            _STREAM_HEAD + _chunk(b"".join(events[:lead])),
            *(_chunk(token) for token in tokens),
            _chunk(b"".join(events[lead + payloads.TOKENS :])) + _LAST_CHUNK,
        ]


ANTHROPIC = Answers(payloads.anthropic_answer(), payloads.anthropic_events(), lead=2)
OPENAI = Answers(payloads.openai_answer(), payloads.openai_events(), lead=1)


_SHORT = {
    b"/responses": _whole(payloads.responses_answer()),
    b":generateContent": _whole(payloads.gemini_answer()),
    b"/embeddings": _whole(payloads.embeddings_answer()),
}
"""Of what is not streamed here, by a part of the path."""


class Upstream(asyncio.Protocol):
    """One connection. Requests on it come one after the other, as HTTP clients send them."""

    def __init__(self, paced: bool) -> None:
        self._paced = paced
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._missing = 0
        self._ticket: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ticket is not None:
            self._ticket.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) < self._missing:
            return
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        self._missing = head_end + 4 + _content_length(self._buffer[:head_end])
        if len(self._buffer) >= self._missing:
            request, self._buffer, self._missing = self._buffer, b"", 0
            self._answer(request, head_end)

    def _answer(self, request: bytes, head_end: int) -> None:
        target = request[: request.index(b"\r\n")]
        answers = ANTHROPIC if b"/messages" in target else OPENAI if b"/chat/completions" in target else None
        if answers is None:
            self._transport.write(next((answer for path, answer in _SHORT.items() if path in target), _NOT_FOUND))
        elif request.find(b'"stream":true', head_end) < 0 and request.find(b'"stream": true', head_end) < 0:
            self._transport.write(answers.whole)
        elif self._paced:
            self._next(iter(answers.paced))
        else:
            self._transport.write(answers.burst)

    def _next(self, pieces: Iterator[bytes]) -> None:
        piece = next(pieces, None)
        if piece is not None:
            self._transport.write(piece)
            self._ticket = self._loop.call_later(GAP, self._next, pieces)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(port: int, paced_port: int) -> None:
    """Until standard input is closed."""
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Upstream(False), "127.0.0.1", port, backlog=1024)
    await loop.create_server(lambda: Upstream(True), "127.0.0.1", paced_port, backlog=1024)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    gc.freeze()
    gc.disable()
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))

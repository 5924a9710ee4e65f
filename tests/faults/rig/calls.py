"""Calls as a raw client makes them, and the transcript of each: every byte that came back, and how it ended.

A call has a number of its own, which travels as the count of its input tokens: the provider's truth log, the ledger and the transcript of
one call find each other by it, without a header that the gateway would have to pass on.
"""

import asyncio
import contextlib
import json
import time
from typing import Any, Literal

import httptools
import msgspec
from tests.conformance.replay import read_chat, read_messages, read_responses
from tests.conformance.replay.answer import Answer

Client = Literal["openai_chat", "anthropic", "openai_responses"]
CLIENTS: tuple[Client, ...] = ("openai_chat", "anthropic", "openai_responses")
_PATHS = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages", "openai_responses": "/v1/responses"}
_READERS = {"openai_chat": read_chat, "anthropic": read_messages, "openai_responses": read_responses}
FIRST_NUMBER = 1000
"""Above what the prompts of other tests count as."""
NONCE = "call"
"""Each word of an answer, unless a call's script has a text, is this and the call's number."""


class Call(msgspec.Struct, frozen=True):
    """`script` orders the provider's behaviour (docs/sandbox.md). `leave_after`: the client resets its connection after so many bytes.
    `most` are the tokens that a call of Chat allows."""

    number: int
    client: Client = "openai_chat"
    model: str = "openai/gpt-4o"
    script: dict[str, Any] = {}
    stream: bool = True
    most: int | None = None
    leave_after: int | None = None
    patience: float = 30.0

    def body(self) -> bytes:
        order = json.dumps({"sandbox": {"input_tokens": self.number, "seed": self.number, "text": f" {NONCE}{self.number}", **self.script}})
        asked: dict[str, Any] = {"model": self.model, "stream": self.stream}
        match self.client:
            case "openai_chat":
                asked |= {"messages": [{"role": "user", "content": order}]}
                if self.most is not None:
                    asked["max_tokens"] = self.most
            case "anthropic":
                asked |= {"messages": [{"role": "user", "content": order}], "max_tokens": 8000}
            case "openai_responses":
                asked |= {"input": order, "store": False}
        return json.dumps(asked).encode()


class Transcript(msgspec.Struct, kw_only=True):
    """`status` is None where no head came. `end` is how the connection ended for the client: its HTTP message was `complete`, the
    connection was `cut` in the middle, it `left` by itself, or it lost its `patience`. `body` is without HTTP's framing,
    `key` what the call was made with, `began` by `time.monotonic`."""

    call: Call
    key: str = ""
    began: float
    status: int | None = None
    headers: dict[str, str] = {}
    body: bytes = b""
    end: Literal["complete", "cut", "left", "patience"] = "cut"
    seconds: float = 0.0
    answer: Answer | None = None
    """As the independent reader of the client's dialect understands it, where it is complete."""

    @property
    def refused(self) -> bool:
        """The gateway took no work: 429 or 503."""
        return self.status in (429, 503)

    @property
    def is_well(self) -> bool:
        """It has a whole answer."""
        return self.status == 200 and self.answer is not None and self.answer.error is None


class _Reader:
    """httptools' callbacks."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.is_whole = False
        self.parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self.size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.transcript.headers[name.decode().lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.transcript.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        self.is_whole = True

    def done(self) -> None:
        self.transcript.body = b"".join(self._parts)


def request(key: str, call: Call) -> bytes:
    """The bytes of the call."""
    body = call.body()
    head = f"POST {_PATHS[call.client]} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def make(port: int, key: str, call: Call) -> Transcript:
    """Makes the call; never raises for what the gateway or the network does. Its connection is closed when it is over."""
    transcript = Transcript(call=call, key=key, began=time.monotonic())
    reader = _Reader(transcript)
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(call.patience):
            source, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(key, call))
            await _read(source, reader, call.leave_after)
    except TimeoutError:
        transcript.end = "patience"
    except (OSError, httptools.HttpParserError):
        transcript.end = "cut"
    finally:
        transcript.seconds = time.monotonic() - transcript.began
        if writer is not None:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    reader.done()
    if transcript.end == "complete" and transcript.status is not None:
        transcript.answer = _understood(transcript)
    return transcript


async def _read(source: asyncio.StreamReader, reader: _Reader, leave_after: int | None) -> None:
    transcript = reader.transcript
    while not reader.is_whole:
        if leave_after is not None and reader.size >= leave_after:
            transcript.end = "left"
            return
        data = await source.read(1 << 16 if leave_after is None else 512)
        if not data:
            transcript.end = "cut"
            return
        reader.size += len(data)
        reader.parser.feed_data(data)
    transcript.end = "complete"


def _understood(transcript: Transcript) -> Answer:
    reader, status = _READERS[transcript.call.client], transcript.status or 0
    with contextlib.suppress(ValueError, KeyError, TypeError):
        if status == 200 and transcript.call.stream:
            return reader.read_stream(transcript.body, usage_asked=False)
        return reader.read_whole(status, transcript.body)
    return Answer(status=status, flaws=[f"not of the dialect: {transcript.body[-200:]!r}"])


async def load(port: int, key: str, calls: list[Call], rate: float) -> list[Transcript]:
    """Open loop: call `n` is made `n / rate` seconds after the first, however the earlier ones fare."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def due(place: int, call: Call) -> Transcript:
        await asyncio.sleep(max(0.0, began + place / rate - loop.time()))
        return await make(port, key, call)

    return list(await asyncio.gather(*(due(place, call) for place, call in enumerate(calls))))

"""The sketch that the targets were set by: uvicorn, msgspec and aiohttp, which check a key, translate OpenAI's chat to Claude and back,
and do nothing else a gateway does: no limits, no usage, no metrics, no errors of their own, plain text only.

What it takes tells how fast a machine is at this kind of work. Started as a process of its own:
`python -m bench.sketch PORT UPSTREAM PACED_UPSTREAM KEY`; ends with a signal.
"""

import hashlib
import hmac
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import uvicorn

PACED = "paced/"
"""Before the name of a model: the paced upstream answers."""

_STOP = {"end_turn": "stop", "max_tokens": "length", "stop_sequence": "stop"}
_PLAIN = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream")]

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Message(msgspec.Struct):
    role: str
    content: str


class Request(msgspec.Struct):
    model: str
    messages: list[Message]
    max_tokens: int = 4096
    temperature: float | None = None
    stream: bool = False


class ClaudeRequest(msgspec.Struct, omit_defaults=True):
    model: str
    messages: list[Message]
    max_tokens: int
    system: str | None = None
    temperature: float | None = None
    stream: bool = False


class Block(msgspec.Struct):
    type: str
    text: str = ""


class Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0


class Answer(msgspec.Struct):
    id: str
    model: str
    content: list[Block]
    stop_reason: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)


class Event(msgspec.Struct):
    """An event of Claude's stream, each kind with its own fields."""

    type: str
    message: Answer | None = None
    delta: dict[str, Any] = {}
    usage: Usage | None = None


_requests = msgspec.json.Decoder(Request)
_answers = msgspec.json.Decoder(Answer)
_events = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode


class Sketch:
    """The application. `upstreams` are the addresses of the upstream, at once and paced."""

    def __init__(self, upstreams: tuple[str, str], key: str) -> None:
        self._upstreams = [address + "/v1/messages" for address in upstreams]
        self._key = hashlib.sha256(key.encode()).digest()
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        token = next((value[7:] for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(hashlib.sha256(token).digest(), self._key):
            await _whole(send, 401, b"{}")
            return
        request = _requests.decode(await _body(receive))
        paced = request.model.startswith(PACED)
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout())
        headers = {"x-api-key": "sk-bench", "anthropic-version": "2023-06-01", "content-type": "application/json"}
        async with self._session.post(self._upstreams[paced], data=_asked(request), headers=headers) as answer:
            if request.stream:
                await send({"type": "http.response.start", "status": answer.status, "headers": _EVENTS})
                async for data in _chunks(answer.content.iter_any()):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                await send({"type": "http.response.body"})
            else:
                await _whole(send, answer.status, _told(_answers.decode(await answer.read())))


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _whole(send: Send, status: int, body: bytes) -> None:
    headers = [*_PLAIN, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _asked(request: Request) -> bytes:
    system = "\n\n".join(message.content for message in request.messages if message.role == "system")
    turns = [message for message in request.messages if message.role != "system"]
    model = request.model.removeprefix(PACED)
    return _encode(ClaudeRequest(model, turns, request.max_tokens, system or None, request.temperature, request.stream))


def _told(answer: Answer) -> bytes:
    message = {"role": "assistant", "content": "".join(block.text for block in answer.content)}
    choice = {"index": 0, "message": message, "finish_reason": _STOP.get(answer.stop_reason or "")}
    return _encode(_head(answer, "chat.completion") | {"choices": [choice], "usage": _counted(answer.usage)})


async def _chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """OpenAI's chunks out of Claude's events, as many at once as came at once."""
    rest, head, usage = b"", {}, Usage()
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n\n")
        found: list[bytes] = []
        for frame in whole:
            event = _events.decode(frame[frame.index(b"data: ") + 6 :])
            match event.type:
                case "message_start" if event.message is not None:
                    head, usage = _head(event.message, "chat.completion.chunk"), event.message.usage
                    found.append(_chunk(head, {"role": "assistant", "content": ""}))
                case "content_block_delta":
                    found.append(_chunk(head, {"content": event.delta.get("text", "")}))
                case "message_delta" if event.usage is not None:
                    usage.output_tokens = event.usage.output_tokens
                    found.append(_chunk(head, {}, _STOP.get(event.delta["stop_reason"])))
                case "message_stop":
                    found += [b"data: %b\n\n" % _encode(head | {"choices": [], "usage": _counted(usage)}), b"data: [DONE]\n\n"]
                case _:
                    pass
        if found:
            yield b"".join(found)


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    return b"data: %b\n\n" % _encode(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": answer.id, "object": kind, "created": int(time.time()), "model": answer.model}


def _counted(usage: Usage) -> dict[str, int]:
    total = usage.input_tokens + usage.output_tokens
    return {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "total_tokens": total}


if __name__ == "__main__":
    port, upstream, paced_upstream, proof = sys.argv[1:]
    application = Sketch((upstream, paced_upstream), proof)
    uvicorn.run(application, port=int(port), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning")

"""Short ways to the values that these tests are about."""

import json
from typing import Any

from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir.content import Block, Origin
from tidegate.ir.events import Event
from tidegate.ir.loss import Loss
from tidegate.ir.request import Message, Request
from tidegate.ir.response import Response
from tidegate.ir.target import Capabilities, Profile, Quirks

ORIGIN = Origin("openai_chat", "p", "target-model")


def decoded(**fields: Any) -> Request:
    """A request as a client sends it."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return DIALECT.decode_request(json.dumps(body).encode())


def decoded_messages(*messages: dict[str, Any]) -> list[Message]:
    return decoded(messages=list(messages)).messages


def foreign(*messages: Message, **fields: Any) -> Request:
    """A request that an Anthropic-shaped client sent."""
    return Request(dialect="anthropic", model="m", messages=list(messages), **fields)


def user(*blocks: Block) -> Message:
    return Message("user", list(blocks))


def encoded(request: Request, *, quirks: Quirks | None = None, **capabilities: Any) -> tuple[dict[str, Any], list[Loss]]:
    profile = Profile(provider="p", model="target-model", capabilities=Capabilities(**capabilities), quirks=quirks or Quirks())
    out = DIALECT.encode_request(request, profile)
    return json.loads(out.body), out.losses


def told(losses: list[Loss]) -> list[tuple[str, str]]:
    return [(loss.kind, loss.field) for loss in losses]


def answer(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> Response:
    body = {"id": "x", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **fields}
    return DIALECT.decode_response(json.dumps(body).encode(), ORIGIN)


def streamed(*chunks: dict[str, Any] | bytes, end: bool = True) -> list[Event]:
    """The events of chunks; a dict with neither `choices` nor `error` is a delta."""
    decoder = DIALECT.stream_decoder(ORIGIN)
    events: list[Event] = []
    for chunk in chunks:
        data = chunk if isinstance(chunk, bytes) else json.dumps(chunk if chunk.keys() & {"choices", "error"} else delta(chunk)).encode()
        events += decoder.feed("", data)
    return events + decoder.end() if end else events


def delta(fields: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}], **more}

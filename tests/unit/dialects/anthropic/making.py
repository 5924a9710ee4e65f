"""Short ways to say what most tests here need: requests as JSON, profiles, encodings as objects, streams as events."""

import json
from typing import Any

from tidegate.dialects.anthropic import DIALECT
from tidegate.dialects.base import Stamp
from tidegate.ir.content import Block, Origin, Text
from tidegate.ir.events import Event
from tidegate.ir.loss import Loss
from tidegate.ir.request import Message, Request, Role
from tidegate.ir.target import Capabilities, Profile, Quirks
from tidegate.wire.sse import SseParser

ORIGIN = Origin("anthropic", "p", "m")
STAMP = Stamp("stem", 7)


def profile(**capabilities: Any) -> Profile:
    return Profile(provider="p", model="target", capabilities=Capabilities(**capabilities), quirks=Quirks())


def decode(**fields: Any) -> Request:
    """A request of the wire: `fields` over a minimal body; None takes a field away."""
    body = {"model": "m", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}], **fields}
    return DIALECT.decode_request(json.dumps({name: value for name, value in body.items() if value is not None}).encode())


def decode_block(block: Any, role: str = "user") -> Block:
    return decode(messages=[{"role": role, "content": [block]}]).messages[0].blocks[0]


def message(role: Role, *blocks: Block | str) -> Message:
    return Message(role, [Text(block) if isinstance(block, str) else block for block in blocks])


def foreign(*messages: Message, **fields: Any) -> Request:
    """A request that an OpenAI client made."""
    return Request(dialect="openai_chat", model="x", messages=list(messages) or [message("user", "hi")], **fields)


def encode(request: Request, **capabilities: Any) -> tuple[dict[str, Any], list[Loss]]:
    encoded = DIALECT.encode_request(request, profile(**capabilities))
    return json.loads(encoded.body), encoded.losses


def lost(losses: list[Loss]) -> set[tuple[str, str]]:
    return {(loss.kind, loss.field) for loss in losses}


def events_of(*raw: Any) -> list[Event]:
    """What the decoder makes of these events, and of the end of the stream."""
    decoder = DIALECT.stream_decoder(ORIGIN)
    out: list[Event] = []
    for event in raw:
        out += decoder.feed(event.get("type", ""), json.dumps(event).encode())
    return out + decoder.end()


def written(events: list[Event]) -> tuple[list[dict[str, Any]], list[Loss]]:
    """What the encoder writes for these events, read as events again."""
    encoder = DIALECT.stream_encoder(STAMP, decode())
    parser = SseParser()
    found = [item for event in events for item in parser.feed(encoder.feed(event))]
    read = [json.loads(item.data or b"") for item in found]
    assert [item.event for item in found] == [item["type"] for item in read]
    return read, encoder.losses

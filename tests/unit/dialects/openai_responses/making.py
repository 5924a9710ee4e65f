"""Short ways to say what most tests here need: requests as JSON, profiles, encodings as objects, streams as events."""

import json
from typing import Any

from tidegate.dialects.base import Stamp
from tidegate.dialects.openai_responses import DIALECT
from tidegate.ir.content import Block, Origin, Text
from tidegate.ir.events import Event
from tidegate.ir.fold import unfold
from tidegate.ir.loss import Loss
from tidegate.ir.request import Message, Request, Role
from tidegate.ir.response import Response, Stop, StopReason
from tidegate.ir.target import Capabilities, Profile, Quirks
from tidegate.wire.sse import SseParser

ORIGIN = Origin("openai_responses", "p", "m")
STAMP = Stamp("stem", 7)


def profile(**capabilities: Any) -> Profile:
    return Profile(provider="p", model="target", capabilities=Capabilities(**capabilities), quirks=Quirks())


def decode(**fields: Any) -> Request:
    """A request of the wire: `fields` over a minimal body; None takes a field away."""
    body = {"model": "m", "input": "hi", **fields}
    return DIALECT.decode_request(json.dumps({name: value for name, value in body.items() if value is not None}).encode())


def item(**fields: Any) -> Message:
    """The message of one input item."""
    return decode(input=[fields]).messages[0]


def message(role: Role, *blocks: Block | str) -> Message:
    return Message(role, [Text(block) if isinstance(block, str) else block for block in blocks])


def foreign(*messages: Message, dialect: str = "anthropic", **fields: Any) -> Request:
    """A request that a client of another dialect made."""
    return Request(dialect=dialect, model="x", messages=list(messages) or [message("user", "hi")], **fields)


def encode(request: Request, **capabilities: Any) -> tuple[dict[str, Any], list[Loss]]:
    encoded = DIALECT.encode_request(request, profile(**capabilities))
    return json.loads(encoded.body), encoded.losses


def again(request: Request) -> dict[str, Any]:
    """An own request as it is written, which loses nothing."""
    body, losses = encode(request)
    assert losses == []
    return body


def lost(losses: list[Loss]) -> list[tuple[str, str]]:
    return [(loss.kind, loss.field) for loss in losses]


def events_of(*raw: Any) -> list[Event]:
    """What the decoder makes of these events, and of the end of the stream."""
    decoder = DIALECT.stream_decoder(ORIGIN)
    out: list[Event] = []
    for event in raw:
        out += decoder.feed(event.get("type", ""), json.dumps(event).encode())
    return out + decoder.end()


def answer(*blocks: Block, dialect: str = "anthropic", stop: StopReason = "end") -> Response:
    return Response(dialect=dialect, id="up", model="m", blocks=list(blocks), stop=Stop(stop), created=5)


def told(response: Response, request: Request | None = None) -> tuple[dict[str, Any], list[Loss]]:
    encoded = DIALECT.encode_response(response, STAMP, request or decode())
    return json.loads(encoded.body), encoded.losses


def streamed(response: Response, request: Request | None = None) -> list[dict[str, Any]]:
    """The events that tell an answer."""
    return written(list(unfold(response)), request)


def written(events: list[Event], request: Request | None = None) -> list[dict[str, Any]]:
    encoder = DIALECT.stream_encoder(STAMP, request or decode())
    parser = SseParser(1 << 20)
    found = [frame for event in events for frame in parser.feed(encoder.feed(event))]
    read = [json.loads(frame.data or b"") for frame in found]
    assert [frame.event for frame in found] == [event["type"] for event in read]
    assert [event["sequence_number"] for event in read] == list(range(len(read)))
    return read

"""The framings of streams by name: adding one is its file in this folder and one line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from tidegate.wire import eventstream, eventstream_invoke, sse
from tidegate.wire.eventstream import EventStreamParser
from tidegate.wire.eventstream_invoke import InvokeParser
from tidegate.wire.frame import Frame, Framer
from tidegate.wire.sse import SseParser


class Framing(msgspec.Struct, frozen=True):
    """`media_type` is what the content type of such a stream holds, and no whole answer's does. `framer` is given the most bytes that
    one frame may have. `frame` writes (data, event) as one frame."""

    media_type: str
    framer: Callable[[int], Framer]
    frame: Callable[[bytes, str], bytes]


SSE = "sse"
EVENT_STREAM = "aws_eventstream"
INVOKE = "bedrock_invoke"
FRAMINGS: Mapping[str, Framing] = MappingProxyType(
    {
        SSE: Framing("text/event-stream", SseParser, sse.frame),
        EVENT_STREAM: Framing("application/vnd.amazon.eventstream", EventStreamParser, eventstream.frame),
        INVOKE: Framing("application/vnd.amazon.eventstream", InvokeParser, eventstream_invoke.frame),
    }
)


class Reframed:
    """A `Framer` whose frames are written anew in another framing; the data of one frame is JSON. Frames without data are left out."""

    __slots__ = ("_framer", "_to")

    def __init__(self, framer: Framer, to: Framing) -> None:
        self._framer = framer
        self._to = to

    def feed(self, chunk: bytes) -> list[Frame]:
        """Raises `FrameError`."""
        return self._written(self._framer.feed(chunk))

    def end(self) -> list[Frame]:
        """Raises `FrameError`."""
        return self._written(self._framer.end())

    def _written(self, frames: list[Frame]) -> list[Frame]:
        # A line break can only be a blank between the parts of JSON, and server-sent events have no place for one.
        return [
            Frame(found.event, found.data, self._to.frame(found.data.replace(b"\n", b" ").replace(b"\r", b" "), found.event))
            for found in frames
            if found.data is not None
        ]

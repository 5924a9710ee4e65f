"""The framings of streams by name: adding one is its file in this folder and one line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from tidegate.wire import eventstream, eventstream_invoke, json_array, sse
from tidegate.wire.eventstream import EventStreamParser
from tidegate.wire.eventstream_invoke import InvokeParser
from tidegate.wire.frame import Frame, Framer
from tidegate.wire.json_array import JsonArrayParser
from tidegate.wire.sse import SseParser


class Framing(msgspec.Struct, frozen=True):
    """`media_type` is what the content type of such a stream holds, and no whole answer's does. `framer` is given the most bytes that
    one frame may have. `frame` writes (data, event) as one frame. `first` stands before the first frame that is written, `between` before
    every other, `last` at the end."""

    media_type: str
    framer: Callable[[int], Framer]
    frame: Callable[[bytes, str], bytes]
    first: bytes = b""
    between: bytes = b""
    last: bytes = b""


SSE = "sse"
EVENT_STREAM = "aws_eventstream"
INVOKE = "bedrock_invoke"
JSON_ARRAY = "json_array"
FRAMINGS: Mapping[str, Framing] = MappingProxyType(
    {
        SSE: Framing("text/event-stream", SseParser, sse.frame),
        EVENT_STREAM: Framing("application/vnd.amazon.eventstream", EventStreamParser, eventstream.frame),
        INVOKE: Framing("application/vnd.amazon.eventstream", InvokeParser, eventstream_invoke.frame),
        JSON_ARRAY: Framing("application/json", JsonArrayParser, json_array.frame, json_array.FIRST, json_array.BETWEEN, json_array.LAST),
    }
)


class Reframed:
    """A `Framer` whose frames are written anew in another framing; the data of one frame is JSON. Frames without data are left out."""

    __slots__ = ("_begun", "_framer", "_to")

    def __init__(self, framer: Framer, to: Framing) -> None:
        self._framer = framer
        self._to = to
        self._begun = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Raises `FrameError`."""
        return self._written(self._framer.feed(chunk))

    def end(self) -> list[Frame]:
        """Raises `FrameError`."""
        frames = self._written(self._framer.end())
        return [*frames, Frame("", None, self._to.last)] if self._to.last and self._begun else frames

    def _written(self, frames: list[Frame]) -> list[Frame]:
        return [self._one(found.event, found.data) for found in frames if found.data is not None]

    def _one(self, event: str, data: bytes) -> Frame:
        before = self._to.between if self._begun else self._to.first
        self._begun = True
        # A line break can only be a blank between the parts of JSON, and server-sent events have no place for one.
        return Frame(event, data, before + self._to.frame(data.replace(b"\n", b" ").replace(b"\r", b" "), event))

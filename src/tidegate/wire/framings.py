"""The framings of streams by name: adding one is its file in this folder and one line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from tidegate.wire.frame import Framer
from tidegate.wire.sse import SseParser


class Framing(msgspec.Struct, frozen=True):
    """`media_type` is what the content type of such a stream holds, and no whole answer's does. `framer` is given the most bytes that
    one frame may have."""

    media_type: str
    framer: Callable[[int], Framer]


SSE = "sse"
FRAMINGS: Mapping[str, Framing] = MappingProxyType({SSE: Framing("text/event-stream", SseParser)})

"""What a stream that was cut has given, where its provider never said: tokens of the answer by the text of its deltas, and of the prompt by
the request, both by the vocabulary nearest to the model's.

While a stream runs, its first bytes are kept as they came, by reference, and the rest is a number. Only where it is cut are they read once
more: of a longer stream the count is that of its beginning, for as many bytes as there were. Used by `relay` and `attempt`.
"""

from collections.abc import Callable

import msgspec

from tidegate.dialects.base import StreamDecoder
from tidegate.ir import events as ev
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import Request
from tidegate.ir.usage import Usage
from tidegate.ports import TokenCounter
from tidegate.proxy.estimate import estimate
from tidegate.wire.frame import FrameError, Framer

KEPT = 32 << 10
"""Bytes of a stream that are kept: 100 to 300 deltas."""
_LARGEST_FRAME = 16 << 20
_BYTES_PER_TOKEN = 4
"""Of a request that is of no dialect of ours, like the limits reserve."""


class Delivered:
    """The bytes of one stream. `framer` and `decoder` make what reads them again."""

    __slots__ = ("_chunks", "_decoder", "_framer", "_size")

    def __init__(self, framer: Callable[[int], Framer], decoder: Callable[[], StreamDecoder]) -> None:
        self._framer = framer
        self._decoder = decoder
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """A piece, as the provider sent it."""
        size = self._size
        if size < KEPT:
            self._chunks.append(chunk[: KEPT - size])
        self._size = size + len(chunk)

    @property
    def has_begun(self) -> bool:
        return self._size > 0

    def usage(self, told: Usage | None, counter: TokenCounter, model: str, asked: Callable[[], Request], size: int) -> Usage | None:
        """`told` with what the provider left out; as it is where the output was told behind some of the text, which it is about then.
        `asked` gives the request, of `size` bytes; it may raise `GatewayError`."""
        text, announced = self._read()
        if told is not None and told.output is not None and told.output != announced:
            return told
        output = -(-counter.count(text, model) * self._size // max(1, min(self._size, KEPT)))
        if told is not None and told.input is not None:
            return msgspec.structs.replace(told, output=max(output, told.output or 0))
        return msgspec.structs.replace(told or Usage(), input=_prompt(counter, model, asked, size), output=output)

    def _read(self) -> tuple[str, int | None]:
        """The text of all deltas, and what was told of the output before the first of them (Anthropic's `message_start`)."""
        framer, decoder = self._framer(_LARGEST_FRAME), self._decoder()
        texts: list[str] = []
        announced: int | None = None
        try:
            for chunk in self._chunks:
                for frame in framer.feed(chunk):
                    for event in decoder.feed(frame.event, frame.data) if frame.data is not None else ():
                        match event:
                            case ev.TextDelta(text=text) | ev.ThinkingDelta(text=text) | ev.ArgsDelta(text=text):
                                texts.append(text)
                            case ev.UsageReport(usage=Usage(output=output)) | ev.Started(usage=Usage(output=output)) if not texts:
                                announced = output
                            case _:
                                pass
        except FrameError:
            pass
        return "".join(texts), announced


def nothing_delivered(
    unseen: int | None, told: Usage | None, counter: TokenCounter, model: str, asked: Callable[[], Request], size: int
) -> Usage:
    """As `Delivered.usage`, of an attempt of whose answer nothing had come but what was `told`: it had the prompt. `unseen` stands for the
    output that was not told, None where nobody knows."""
    told = told or Usage()
    prompt = _prompt(counter, model, asked, size) if told.input is None else told.input
    return msgspec.structs.replace(told, input=prompt, output=unseen if told.output is None else told.output)


def _prompt(counter: TokenCounter, model: str, asked: Callable[[], Request], size: int) -> int:
    try:
        return estimate(asked(), counter, model)
    except GatewayError:
        return size // _BYTES_PER_TOKEN + 1

"""Answers that the provider's filter held back, which most providers tell as a reason to stop and not as an error. A route may ask another
target then, as long as its client has got nothing. Only calls that could go to another one pay for looking; used by `relay`."""

from collections.abc import Iterable

from tidegate.dialects.base import StreamDecoder
from tidegate.ir import events as ev
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.response import Response
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.prepare import Prepared
from tidegate.wire.frame import Frame, FrameError, Framer

_FILTERED = "content_filter"


def filtered(attempt: Attempt) -> Error:
    """The error in place of such an answer."""
    message = f"{attempt.target.upstream.name}'s content filter held the answer back."
    return Error(kind=ErrorKind.CONTENT_FILTER, message=message, code="content_filter")


def is_filtered(response: Response) -> bool:
    return response.stop.reason == _FILTERED


def is_body_filtered(prepared: Prepared, body: bytes) -> bool:
    """Whether a whole answer that passes through untouched is one."""
    try:
        return is_filtered(prepared.dialect.decode_response(body, prepared.origin))
    except GatewayError:
        return False


class FilterWatch:
    """Reads a stream up to its first content. `is_filtered` once it has ended by the filter before there was any; while `is_open` neither
    is known."""

    def __init__(self, framer: Framer | None = None, decoder: StreamDecoder | None = None) -> None:
        self._framer = framer
        self._decoder = decoder
        self.is_open = decoder is not None
        self.is_filtered = False

    def feed(self, chunk: bytes) -> bool:
        """A piece, as the provider sent it. Whether the stream is one that was held back."""
        if self.is_open and self._framer is not None and self._decoder is not None:
            try:
                self._read(self._framer.feed(chunk), self._decoder)
            except FrameError:
                self.is_open = False  # whoever reads the stream says what is wrong with it
        return self.is_filtered

    def end(self) -> None:
        """Nothing follows."""
        if self.is_open and self._decoder is not None:
            for event in self._decoder.end():
                self._see(event)
            self.is_open = False

    def _read(self, frames: Iterable[Frame], decoder: StreamDecoder) -> None:
        for frame in frames:
            for event in decoder.feed(frame.event, frame.data) if frame.data is not None else ():
                self._see(event)

    def _see(self, event: ev.Event) -> None:
        if self.is_open and ev.commits(event):
            self.is_open = False
            self.is_filtered = isinstance(event, ev.Finished) and event.stop.reason == _FILTERED


UNWATCHED = FilterWatch()
"""Of a stream whose filter is the client's to see: it never opens."""

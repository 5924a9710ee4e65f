"""The two ways of a stream, without I/O: bytes of the provider in, bytes for the client out.

`IdentityStream` passes whole events through as they came and reads them by the dialect's tap; `TranscodedStream` decodes and encodes.
Neither forwards an event that has not arrived whole, so that a broken stream never ends within one. `relay` drives them.
"""

from typing import Protocol

import msgspec

from tidegate.dialects.base import Dialect, StreamDecoder, StreamEncoder
from tidegate.ir import events as ev
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage
from tidegate.proxy.failure import BROKEN
from tidegate.proxy.thinking import ThinkingCollector
from tidegate.wire.frame import Frame, FrameError, Framer, FrameTooLong

INTERRUPTED = Error(
    kind=ErrorKind.UPSTREAM,
    message="the provider's stream ended before it said why it stopped",
    code="upstream_stream_interrupted",
)


class Stream(Protocol):
    @property
    def committed(self) -> bool:
        """Content (or the end) has been given out: no other target may be tried."""
        ...

    @property
    def error(self) -> Error | None:
        """The stream failed. What `feed` and `end` return already tells the client."""
        ...

    @property
    def told(self) -> bool:
        """The provider's own bytes carry `error` to the client: they may stand as they are."""
        ...

    @property
    def at_start(self) -> bool:
        """Nothing has come yet but `error`, however the bytes were cut."""
        ...

    @property
    def usage(self) -> Usage | None: ...

    @property
    def model(self) -> str | None: ...

    @property
    def losses(self) -> list[Loss]: ...

    def feed(self, chunk: bytes) -> bytes: ...

    def end(self) -> bytes:
        """The provider closed its side."""
        ...

    def fail(self, error: Error) -> bytes:
        """The provider broke off: the client's error event."""
        ...


class IdentityStream:
    """The client's dialect is the provider's. `hide_usage` drops the usage-only event that the client did not ask for."""

    def __init__(self, dialect: Dialect, call_id: str, framer: Framer, *, hide_usage: bool) -> None:
        self.told = True
        self.at_start = True
        self._framer = framer
        self._tap = dialect.tap()
        self._dialect = dialect
        self._call_id = call_id
        self._hide_usage = hide_usage
        self._ended = False
        self.error: Error | None = None
        self.losses: list[Loss] = []

    @property
    def committed(self) -> bool:
        return self._tap.committed

    @property
    def usage(self) -> Usage | None:
        return self._tap.usage

    @property
    def model(self) -> str | None:
        return self._tap.model

    def feed(self, chunk: bytes) -> bytes:
        try:
            frames = self._framer.feed(chunk)
        except FrameError as error:
            return self.fail(unreadable(error))
        return self._passed(frames)

    def end(self) -> bytes:
        if self.error is not None and not self.told:
            return b""
        try:
            frames = self._framer.end()
        except FrameError as error:
            return self.fail(unreadable(error))
        out = self._passed(frames)
        if self.error is not None or self._tap.finished:
            return out
        return self.fail(INTERRUPTED)

    def _passed(self, frames: list[Frame]) -> bytes:
        """What goes on of these: nothing that follows the terminator, which clients take for the end."""
        tap = self._tap
        feed = tap.feed
        out: list[bytes] = []
        for frame in frames:
            data = frame.data
            if self._ended:
                break
            if data is not None:
                if feed(frame.event, data) and self._hide_usage:
                    continue
                if self.at_start and tap.error is None:
                    self.at_start = False
                if tap.finished:
                    self._ended = self._dialect.terminates(frame.event, data)
            out.append(frame.raw)
        if tap.error is not None:
            self.error = tap.error
        return out[0] if len(out) == 1 else b"".join(out)

    def fail(self, error: Error) -> bytes:
        self.error = error
        self.told = False
        return self._dialect.encode_stream_error(error, self._call_id)


class TranscodedStream:
    """The client's dialect is another one."""

    def __init__(
        self,
        framer: Framer,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        client: Dialect,
        call_id: str,
        thinking: ThinkingCollector,
    ) -> None:
        self._framer = framer
        self._decoder = decoder
        self._encoder = encoder
        self._client = client
        self._call_id = call_id
        self._thinking = thinking
        self.told = False
        self.at_start = True
        self.committed = False
        self.error: Error | None = None
        self.usage: Usage | None = None
        self.model: str | None = None

    @property
    def losses(self) -> list[Loss]:
        return self._encoder.losses

    def feed(self, chunk: bytes) -> bytes:
        try:
            events = self._framer.feed(chunk)
        except FrameError as error:
            return self.fail(unreadable(error))
        out: list[bytes] = []
        decode, encode = self._decoder.feed, self._encoder.feed
        for event in events:
            if event.data is not None:
                for decoded in decode(event.event, event.data):
                    # Once content flows, a piece of text changes nothing here.
                    plain = type(decoded) is ev.TextDelta and self.committed and self.error is None
                    out.append(encode(decoded) if plain else self._encode(decoded))
        return out[0] if len(out) == 1 else b"".join(out)

    def end(self) -> bytes:
        try:
            rest = self._framer.end()
        except FrameError as error:
            return self.fail(unreadable(error))
        out = [self._encode(decoded) for event in rest if event.data is not None for decoded in self._decoder.feed(event.event, event.data)]
        out += [self._encode(decoded) for decoded in self._decoder.end()]
        return b"".join(out)

    def fail(self, error: Error) -> bytes:
        if self.error is not None:
            return b""
        self.error = error
        return self._client.encode_stream_error(error, self._call_id)

    def _encode(self, event: ev.Event) -> bytes:
        if self.error is not None:
            return b""
        match event:
            case ev.Failed(error=error):
                self.error = error
            case ev.UsageReport(usage=usage):
                self.usage = usage
            case ev.Started(model=model):
                self.model = model
                self.at_start = False
            case _:
                if not self.committed and ev.commits(event):
                    self.committed = True
                self._thinking.feed(event)
        return self._encoder.feed(event)


def broken_off(error: Error) -> Error:
    """Of a connection that broke under way: for a client it is a stream without its end, however it lost that."""
    return msgspec.structs.replace(error, code=INTERRUPTED.code) if error.code == BROKEN else error


def unreadable(error: FrameError) -> Error:
    """The word for a stream that is not of its framing."""
    code = "upstream_event_too_long" if isinstance(error, FrameTooLong) else "upstream_invalid_stream"
    return Error(kind=ErrorKind.UPSTREAM, message=f"the provider's stream cannot be read: {error}", code=code)

"""What a dialect is: a frozen record of pure functions. The proxy works with these values and never asks which dialect it has.

None of the functions knows HTTP clients, keys, tenants or time. Decoders raise nothing but `GatewayError`.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from tidegate.dialects.reading import as_body
from tidegate.ir.content import Origin
from tidegate.ir.errors import Error
from tidegate.ir.events import Event
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.response import Response
from tidegate.ir.target import Profile
from tidegate.ir.usage import Usage
from tidegate.wire.framings import SSE
from tidegate.wire.splice import Fields


class Stamp(msgspec.Struct, frozen=True):
    """What an encoder may not invent: the answer's id stem (unique per call, `[0-9a-z]+`) and its time in Unix seconds.
    Encoders derive their own ids from `stem` (`chatcmpl-<stem>`, `msg_<stem>`), also for tool calls that came without one."""

    stem: str
    created: int


class Encoded(msgspec.Struct, frozen=True):
    """Bytes for the wire and what they could not carry."""

    body: bytes
    losses: list[Loss]


class Head(msgspec.Struct, frozen=True):
    """What routing needs of a request."""

    model: str
    stream: bool


class StreamDecoder(Protocol):
    """Frames of the dialect's framing in (server-sent events, for most), neutral events out."""

    def feed(self, event: str, data: bytes) -> list[Event]:
        """Decodes one frame. Data that is not of the dialect becomes `Failed` (kind UPSTREAM)."""
        ...

    def end(self) -> list[Event]:
        """The provider closed the stream: what is still owed. `Finished` where the stream had told its stop (also without its
        dialect's terminator), `Failed` (kind UPSTREAM, code `upstream_stream_interrupted`) where it had not. Nothing if it
        had already finished or failed."""
        ...


class StreamEncoder(Protocol):
    """Neutral events in, bytes of whole frames out (possibly none)."""

    losses: list[Loss]

    def feed(self, event: Event) -> bytes: ...


class Tap(Protocol):
    """Reads a stream that is passed through untouched."""

    usage: Usage | None
    finished: bool
    """The stream has told why it stopped (or sent its terminator): an end now is a success."""
    committed: bool
    """Content has been seen."""
    model: str | None
    error: Error | None
    """An error event was seen: the stream failed, whatever its HTTP status was."""

    def feed(self, event: str, data: bytes) -> bool:
        """Reads one frame. True if it is the usage-only event that a client which did not ask for usage must not
        see (OpenAI's `choices: []` chunk with `usage`)."""
        ...


class Whole(msgspec.Struct, frozen=True):
    """What the tap of a whole (not streamed) answer read."""

    model: str | None
    usage: Usage | None


def _never(_event: str, _data: bytes) -> bool:
    return False


def _as_it_is(body: bytes, _model: str) -> bytes:
    return body


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format.

    `path` is appended to a provider's base URL, `stream_path` for a streamed call where that is another; `{model}` in them is the model,
    escaped. `in_url` are the top-level fields of a request that stand in the URL and not in the body. `framing` is that of its streams,
    a name of `wire.framings`, and `stream_type` their content type. `headers` are sent upstream with every call of this dialect.
    `forward` are the names (lower case) of client request headers that go upstream when the client speaks the same dialect.
    """

    name: str
    path: str
    stream_path: str = ""
    in_url: tuple[str, ...] = ()
    only_here: tuple[str, ...] = ()
    """Top-level fields that only this surface of the dialect has, where it has another one with another framing."""
    framing: str = SSE
    stream_type: bytes = b"text/event-stream; charset=utf-8"
    headers: Mapping[str, str]
    forward: frozenset[str]
    forward_query: frozenset[str] = frozenset()
    """Query parameters that go upstream when the client speaks the same dialect."""
    head: Callable[[Fields], Head]
    """For dialects that say it in the body. Where the URL says it, the surface gives the head."""
    read_request: Callable[[JsonObject], Request]
    """The neutral request of a decoded body, which it takes apart. A dialect that has `model` and `stream` in the URL leaves them empty;
    `Call.asked` fills them in."""
    read_count: Callable[[JsonObject], Request] | None = None
    """A request whose tokens are to be counted; None where the dialect has no such surface."""
    count_path: str = "/count_tokens"
    """Where tokens are counted, appended to the path of a whole answer without `count_instead` at its end."""
    count_instead: str = ""
    count_field: str = "input_tokens"
    """The field of the answer that has the count."""
    count_body: Callable[[bytes, str], bytes] = _as_it_is
    """(body, provider's model) -> the body of a request to count, where it names the model in a place of its own."""
    encode_request: Callable[[Request, Profile], Encoded]
    decode_response: Callable[[bytes, Origin], Response]
    encode_response: Callable[[Response, Stamp, Request], Encoded]
    """The answer for the client that asked the `Request`."""
    stream_decoder: Callable[[Origin], StreamDecoder]
    stream_encoder: Callable[[Stamp, Request], StreamEncoder]
    tap: Callable[[], Tap]
    terminates: Callable[[str, bytes], bool] = _never
    """(event, data) of a frame after the tap has `finished` -> whether it is the dialect's terminator. What follows one is cut."""
    tap_whole: Callable[[bytes], Whole]
    decode_error: Callable[[int, bytes], Error]
    encode_error: Callable[[Error, str], bytes]
    """(error, request id) -> body of an error answer."""
    encode_stream_error: Callable[[Error, str], bytes]
    """(error, request id) -> the dialect's error event, framed. Never a terminator."""
    usage_fields: Callable[[bytes | None], dict[str, bytes]]
    """The client's raw `stream_options` or None -> the top-level fields to set; empty where usage is always reported or was asked."""

    def decode_request(self, body: bytes) -> Request:
        """`read_request` of the bytes of a body."""
        return self.read_request(as_body(body))

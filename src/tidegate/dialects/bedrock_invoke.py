"""Anthropic's dialect as Bedrock's `invoke` surfaces have it: the model and whether to stream stand in the URL, streams are chunks of an
AWS event stream, and errors are AWS's. Everything else is the anthropic dialect, so that its clients and its providers understand each
other.
"""

import msgspec

from tidegate.dialects import anthropic, bedrock_converse
from tidegate.dialects.anthropic.decode_request import read_unnamed
from tidegate.dialects.base import Head, Stamp
from tidegate.ir.errors import Error
from tidegate.ir.events import Event
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.wire import eventstream_invoke
from tidegate.wire.framings import FRAMINGS, INVOKE, SSE, Reframed
from tidegate.wire.splice import Fields

_LIMIT = 1 << 26
"""Bytes of one event that the encoder wrote itself."""
_ONLY_HERE = ("anthropic_version", "anthropic_beta")


def _head(fields: Fields) -> Head:
    """The body says neither the model nor whether to stream."""
    del fields
    return Head("", False)


def _read_request(raw: JsonObject) -> Request:
    request = read_unnamed(raw)
    request.extras = {name: value for name, value in request.extras.items() if name not in _ONLY_HERE}
    return request


class _StreamEncoder:
    """Anthropic's events, written anew as chunks."""

    def __init__(self, stamp: Stamp, request: Request) -> None:
        self._inner = anthropic.DIALECT.stream_encoder(stamp, request)
        self._framer = Reframed(FRAMINGS[SSE].framer(_LIMIT), FRAMINGS[INVOKE])

    @property
    def losses(self) -> list[Loss]:
        return self._inner.losses

    def feed(self, event: Event) -> bytes:
        return b"".join(found.raw for found in self._framer.feed(self._inner.feed(event)))


def _encode_stream_error(error: Error, request_id: str) -> bytes:
    return eventstream_invoke.frame(anthropic.DIALECT.encode_error(error, request_id), "error")


DIALECT = msgspec.structs.replace(
    anthropic.DIALECT,
    path="/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    in_url=("model", "stream"),
    only_here=_ONLY_HERE,
    framing=INVOKE,
    stream_type=b"application/vnd.amazon.eventstream",
    head=_head,
    read_request=_read_request,
    read_count=None,
    stream_encoder=_StreamEncoder,
    encode_error=bedrock_converse.DIALECT.encode_error,
    encode_stream_error=_encode_stream_error,
)

"""Anthropic's Messages API as a dialect. `DIALECT` is the record that the table lists; the files beside it are one direction or one
matter each."""

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.anthropic.decode_request import head, read_count, read_request
from tidegate.dialects.anthropic.encode_request import encode_request
from tidegate.dialects.anthropic.errors import decode_error, encode_error, encode_stream_error
from tidegate.dialects.anthropic.response import decode_response, encode_response
from tidegate.dialects.anthropic.stream_decoder import AnthropicStreamDecoder
from tidegate.dialects.anthropic.stream_encoder import AnthropicStreamEncoder
from tidegate.dialects.anthropic.tap import AnthropicTap, tap_whole, terminates
from tidegate.dialects.base import Dialect


def _usage_fields(stream_options: bytes | None) -> dict[str, bytes]:
    """Usage is always reported."""
    del stream_options
    return {}


DIALECT = Dialect(
    name=NAME,
    path="/v1/messages",
    headers={"anthropic-version": "2023-06-01"},
    forward=frozenset(("anthropic-beta", "anthropic-version")),
    forward_query=frozenset(("beta",)),
    head=head,
    read_request=read_request,
    read_count=read_count,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=AnthropicStreamDecoder,
    stream_encoder=AnthropicStreamEncoder,
    tap=AnthropicTap,
    terminates=terminates,
    tap_whole=tap_whole,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    usage_fields=_usage_fields,
)

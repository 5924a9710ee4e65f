"""Bedrock's Converse API as a dialect. `DIALECT` is the record that the table lists; the files beside it are one direction or one matter
each. Model and streaming stand in the URL, streams are AWS event streams."""

from tidegate.dialects.base import Dialect
from tidegate.dialects.bedrock_converse.decode_request import head, read_count, read_request
from tidegate.dialects.bedrock_converse.encode_request import encode_request
from tidegate.dialects.bedrock_converse.errors import decode_error, encode_error, encode_stream_error
from tidegate.dialects.bedrock_converse.fields import NAME
from tidegate.dialects.bedrock_converse.response import decode_response, encode_response, tap_whole
from tidegate.dialects.bedrock_converse.stream_decoder import ConverseStreamDecoder
from tidegate.dialects.bedrock_converse.stream_encoder import ConverseStreamEncoder
from tidegate.dialects.bedrock_converse.tap import ConverseTap
from tidegate.wire.framings import EVENT_STREAM


def _usage_fields(stream_options: bytes | None) -> dict[str, bytes]:
    """Usage is always reported."""
    del stream_options
    return {}


DIALECT = Dialect(
    name=NAME,
    path="/model/{model}/converse",
    stream_path="/model/{model}/converse-stream",
    in_url=("model", "stream"),
    framing=EVENT_STREAM,
    stream_type=b"application/vnd.amazon.eventstream",
    headers={},
    forward=frozenset(("x-amzn-bedrock-trace", "x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion")),
    head=head,
    read_request=read_request,
    read_count=read_count,
    count_path="/count-tokens",
    count_instead="/converse",
    count_field="inputTokens",
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=ConverseStreamDecoder,
    stream_encoder=ConverseStreamEncoder,
    tap=ConverseTap,
    tap_whole=tap_whole,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    usage_fields=_usage_fields,
)

"""Google's generateContent as a dialect: the Gemini API and Vertex AI. `DIALECT` is the record that the table lists; `ARRAY` is the same
for clients that did not ask for `alt=sse`, whose streams are one JSON array."""

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.dialects.gemini.counting import count_body
from tidegate.dialects.gemini.decode_request import head, read_count, read_request
from tidegate.dialects.gemini.encode_request import encode_request
from tidegate.dialects.gemini.errors import decode_error, encode_array_error, encode_error, encode_stream_error
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.gemini.response import decode_response, encode_response
from tidegate.dialects.gemini.stream_decoder import GeminiStreamDecoder
from tidegate.dialects.gemini.stream_encoder import GeminiArrayEncoder, GeminiStreamEncoder
from tidegate.dialects.gemini.tap import GeminiTap, tap_whole
from tidegate.wire.framings import JSON_ARRAY


def _usage_fields(stream_options: bytes | None) -> dict[str, bytes]:
    """Usage is always reported."""
    del stream_options
    return {}


DIALECT = Dialect(
    name=NAME,
    path="/models/{model}:generateContent",
    stream_path="/models/{model}:streamGenerateContent?alt=sse",
    in_url=("model", "stream"),
    headers={},
    forward=frozenset(),
    head=head,
    read_request=read_request,
    read_count=read_count,
    count_path=":countTokens",
    count_instead=":generateContent",
    count_field="totalTokens",
    count_body=count_body,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=GeminiStreamDecoder,
    stream_encoder=GeminiStreamEncoder,
    tap=GeminiTap,
    tap_whole=tap_whole,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    usage_fields=_usage_fields,
)
ARRAY = msgspec.structs.replace(
    DIALECT,
    framing=JSON_ARRAY,
    stream_type=b"application/json; charset=UTF-8",
    stream_encoder=GeminiArrayEncoder,
    encode_stream_error=encode_array_error,
)

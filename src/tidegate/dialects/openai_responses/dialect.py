"""The openai_responses dialect as a value. Each of its functions has a file of its own beside this one."""

from tidegate.dialects.base import Dialect
from tidegate.dialects.openai_errors import decode_error, encode_error
from tidegate.dialects.openai_responses.decode_request import head, read_request
from tidegate.dialects.openai_responses.decode_response import decode_response
from tidegate.dialects.openai_responses.encode_request import encode_request
from tidegate.dialects.openai_responses.encode_response import encode_response
from tidegate.dialects.openai_responses.errors import encode_stream_error
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.openai_responses.stream_decoder import ResponsesStreamDecoder
from tidegate.dialects.openai_responses.stream_encoder import ResponsesStreamEncoder
from tidegate.dialects.openai_responses.tap import ResponsesTap, tap_whole


def _usage_fields(stream_options: bytes | None) -> dict[str, bytes]:
    """Usage is always reported."""
    del stream_options
    return {}


DIALECT = Dialect(
    name=NAME,
    path="/responses",
    headers={},
    forward=frozenset(("openai-beta", "idempotency-key", "x-client-request-id")),
    head=head,
    read_request=read_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=ResponsesStreamDecoder,
    stream_encoder=ResponsesStreamEncoder,
    tap=ResponsesTap,
    tap_whole=tap_whole,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    usage_fields=_usage_fields,
)

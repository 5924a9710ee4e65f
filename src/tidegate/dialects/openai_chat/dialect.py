"""The openai_chat dialect as a value: OpenAI's Chat Completions, and what the many providers that call themselves compatible make of it.
Built here and named in the table of dialects; each of its functions has a file of its own beside this one."""

from tidegate.dialects.base import Dialect
from tidegate.dialects.openai_chat.decode_request import head, read_request
from tidegate.dialects.openai_chat.decode_response import decode_response
from tidegate.dialects.openai_chat.encode_request import encode_request
from tidegate.dialects.openai_chat.encode_response import encode_response
from tidegate.dialects.openai_chat.errors import encode_stream_error
from tidegate.dialects.openai_chat.fields import NAME, dump, parse
from tidegate.dialects.openai_chat.stream_decoder import stream_decoder
from tidegate.dialects.openai_chat.stream_encoder import stream_encoder
from tidegate.dialects.openai_chat.tap import tap, tap_whole, terminates
from tidegate.dialects.openai_errors import decode_error, encode_error


def usage_fields(stream_options: bytes | None) -> dict[str, bytes]:
    """For a streamed call: the client's `stream_options` with `include_usage`, and nothing where it asked already (or where its value is
    no object: that is for the provider to refuse)."""
    try:
        options = {} if stream_options is None else parse(stream_options)
    except ValueError:
        return {}
    if options is None:
        options = {}
    if type(options) is not dict or options.get("include_usage") is True:
        return {}
    options["include_usage"] = True
    return {"stream_options": dump(options)}


DIALECT = Dialect(
    name=NAME,
    path="/chat/completions",
    headers={},
    # Not `openai-organization` and `openai-project` (they belong to the client's own credential), and not `x-stainless-*` (they describe
    # the client's machine).
    forward=frozenset(("openai-beta", "idempotency-key", "x-client-request-id")),
    head=head,
    read_request=read_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=stream_decoder,
    stream_encoder=stream_encoder,
    tap=tap,
    terminates=terminates,
    tap_whole=tap_whole,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    usage_fields=usage_fields,
)

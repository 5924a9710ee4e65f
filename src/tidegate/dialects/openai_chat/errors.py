"""An error inside a stream of chunks."""

from tidegate.dialects.openai_errors import stream_error_body
from tidegate.dialects.values import dump
from tidegate.ir.errors import Error
from tidegate.wire.sse import frame


def encode_stream_error(error: Error, request_id: str) -> bytes:
    """An event that the official clients raise as an `APIError`, with what it says as its body; no `[DONE]` follows."""
    return frame(dump(stream_error_body(error, request_id)))

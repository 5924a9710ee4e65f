"""An error inside a stream of chunks."""

from tidegate.dialects.openai_errors import error_body
from tidegate.dialects.values import dump
from tidegate.ir.errors import Error
from tidegate.wire.sse import frame


def encode_stream_error(error: Error, request_id: str) -> bytes:
    """An event that the official clients raise as an `APIError`; no `[DONE]` follows."""
    del request_id
    return frame(dump(error_body(error)))

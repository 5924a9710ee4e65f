from tidegate.dialects.openai_chat.errors import encode_stream_error
from tidegate.dialects.openai_errors import encode_error
from tidegate.ir.errors import Error, ErrorKind


def test_an_error_inside_a_stream_has_the_body_of_one_outside() -> None:
    error = Error(kind=ErrorKind.RATE_LIMIT, message="m", code="slow")
    assert encode_stream_error(error, "") == b"data: " + encode_error(error, "") + b"\n\n"

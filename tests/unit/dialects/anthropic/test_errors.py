"""Error bodies of any shape in, Anthropic's shape out."""

import json

import pytest

from tidegate.dialects.anthropic import DIALECT
from tidegate.ir.errors import Error, ErrorKind


def _body(kind: str, message: str = "m") -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", ErrorKind.BAD_REQUEST),
        (401, "authentication_error", ErrorKind.AUTHENTICATION),
        (402, "billing_error", ErrorKind.BILLING),
        (403, "permission_error", ErrorKind.PERMISSION),
        (404, "not_found_error", ErrorKind.NOT_FOUND),
        (413, "request_too_large", ErrorKind.TOO_LARGE),
        (413, "invalid_request_error", ErrorKind.TOO_LARGE),
        (429, "rate_limit_error", ErrorKind.RATE_LIMIT),
        (500, "api_error", ErrorKind.UPSTREAM),
        (504, "timeout_error", ErrorKind.TIMEOUT),
        (529, "overloaded_error", ErrorKind.OVERLOADED),
        (0, "overloaded_error", ErrorKind.OVERLOADED),
        (503, "new_error", ErrorKind.UNAVAILABLE),
        (0, "new_error", ErrorKind.UPSTREAM),
    ],
)
def test_documented_types(status: int, kind: str, expected: ErrorKind) -> None:
    assert DIALECT.decode_error(status, _body(kind)) == Error(kind=expected, message="m", status=status, type=kind)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", ErrorKind.CONTEXT_LENGTH),
        ("input length and `max_tokens` exceed context limit: 1 + 2 > 2", ErrorKind.CONTEXT_LENGTH),
        ("Output blocked by content filtering policy", ErrorKind.CONTENT_FILTER),
        ("Your credit balance is too low to access the Anthropic API.", ErrorKind.BILLING),
    ],
)
def test_what_only_the_message_says(message: str, expected: ErrorKind) -> None:
    error = DIALECT.decode_error(400, _body("invalid_request_error", message))
    assert (error.kind, error.http_status) == (expected, 400)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"m","type":"t","code":"c"}}', "m"),
        (b'{"error":"m"}', "m"),
        (b'{"message":"m"}', "m"),
        (b'{"detail":"m"}', "m"),
        (b'{"error":{"code":5}}', '{"code":5}'),
        (b'["m"]', "['m']"),
        (b'{"error":null}', '{"error":null}'),
        (b"{}", "{}"),
        (b"upstream connect error", "upstream connect error"),
        (b"<html>502</html>", "<html>502</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "HTTP status 502"),
        (b'""', "HTTP status 502"),
    ],
)
def test_any_body(body: bytes, message: str) -> None:
    error = DIALECT.decode_error(502, body)
    assert (error.kind, error.message, error.status) == (ErrorKind.UPSTREAM, message, 502)


def test_a_long_body_is_cut() -> None:
    assert len(DIALECT.decode_error(502, b"x" * 10_000).message) == 2000


def test_the_code_is_kept() -> None:
    assert DIALECT.decode_error(400, b'{"error":{"message":"m","code":"c"}}').code == "c"


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_every_kind_has_a_documented_type(kind: ErrorKind) -> None:
    told = json.loads(DIALECT.encode_error(Error(kind=kind, message="m"), "req_1"))
    assert told == {"type": "error", "error": {"type": told["error"]["type"], "message": "m"}, "request_id": "req_1"}
    back = DIALECT.decode_error(kind.status, json.dumps(told).encode())
    assert back.http_status == kind.status


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (ErrorKind.UNSUPPORTED, "invalid_request_error"),
        (ErrorKind.AUTHENTICATION, "authentication_error"),
        (ErrorKind.TOO_LARGE, "request_too_large"),
        (ErrorKind.UPSTREAM, "api_error"),
        (ErrorKind.TIMEOUT, "timeout_error"),
        (ErrorKind.OVERLOADED, "overloaded_error"),
    ],
)
def test_types_for_clients(kind: ErrorKind, word: str) -> None:
    assert json.loads(DIALECT.encode_error(Error(kind=kind, message="m", type="insufficient_quota"), ""))["error"]["type"] == word


def test_a_providers_own_type_stands() -> None:
    error = Error(kind=ErrorKind.BAD_REQUEST, message="m", type="billing_error")
    assert json.loads(DIALECT.encode_error(error, ""))["error"]["type"] == "billing_error"


def test_an_error_in_a_stream() -> None:
    framed = DIALECT.encode_stream_error(Error(kind=ErrorKind.OVERLOADED, message="m"), "req_1")
    assert framed == b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"req_1"}\n\n'

import json
from typing import Any

import pytest

from tidegate.dialects.openai_errors import decode_error, encode_error, error_of
from tidegate.ir.errors import Error, ErrorKind


def _decode(status: int, body: Any) -> Error:
    return decode_error(status, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, "m"),
        ({"error": {"message": "m"}}, "m"),
        ({"error": "m"}, "m"),
        ({"error": "Bad Request", "message": "m"}, "m"),
        ({"error": ["m", "n"]}, "m"),
        ({"message": "m"}, "m"),
        ({"object": "error", "message": "m", "type": "invalid_request_error", "code": "3051"}, "m"),
        ({"id": "x", "message": "m"}, "m"),
        ({"detail": "m"}, "m"),
        ({"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}]}, "body.messages.0: field required"),
        ({"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "m"}]}}, "body: m"),
        ([{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}], "m"),
        ({"success": False, "errors": [{"code": 7003, "message": "m"}]}, "m"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, "m"),
        ({"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "m"}}}, "Provider returned error: m"),
        ({"title": "m", "status": 400}, "m"),
        ("m", "m"),
        (None, "the provider answered 418 without a message"),
        ({}, "the provider answered 418 without a message"),
        ([], "the provider answered 418 without a message"),
        ({"error": {"message": 7}}, "the provider answered 418 without a message"),
    ],
)
def test_messages_in_every_shape(body: Any, message: str) -> None:
    error = _decode(418, body)
    assert (error.message, error.status) == (message, 418)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider answered 502 without a message"),
        (b"<html>x", "the provider answered 502 without a message"),
        (b"Not Found\n", "Not Found"),
    ],
)
def test_bodies_that_are_not_json(body: bytes, message: str) -> None:
    error = decode_error(502, body)
    assert (error.message, error.kind) == (message, ErrorKind.UPSTREAM)


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (400, {"code": "context_length_exceeded"}, ErrorKind.CONTEXT_LENGTH),
        (400, {"message": "This model's maximum context length is 8192 tokens."}, ErrorKind.CONTEXT_LENGTH),
        (413, {"message": "prompt is too long: 210000 tokens"}, ErrorKind.CONTEXT_LENGTH),
        (400, {"code": "content_filter"}, ErrorKind.CONTENT_FILTER),
        (400, {"message": "triggering Azure OpenAI's content management policy."}, ErrorKind.CONTENT_FILTER),
        (401, {"code": "invalid_api_key", "type": "invalid_request_error"}, ErrorKind.AUTHENTICATION),
        (402, {"message": "Insufficient Balance"}, ErrorKind.BILLING),
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, ErrorKind.BILLING),
        (403, {"message": "Your credit balance is too low"}, ErrorKind.BILLING),
        (
            429,
            {"type": "tokens", "code": "rate_limit_exceeded", "message": "add a payment method at .../account/billing"},
            ErrorKind.RATE_LIMIT,
        ),
        (429, {"status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota"}, ErrorKind.RATE_LIMIT),
        (400, {"code": "model_not_found"}, ErrorKind.NOT_FOUND),
        (404, {"type": "invalid_request_error"}, ErrorKind.NOT_FOUND),
        (400, {"code": "unsupported_parameter"}, ErrorKind.UNSUPPORTED),
        (503, {"message": "Service unavailable"}, ErrorKind.UNAVAILABLE),
        (500, {"message": "the model is overloaded"}, ErrorKind.OVERLOADED),
        (500, {"type": "server_error"}, ErrorKind.UPSTREAM),
        (422, {"message": "x"}, ErrorKind.BAD_REQUEST),
        (410, {"message": "x"}, ErrorKind.GONE),
        (504, {"message": "x"}, ErrorKind.TIMEOUT),
    ],
)
def test_kinds(status: int, fields: dict[str, Any], kind: ErrorKind) -> None:
    error = _decode(status, {"error": {"message": "x", **fields}})
    assert (error.kind, error.status) == (kind, status)


@pytest.mark.parametrize(
    ("value", "kind", "status"),
    [
        ({"error": {"code": 429, "message": "x"}}, ErrorKind.RATE_LIMIT, 429),
        ({"error": {"code": "502", "message": "x"}}, ErrorKind.UPSTREAM, 502),
        (
            {"error": {"type": "invalid_request_error", "code": "tool_use_failed", "message": "x", "failed_generation": "y"}},
            ErrorKind.BAD_REQUEST,
            400,
        ),
        ({"error": {"type": "server_error", "message": "x"}}, ErrorKind.UPSTREAM, 502),
        ({"error": {"message": "rate limit reached"}}, ErrorKind.RATE_LIMIT, 429),
        ({"error": {"message": "x"}}, ErrorKind.UPSTREAM, 502),
    ],
)
def test_errors_inside_an_answer_find_their_status(value: Any, kind: ErrorKind, status: int) -> None:
    error = error_of(value)
    assert (error.kind, error.status) == (kind, status)


def test_words_and_param_are_kept() -> None:
    error = _decode(400, {"error": {"message": "m", "type": "t", "param": "messages[0]", "code": "c"}})
    assert (error.type, error.param, error.code) == ("t", "messages[0]", "c")
    assert _decode(401, {"error": {"code": "401", "message": "m"}}).code is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 1.5s.", 1.5),
        ("try again in 350ms", 0.35),
        ("try again in 6m0s", 360),
        ("try again in 1h2m", 3720),
        ("try again in a while", None),
    ],
)
def test_waits_that_messages_tell(text: str, seconds: float | None) -> None:
    assert _decode(429, {"error": {"message": text}}).retry_after == seconds


@pytest.mark.parametrize(
    ("kind", "word", "code"),
    [
        (ErrorKind.BAD_REQUEST, "invalid_request_error", None),
        (ErrorKind.CONTEXT_LENGTH, "invalid_request_error", "context_length_exceeded"),
        (ErrorKind.AUTHENTICATION, "authentication_error", "invalid_api_key"),
        (ErrorKind.PERMISSION, "permission_error", None),
        (ErrorKind.NOT_FOUND, "not_found_error", None),
        (ErrorKind.RATE_LIMIT, "rate_limit_error", "rate_limit_exceeded"),
        (ErrorKind.BILLING, "insufficient_quota", "insufficient_quota"),
        (ErrorKind.OVERLOADED, "server_error", "overloaded"),
        (ErrorKind.UPSTREAM, "server_error", None),
    ],
)
def test_openais_shape(kind: ErrorKind, word: str, code: str | None) -> None:
    body = json.loads(encode_error(Error(kind=kind, message="m", param="p"), "req_1"))
    assert body == {"error": {"message": "m", "type": word, "param": "p", "code": code}}


def test_a_providers_code_stays() -> None:
    error = Error(kind=ErrorKind.RATE_LIMIT, message="m", code="slow")
    assert json.loads(encode_error(error, ""))["error"]["code"] == "slow"

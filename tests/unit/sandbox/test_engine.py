import json
from typing import Any

import pytest

from tidegate.sandbox.anthropic import ANTHROPIC
from tidegate.sandbox.dialect import Dialect
from tidegate.sandbox.engine import Outcome, Request, Rules, count_tokens, respond
from tidegate.sandbox.openai import OPENAI

HEADERS = {"anthropic-version": "2023-06-01"}
RULES = Rules(0, False, lambda script, times: True)
BOTH = pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])


def outcome(dialect: Dialect, prompt: Any, rules: Rules = RULES, prefix: str = "v1", **fields: Any) -> Outcome:
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    body = {"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": text}], **fields}
    return respond(dialect, Request("req_1", HEADERS, json.dumps(body).encode(), prefix), rules)


@BOTH
def test_equal_requests_get_equal_bytes(dialect: Dialect) -> None:
    first, second = outcome(dialect, "hi"), outcome(dialect, "hi")
    assert first.body == second.body
    assert first.body != outcome(dialect, "ho").body
    assert outcome(dialect, {"n": 9}, Rules(1, False, RULES.spend)).body != outcome(dialect, {"n": 9}).body


@BOTH
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "\xff"}', b'{"a":' * 5000, b"null"])
def test_bad_json_is_refused_in_the_dialect(dialect: Dialect, body: bytes) -> None:
    refused = respond(dialect, Request("req_1", HEADERS, body), RULES)
    assert refused.status == 400
    assert json.loads(refused.body)["error"]["type"] == "invalid_request_error"


@BOTH
def test_a_bad_script_is_refused(dialect: Dialect) -> None:
    refused = outcome(dialect, {"sandbox": {"colour": 1}})
    assert refused.status == 400
    assert "colour" in json.loads(refused.body)["error"]["message"]


@BOTH
@pytest.mark.parametrize(
    ("script", "status", "wait"),
    [
        ({"mode": "500"}, 500, None),
        ({"mode": "429+retry_after"}, 429, b"1"),
        ({"mode": "429", "retry_after": 7}, 429, b"7"),
        ({"mode": "429", "retry_after": 0.5}, 429, b"0.5"),
        ({"mode": "503", "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 503, b"Wed, 21 Oct 2026 07:28:00 GMT"),
        ({"sandbox": {"status": 529}}, 529, None),
    ],
)
def test_scripted_errors(dialect: Dialect, script: Any, status: int, wait: bytes | None) -> None:
    failed = outcome(dialect, script, stream=True)
    assert failed.status == status
    assert dict(failed.headers).get(b"retry-after") == wait
    assert f"scripted {status}" in json.loads(failed.body)["error"]["message"]


@BOTH
def test_an_errors_body_and_headers_can_be_given(dialect: Dialect) -> None:
    failed = outcome(dialect, {"sandbox": {"status": 502, "body": "<html>bad gateway", "headers": {"Content-Type": "text/html"}}})
    assert failed.body == b"<html>bad gateway"
    assert dict(failed.headers)[b"content-type"] == b"text/html"
    assert json.loads(outcome(dialect, {"sandbox": {"status": 502, "body": {"detail": "x"}}}).body) == {"detail": "x"}


@BOTH
def test_a_given_body_may_be_the_answer(dialect: Dialect) -> None:
    given = outcome(dialect, {"sandbox": {"body": "data: anything\n\n"}}, stream=True)
    assert (given.status, given.body, given.tokens) == (200, b"data: anything\n\n", 0)


@BOTH
def test_times_ends_the_fault(dialect: Dialect) -> None:
    left = [2]

    def spend(script: str, times: int) -> bool:
        left[0] -= 1
        return left[0] >= 0

    rules = Rules(0, False, spend)
    script = {"mode": "500", "times": 2, "n": 3}
    assert [outcome(dialect, script, rules).status for _ in range(4)] == [500, 500, 200, 200]


@BOTH
def test_by_target_goes_by_model_and_path(dialect: Dialect) -> None:
    script = {"sandbox": {"by_target": {"bad": {"mode": "500"}, "p1": {"mode": "503"}}, "n": 3}}
    assert outcome(dialect, script, model="x/bad").status == 500
    assert outcome(dialect, script, prefix="p1").status == 503
    assert outcome(dialect, script).status == 200


def test_counting_tokens_needs_no_limit_and_agrees_with_the_answer() -> None:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "how many tokens are these?"}]}
    counted = count_tokens(ANTHROPIC, Request("r", HEADERS, json.dumps(body).encode()), RULES)
    answered = respond(ANTHROPIC, Request("r", HEADERS, json.dumps({**body, "max_tokens": 9}).encode()), RULES)
    assert json.loads(counted.body) == {"input_tokens": answered.input_tokens}
    assert json.loads(answered.body)["usage"]["input_tokens"] == answered.input_tokens


def test_counting_tokens_fails_as_it_is_told() -> None:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": '{"mode": "529"}'}]}
    assert count_tokens(ANTHROPIC, Request("r", HEADERS, json.dumps(body).encode()), RULES).status == 529
    assert count_tokens(ANTHROPIC, Request("r", HEADERS, b"{}"), RULES).status == 400

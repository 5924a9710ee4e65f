"""Several targets of a route are tried in order until the first content; after it an error is an error."""

import json
from itertools import groupby
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import usage_of
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

GOOD = {"text": "From the second."}


def script(first: dict[str, Any], second: dict[str, Any] | None = None) -> Any:
    by_target = {"one": first, "two": second or GOOD, "three": second or GOOD}
    return {"role": "user", "content": json.dumps({"sandbox": {"by_target": by_target}})}


def places(provider: Provider) -> list[str]:
    """Where the call went, in order. A kept connection that dies at once is tried anew, so that one place may stand for two requests."""
    return [place for place, _ in groupby(request.path.split("/")[1] for request in provider.requests())]


FAILURES = [
    {"status": 408},
    {"status": 410},
    {"status": 429, "retry_after": 60},
    {"status": 500},
    {"status": 503},
    {"status": 529},
    {"mode": "rst", "die_at": -1},
    {"mode": "garbage"},
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: "-".join(str(value) for value in failure.values()))
@pytest.mark.parametrize(("route", "second"), [("same", "two"), ("flip", "three")])
def test_the_first_target_fails(
    openai_client: openai.OpenAI,
    provider: Provider,
    gateway: GatewayProcess,
    route: str,
    second: str,
    failure: dict[str, Any],
    stream: bool,
) -> None:
    if stream and failure.get("mode") == "garbage":
        failure = {**failure, "die_at": 0}
    raw = openai_client.chat.completions.with_raw_response.create(model=route, messages=[script(failure)], stream=stream)
    answer: Any = raw.parse()
    text = "".join(c.choices[0].delta.content or "" for c in answer if c.choices) if stream else answer.choices[0].message.content
    assert text == "From the second."
    assert places(provider) == ["one", second]
    assert raw.headers["x-tidegate-target"].startswith(f"{second}/")
    assert "retry-after" not in raw.headers
    first, last = usage_of(gateway, raw.headers["x-request-id"], 2)
    assert (first["attempt"], first["target"], first["route"]) == (1, "one/gpt-4o", route)
    assert first["error"]
    assert first["status"] == failure.get("status", 502)
    assert (last["attempt"], last["status"], last["error"]) == (2, 200, None)
    assert last["identity"] is (second == "two")


def test_nobody_listens_at_the_first_target(openai_client: openai.OpenAI, provider: Provider, gateway: GatewayProcess) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model="down", messages=[script(GOOD)])
    assert raw.headers["x-tidegate-target"] == "two/gpt-4o"
    first, _ = usage_of(gateway, raw.headers["x-request-id"], 2)
    assert (first["status"], first["upstream_status"]) == (502, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_another_target_would_refuse_too_is_not_tried_again(openai_client: openai.OpenAI, provider: Provider, status: int) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        openai_client.chat.completions.create(model="same", messages=[script({"status": status})])
    assert raised.value.status_code == status
    assert places(provider) == ["one"]


@pytest.mark.parametrize("route", ["same", "flip"])
@pytest.mark.parametrize("how", [{"mode": "rst"}, {"mode": "fin"}, {"error_in_stream": True}])
@pytest.mark.parametrize("die_at", [0, 1])
def test_a_stream_that_dies_before_its_first_content(
    openai_client: openai.OpenAI, provider: Provider, route: str, how: dict[str, Any], die_at: int
) -> None:
    stream = openai_client.chat.completions.create(model=route, messages=[script({"n": 9, "die_at": die_at, **how})], stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "From the second."
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.choices[0].delta.role for chunk in chunks if chunk.choices and chunk.choices[0].delta.role] == ["assistant"]
    assert len(places(provider)) == 2


@pytest.mark.parametrize("how", [{"mode": "rst"}, {"mode": "fin"}, {"error_in_stream": True}])
@pytest.mark.parametrize("route", ["same", "flip"])
def test_a_stream_that_dies_after_content_is_an_error(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic, provider: Provider, route: str, how: dict[str, Any]
) -> None:
    message = script({"n": 9, "die_at": 6, "gap_ms": 5, **how})
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in openai_client.chat.completions.create(model=route, messages=[message], stream=True):
            text += chunk.choices[0].delta.content or ""
    assert text
    text = ""
    with (
        pytest.raises(anthropic.APIError),
        anthropic_client.messages.stream(model=route, max_tokens=100, messages=[message]) as stream,
    ):
        for piece in stream.text_stream:
            text += piece
    assert text
    assert places(provider) == ["one"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_last_target_s_error_is_the_client_s(
    anthropic_client: anthropic.Anthropic, provider: Provider, gateway: GatewayProcess, stream: bool
) -> None:
    with pytest.raises(anthropic.RateLimitError) as raised:
        anthropic_client.messages.create(
            model="flip", max_tokens=9, messages=[script({"status": 500}, {"status": 429, "retry_after": 3})], stream=stream
        )
    headers = raised.value.response.headers
    assert (headers["retry-after"], headers["x-tidegate-target"]) == ("3", "three/claude-sonnet-4-5")
    assert places(provider) == ["one", "three"]
    assert [event["status"] for event in usage_of(gateway, headers["x-request-id"], 2)] == [500, 429]


def test_a_target_that_cannot_do_what_is_asked_is_passed_over(anthropic_client: anthropic.Anthropic, provider: Provider) -> None:
    # `top_k` and a PDF by URL are no errors; a file id of Anthropic's own store means nothing to OpenAI.
    content: Any = [{"type": "document", "source": {"type": "file", "file_id": "file_011"}}, {"type": "text", "text": "Sum up."}]
    answer = anthropic_client.messages.create(model="flip", max_tokens=90, messages=[{"role": "user", "content": content}])
    assert "file_011" in str(answer.content)
    assert places(provider) == ["three"]


def test_defaults_hold_where_the_client_set_nothing(openai_client: openai.OpenAI, provider: Provider) -> None:
    message = script({})
    message["content"] = json.dumps({"sandbox": {"n": 20}})
    assert openai_client.chat.completions.create(model="short", messages=[message]).choices[0].finish_reason == "length"
    assert provider.request().body["max_tokens"] == 3
    openai_client.chat.completions.create(model="short", messages=[message], max_completion_tokens=5)
    assert provider.request().body["max_tokens"] == 5


def test_a_route_for_a_prefix(openai_client: openai.OpenAI, provider: Provider) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model="team/claude-haiku-4-5", messages=[script(GOOD)])
    assert raw.headers["x-tidegate-target"] == "anthropic/claude-haiku-4-5"
    assert provider.request().body["model"] == "claude-haiku-4-5"

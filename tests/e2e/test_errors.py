"""Errors in the client's own dialect: the official clients raise the right exception, whatever the provider's dialect is."""

import http.client
import json
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import GPT, SECRET, usage_of
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess

Clients = tuple[openai.OpenAI, anthropic.Anthropic]


def script(**fields: Any) -> Any:
    return {"role": "user", "content": json.dumps({"sandbox": fields})}


def create(client: openai.OpenAI | anthropic.Anthropic, model: str, message: Any, **more: Any) -> Any:
    if isinstance(client, openai.OpenAI):
        return client.chat.completions.create(model=model, messages=[message], **more)
    return client.messages.create(model=model, max_tokens=100, messages=[message], **more)


@pytest.fixture(params=["by-openai", "by-anthropic"])
def client(request: pytest.FixtureRequest, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic) -> Any:
    return openai_client if request.param == "by-openai" else anthropic_client


def error_of(client: Any, name: str) -> Any:
    return getattr(openai if isinstance(client, openai.OpenAI) else anthropic, name)


@pytest.mark.parametrize("key", ["tgk_live_nonsense", "sk-ant-their-own-key", "wrong"])
def test_a_bad_key(client: Any, provider: Provider, key: str) -> None:
    with pytest.raises(error_of(client, "AuthenticationError")) as raised:
        create(client.with_options(api_key=key), GPT, script(n=1))
    assert raised.value.status_code == 401
    assert key not in str(raised.value)
    assert provider.requests() == []


def test_an_unknown_model_comes_with_near_names(client: Any, provider: Provider) -> None:
    with pytest.raises(error_of(client, "NotFoundError")) as raised:
        create(client, "claude-sonet-4-5", script(n=1))
    assert "claude-sonnet-4-5" in str(raised.value)
    assert provider.requests() == []


def test_a_key_that_may_not(client: Any) -> None:
    with pytest.raises(error_of(client, "PermissionDeniedError")) as raised:
        create(client.with_options(api_key="a-narrow-key-of-24-chars"), GPT, script(n=1))
    assert "`same`" in str(raised.value)


def test_a_provider_without_a_credential_says_what_to_set(client: Any) -> None:
    with pytest.raises(error_of(client, "BadRequestError")) as raised:
        create(client, "keyless/mistral-small-latest", script(n=1))
    assert "MISTRAL_API_KEY" in str(raised.value)
    with pytest.raises(error_of(client, "BadRequestError")) as raised:
        create(client, "groq/llama-3.3-70b-versatile", script(n=1))
    assert "GROQ_API_KEY" in str(raised.value)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (409, "ConflictError"),
        (413, "APIStatusError"),
        (422, "UnprocessableEntityError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (503, "InternalServerError"),
        (529, "InternalServerError"),
    ],
)
def test_the_provider_s_status_and_words(client: Any, provider: Provider, model: str, status: int, name: str, stream: bool) -> None:
    if isinstance(client, anthropic.Anthropic):
        name = {413: "RequestTooLargeError", 503: "ServiceUnavailableError", 529: "OverloadedError"}.get(status, name)
    with pytest.raises(error_of(client, name)) as raised:
        create(client, model, script(status=status), stream=stream)
    error = raised.value
    assert error.status_code == status
    assert f"scripted {status}" in str(error)
    assert error.response.headers["x-request-id"].startswith("req_")
    assert SECRET not in json.dumps(dict(error.response.headers)) + str(error)
    if isinstance(error, anthropic.APIStatusError):
        body: Any = error.body
        assert body["type"] == "error"
        assert error.request_id == error.response.headers["x-request-id"]
    else:
        assert isinstance(error.type, str)
    assert provider.attempt()["status"] == status


def test_a_rate_limit_says_when_to_try_again(client: Any, model: str) -> None:
    with pytest.raises(error_of(client, "RateLimitError")) as raised:
        create(client, model, script(status=429, retry_after=7))
    headers = raised.value.response.headers
    assert headers["retry-after"] == "7"
    assert headers["x-tidegate-upstream-retry-after"] == "7"


def test_the_client_s_own_retry_works(client: Any, provider: Provider, model: str) -> None:
    seed = int(isinstance(client, openai.OpenAI))
    answer = create(client.with_options(max_retries=1), model, script(n=1, status=429, times=1, retry_after=0, seed=seed))
    assert answer.id
    assert [attempt["status"] for attempt in provider.attempts(2)] == [429, 200]


@pytest.mark.parametrize("die_at", [0, 1, 4])
@pytest.mark.parametrize(
    "how", [{"error_in_stream": True}, {"mode": "rst"}, {"mode": "fin"}, {"mode": "garbage"}, {"mode": "garbage_wire"}]
)
def test_a_broken_stream_is_an_error_and_never_an_end(
    client: Any, provider: Provider, model: str, how: dict[str, Any], die_at: int
) -> None:
    seen: list[Any] = []
    # Within one dialect the provider's bytes pass as they are, garbage too: the client stumbles over them by itself.
    kinds = (error_of(client, "APIError"), UnicodeDecodeError) if how.get("mode") == "garbage" else error_of(client, "APIError")
    with pytest.raises(kinds):
        for event in create(client, model, script(n=40, die_at=die_at, **how), stream=True):
            seen.append(event)
    shown = json.dumps([event.model_dump() for event in seen])
    assert '"finish_reason": "' not in shown
    assert "message_stop" not in shown
    assert '"stop_reason": "' not in shown
    assert provider.attempt()["end"] in ("error_in_stream", "rst", "fin", "garbage", "garbage_wire")


@pytest.mark.parametrize(
    "how", [{"mode": "rst", "die_at": 1}, {"mode": "fin", "die_at": 1}, {"mode": "garbage"}, {"mode": "rst", "die_at": -1}]
)
def test_a_broken_whole_answer_is_an_error(client: Any, model: str, how: dict[str, Any]) -> None:
    with pytest.raises(error_of(client, "InternalServerError")) as raised:
        create(client, model, script(n=40, **how))
    assert raised.value.status_code == 502


def test_a_broken_stream_is_on_the_ledger(openai_client: openai.OpenAI, gateway: GatewayProcess, model: str) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model=model, messages=[script(n=40, die_at=5, mode="fin")], stream=True)
    with pytest.raises(openai.APIError):
        list(raw.parse())
    event = usage_of(gateway, raw.headers["x-request-id"])[0]
    assert event["error"].startswith("upstream: ")
    assert event["status"] == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_cannot_be_reached(client: Any, stream: bool) -> None:
    with pytest.raises(error_of(client, "InternalServerError")) as raised:
        create(client, "dead/x", script(n=1), stream=stream)
    assert raised.value.status_code == 502
    assert "cannot be reached" in str(raised.value)


CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"model": "openai/gpt-4o", "messages": [', "byte 40"),
        (b'{"model": "openai/gpt-4o", "messages": "\xff"}', "byte 40"),
        (b'{"model": "openai/gpt-4o", "model": "same", "messages": []}', "'model'"),
        (b"[]", "JSON object"),
        (b"", "byte 0"),
        (b'{"messages": []}', "model"),
        (b'{"model": 7, "messages": []}', "model"),
        (b'{"model": "openai/gpt-4o", "messages": [], "stream": "yes"}', "stream"),
        (b'{"model": ' + b"[" * 100_000, "deep"),
    ],
)
def test_bodies_that_cannot_be_read(gateway: GatewayProcess, provider: Provider, path: str, body: bytes, words: str) -> None:
    answer = call(gateway.url + path, "POST", gateway.headers, body)
    assert answer.status == 400
    error = answer.json()["error"]
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert ("request_id" in answer.json()) is (path == MESSAGES)
    assert provider.requests() == []


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_body_over_the_cap(gateway: GatewayProcess, provider: Provider, path: str) -> None:
    answer = call(gateway.url + path, "POST", gateway.headers, {"model": GPT, "messages": [], "pad": "x" * (2 << 20)})
    assert answer.status == 413
    assert "body_limit" in answer.json()["error"]["message"]
    assert provider.requests() == []


def test_a_body_over_the_cap_that_does_not_say_its_length(gateway: GatewayProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("POST", CHAT, (b"x" * 100_000 for _ in range(30)), gateway.headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_compressed_body(gateway: GatewayProcess) -> None:
    for coding, status in (("br", 415), ("gzip", 400)):
        answer = call(gateway.url + CHAT, "POST", {**gateway.headers, "content-encoding": coding}, b"\x1f\x8b")
        assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/v1/chat/completion", 404, "/v1/chat/completions"),
        ("POST", "/chat/completions", 404, "/v1/chat/completions"),
        ("POST", "/v1/message", 404, "/v1/messages"),
        ("GET", "/v1/chat/completions", 405, "POST"),
        ("GET", "/", 404, "/v1/models"),
        ("POST", "/v1//messages", 400, "plain path"),
        ("POST", "/v1/x/../messages", 400, "plain path"),
    ],
)
def test_wrong_paths_come_with_a_hint(gateway: GatewayProcess, method: str, path: str, status: int, words: str) -> None:
    answer = call(gateway.url + path, method, gateway.headers, b"{}" if method == "POST" else None)
    assert answer.status == status
    assert words in answer.json()["error"]["message"]


def test_errors_before_a_surface_speak_the_dialect_of_the_headers(gateway: GatewayProcess) -> None:
    answer = call(gateway.url + "/v1/nothing", "POST", {**gateway.headers, "anthropic-version": "2023-06-01"}, b"{}")
    assert answer.json()["type"] == "error"


def test_refusals_on_loss(openai_client: openai.OpenAI, provider: Provider) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        openai_client.chat.completions.create(model="strict", messages=[script(n=1)], seed=7)
    assert raised.value.param == "seed"
    assert provider.requests() == []
    assert openai_client.chat.completions.create(model="strict", messages=[script(n=1)]).id


def test_a_key_in_the_url_is_refused_and_not_repeated(gateway: GatewayProcess) -> None:
    answer = call(f"{gateway.url}/v1/models?api_key={gateway.key}", headers={})
    assert answer.status == 400
    assert gateway.key not in answer.body.decode()
    assert "URL" in answer.json()["error"]["message"]

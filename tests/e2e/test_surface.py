"""What stands around the answers: headers both ways, models, keys, CORS, health, metrics, the ledger."""

import json
import re
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import CLAUDE, GPT, SECRET, usage_of
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess

HELLO = [{"role": "user", "content": "Hello"}]
ORIGIN = "https://app.example"


def chat(gateway: GatewayProcess, model: str = GPT, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    body = {"model": model, "messages": HELLO, **fields}
    return call(f"{gateway.url}/v1/chat/completions", "POST", {**gateway.headers, **(headers or {})}, body)


def message(gateway: GatewayProcess, model: str = CLAUDE, headers: dict[str, str] | None = None, query: str = "", **fields: Any) -> Any:
    body = {"model": model, "max_tokens": 50, "messages": HELLO, **fields}
    return call(f"{gateway.url}/v1/messages{query}", "POST", {**gateway.headers, **(headers or {})}, body)


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key"])
def test_where_a_key_may_stand(gateway: GatewayProcess, provider: Provider, model: str, name: str) -> None:
    value = f"Bearer {gateway.key}" if name == "authorization" else gateway.key
    answer = call(f"{gateway.url}/v1/chat/completions", "POST", {name: value}, {"model": model, "messages": HELLO})
    assert answer.status == 200
    received = provider.request()
    everything = json.dumps(received.headers) + received.raw.decode() + received.path + received.query
    assert gateway.key not in everything
    assert SECRET in (received.headers.get("authorization", "") + received.headers.get("x-api-key", ""))
    assert ("x-api-key" in received.headers) is (model == CLAUDE)
    assert ("authorization" in received.headers) is (model == GPT)


def test_two_different_keys_are_none(gateway: GatewayProcess) -> None:
    assert chat(gateway, headers={"x-api-key": "another"}).status == 401
    assert chat(gateway, headers={"x-api-key": gateway.key}).status == 200


@pytest.mark.parametrize("query", ["?api_key=x", "?key=x", "?a=b&access%5Ftoken=x"])
def test_keys_in_the_url(gateway: GatewayProcess, provider: Provider, query: str) -> None:
    answer = message(gateway, query=query)
    assert answer.status == 400
    assert provider.requests() == []


ODD = {
    "cookie": "a=b",
    "x-forwarded-for": "10.0.0.1",
    "forwarded": "for=10.0.0.1",
    "openai-organization": "org-theirs",
    "x-custom": "theirs",
    "x-stainless-lang": "python",
    "proxy-authorization": "Basic xyz",
    "anthropic-beta": "beta-one,beta-two",
    "anthropic-version": "2023-06-01",
    "user-agent": "theirs/1.0",
    "x-tidegate-anything": "1",
}


@pytest.mark.parametrize("by", [chat, message])
def test_only_listed_headers_reach_the_provider(gateway: GatewayProcess, provider: Provider, model: str, by: Any) -> None:
    assert by(gateway, model, ODD).status == 200
    headers = provider.request().headers
    allowed = {"host", "content-length", "content-type", "accept-encoding", "user-agent", "authorization", "x-api-key", "anthropic-version"}
    same = by is message and model == CLAUDE
    assert headers.keys() <= allowed | ({"anthropic-beta"} if same else set())
    assert "theirs" not in json.dumps(headers)
    if same:
        assert headers["anthropic-beta"] == "beta-one,beta-two"
    if model == CLAUDE:
        assert headers["anthropic-version"] == "2023-06-01"


def test_the_operator_s_own_headers_are_sent(gateway: GatewayProcess, provider: Provider) -> None:
    assert message(gateway, "three/claude-sonnet-4-5").status == 200
    assert provider.request().headers["x-team"] == "eu"


@pytest.mark.parametrize("by", [chat, message])
def test_headers_of_an_answer(gateway: GatewayProcess, model: str, by: Any) -> None:
    answer = by(gateway, model)
    headers = answer.headers
    assert re.fullmatch(r"req_[0-9a-z]{32}", headers["x-request-id"])
    assert headers["x-tidegate-target"] == model
    assert int(headers["x-tidegate-config-gen"]) >= 1
    same = (by is message) == (model == CLAUDE)
    assert (headers["x-tidegate-receipt"] == "identity") is same
    assert ("request-id" in headers) is (by is message)
    limit = "anthropic-ratelimit-requests-limit" if model == CLAUDE else "x-ratelimit-limit-requests"
    assert headers[f"x-tidegate-upstream-{limit}"].isdigit()
    names = {"content-type", "content-length", "x-request-id", "request-id"}
    assert all(name in names or name.startswith("x-tidegate-") for name in headers)


def test_a_stream_asks_proxies_not_to_buffer(gateway: GatewayProcess, model: str) -> None:
    headers = chat(gateway, model, stream=True).headers
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")


def test_identity_passes_bytes(gateway: GatewayProcess, provider: Provider) -> None:
    body = b'{ "messages" : [{"role":"user","content":"Gr\\u00fc\xc3\x9fe"}],"model"  :"openai/gpt-4o" , "temperature": 1.0}'
    answer = call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body)
    assert provider.request().raw == body.replace(b"openai/gpt-4o", b"gpt-4o")
    direct = call(f"{provider.url}/v1/chat/completions", "POST", {}, provider.request().raw)
    assert answer.body == direct.body


def test_callers_may_bring_their_key_only_where_the_route_says_so(gateway: GatewayProcess, provider: Provider) -> None:
    own = {"x-tidegate-provider-key": "the-caller-s-own"}
    assert chat(gateway, "bring", own).status == 200
    assert provider.request().headers["authorization"] == "Bearer the-caller-s-own"
    provider.forget()
    refused = chat(gateway, "same", own)
    assert (refused.status, provider.requests()) == (403, [])
    assert "caller_keys" in refused.json()["error"]["message"]
    assert chat(gateway, "bring", {"x-tidegate-provider-key": ""}).status == 400
    assert chat(gateway, "bring").status == 200
    assert SECRET in provider.request().headers["authorization"]


def test_models_by_the_openai_client(openai_client: openai.OpenAI) -> None:
    listed = {model.id: model for model in openai_client.models.list()}
    assert {"same", "flip", GPT, CLAUDE, "team/claude-sonnet-4-5", "sandbox/echo"} <= listed.keys()
    assert listed[CLAUDE].owned_by == "anthropic"
    assert not [name for name in listed if name.startswith("keyless/")]
    for name in ("same", CLAUDE, "claude-sonnet-4-5", "openai/a-model-of-tomorrow"):
        assert openai_client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as raised:
        openai_client.models.retrieve("claude-sonet-4-5")
    assert "claude-sonnet-4-5" in str(raised.value)


def test_models_by_the_anthropic_client(anthropic_client: anthropic.Anthropic) -> None:
    first = anthropic_client.models.list(limit=5)
    assert len(first.data) == 5
    assert first.has_more
    names = [model.id for model in anthropic_client.models.list(limit=7)]
    assert len(names) == len(set(names))
    assert {"same", GPT, CLAUDE, "sandbox/echo"} <= set(names)
    assert anthropic_client.models.retrieve(CLAUDE).type == "model"
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.models.retrieve("nothing-like-it")


def test_a_narrow_key_sees_what_it_may_use(openai_client: openai.OpenAI) -> None:
    narrow = openai_client.with_options(api_key="a-narrow-key-of-24-chars")
    names = {model.id for model in narrow.models.list()}
    assert "same" in names
    assert all(name == "same" or name.startswith("anthropic/") for name in names)
    assert narrow.chat.completions.create(model="same", messages=[{"role": "user", "content": "Hi"}]).id


def test_health_needs_no_key(gateway: GatewayProcess) -> None:
    assert call(f"{gateway.url}/health/live").json() == {"status": "ok"}
    assert call(f"{gateway.url}/health/ready").json()["status"] == "ok"


def test_metrics(gateway: GatewayProcess) -> None:
    def value(name: str) -> float:
        page = call(f"{gateway.url}/metrics")
        assert page.headers["content-type"].startswith("text/plain; version=")
        found = [line for line in page.body.decode().splitlines() if line.startswith(name + " ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    place = f'route="{CLAUDE}"'
    attempts = f'tidegate_attempts_total{{{place},status="200",target="{CLAUDE}"}}'
    tokens = f'tidegate_tokens_total{{kind="output",{place},target="{CLAUDE}"}}'
    errors = f'tidegate_errors_total{{{place},status="529",target="{CLAUDE}"}}'
    cost = f'tidegate_cost_dollars_total{{{place},target="{CLAUDE}"}}'
    refused = 'tidegate_refused_total{status="401",surface="messages"}'
    before = [value(name) for name in (attempts, tokens, errors, cost, refused)]
    usage = message(gateway).json()["usage"]
    message(gateway, messages=[{"role": "user", "content": '{"sandbox": {"status": 529}}'}])
    call(f"{gateway.url}/v1/messages", "POST", {}, b"{}")
    after = [value(name) for name in (attempts, tokens, errors, cost, refused)]
    assert [round(new - old, 9) for old, new in zip(before, after, strict=True)] == [
        1,
        usage["output_tokens"],
        1,
        round(usage["input_tokens"] * 3e-6 + usage["output_tokens"] * 15e-6, 9),
        1,
    ]


def test_calls_that_were_refused_before_any_attempt_are_counted(gateway: GatewayProcess) -> None:
    def refused() -> float:
        page = call(f"{gateway.url}/metrics").body.decode()
        found = re.search(r'^tidegate_refused_total\{status="400",surface="chat_completions"\} (\S+)$', page, re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    before = refused()
    assert chat(gateway, CLAUDE, n=2).status == 400
    assert refused() == before + 1


def test_a_usage_event_has_everything(gateway: GatewayProcess) -> None:
    script = json.dumps({"sandbox": {"n": 10, "input_tokens": 1000, "cached": 300, "cache_write": 200}})
    answer = chat(gateway, CLAUDE, seed=3, messages=[{"role": "user", "content": script}])
    event = usage_of(gateway, answer.headers["x-request-id"])[0]
    assert event["usage"] == {"input": 500, "cache_read": 300, "cache_write": 200, "cache_write_1h": 0, "output": 10}
    # Claude Sonnet 4.5: $3 in, $15 out, $0.30 read from and $3.75 written to the cache, per million tokens.
    assert event["cost_nano"] == 500 * 3000 + 300 * 300 + 200 * 3750 + 10 * 15000
    assert event["price_source"]
    expected = {
        "attempt": 1,
        "key_name": "tests",
        "surface": "chat_completions",
        "route": CLAUDE,
        "target": CLAUDE,
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "stream": False,
        "identity": False,
        "status": 200,
        "upstream_status": 200,
        "error": None,
        "estimated": None,
        "request_body": None,
        "response_body": None,
    }
    assert {name: event[name] for name in expected} == expected
    assert event["duration_ms"] >= event["first_byte_ms"] > 0
    assert {"kind": "dropped", "field": "seed"} in [{name: loss[name] for name in ("kind", "field")} for loss in event["receipt"]]
    assert gateway.key not in json.dumps(event)
    assert event["key"] in gateway.key


def test_the_cost_of_an_unknown_model_is_unknown(gateway: GatewayProcess) -> None:
    answer = chat(gateway, "openai/a-model-of-tomorrow")
    event = usage_of(gateway, answer.headers["x-request-id"])[0]
    assert event["usage"]["output"] > 0
    assert event["cost_nano"] is None


def test_cors_for_a_listed_origin(gateway: GatewayProcess) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization,x-any"}
    preflight = call(f"{gateway.url}/v1/chat/completions", "OPTIONS", asked)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert preflight.headers["access-control-allow-headers"] == "authorization,x-any"
    answer = chat(gateway, headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-tidegate-receipt" in answer.headers["access-control-expose-headers"]
    refused = call(f"{gateway.url}/v1/chat/completions", "POST", {"origin": ORIGIN}, b"{}")
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)


def test_no_cors_for_any_other_origin(gateway: GatewayProcess) -> None:
    other = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for answer in (call(f"{gateway.url}/v1/messages", "OPTIONS", other), message(gateway, headers=other)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_built_in_sandbox_answers(openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic) -> None:
    answer = openai_client.chat.completions.create(model="sandbox/echo", messages=[{"role": "user", "content": "Hello, echo"}])
    assert answer.choices[0].message.content == "Hello, echo"
    with anthropic_client.messages.stream(
        model="sandbox/reasoner", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        assert [block.type for block in stream.get_final_message().content] == ["thinking", "text"]


def test_the_built_in_sandbox_sees_a_client_leave(openai_client: openai.OpenAI, gateway: GatewayProcess) -> None:
    slow = '{"sandbox": {"n": 5000, "gap_ms": 10}}'
    raw = openai_client.chat.completions.with_raw_response.create(
        model="sandbox/echo", messages=[{"role": "user", "content": slow}], stream=True
    )
    stream = raw.parse()
    next(iter(stream))
    stream.close()
    assert usage_of(gateway, raw.headers["x-request-id"])[0]["status"] == 499

"""A client that leaves: the provider's connection is closed at once, and the call is still on the ledger.

The product's bound is 250 ms; the tests allow a second, because they share the machine.
"""

import http.client
import json
import time
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import usage_of
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess

pytestmark = pytest.mark.programme("T-ST-2", of="clients of each kind leave in each phase")
SECONDS = 1.0
IN_FLIGHT = b'tidegate_in_flight{route="openai/gpt-4o",surface="chat_completions"}'
SLOW = {"n": 5000, "gap_ms": 10}


def script(**fields: Any) -> Any:
    return {"role": "user", "content": json.dumps({"sandbox": fields})}


def gone_within(provider: Provider, since: float) -> dict[str, Any]:
    attempt = provider.attempts(1)[0]
    assert time.monotonic() - since < SECONDS
    return attempt


def test_an_openai_stream_is_closed(openai_client: openai.OpenAI, provider: Provider, gateway: GatewayProcess, model: str) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model=model, messages=[script(**SLOW)], stream=True)
    stream = raw.parse()
    for _, chunk in zip(range(10), stream, strict=False):
        assert chunk.choices
    assert provider.open() == 1
    stream.close()
    attempt = gone_within(provider, time.monotonic())
    assert attempt["end"] == "client_gone"
    assert attempt["tokens"] < 500
    event = usage_of(gateway, raw.headers["x-request-id"])[0]
    assert (event["status"], event["upstream_status"], event["estimated"]) == (499, 200, "client_disconnect")


def test_an_anthropic_stream_is_closed(
    anthropic_client: anthropic.Anthropic, provider: Provider, gateway: GatewayProcess, model: str
) -> None:
    with anthropic_client.messages.stream(model=model, max_tokens=9000, messages=[script(**SLOW)]) as stream:
        for _, text in zip(range(5), stream.text_stream, strict=False):
            assert text
        request_id = stream.response.headers["x-request-id"]
    attempt = gone_within(provider, time.monotonic())
    assert attempt["end"] == "client_gone"
    event = usage_of(gateway, request_id)[0]
    assert event["status"] == 499
    if model.startswith("anthropic/"):
        # Claude tells the input at the start.
        assert event["usage"]["input"] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_answer_begins(provider: Provider, gateway: GatewayProcess, model: str, stream: bool) -> None:
    before = len(gateway.usage())
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    body = {"model": model, "stream": stream, "messages": [script(n=1, header_delay_ms=60_000)]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), gateway.headers)
    until = time.monotonic() + 5
    while not provider.open():
        assert time.monotonic() < until
        time.sleep(0.005)
    connection.close()
    assert gone_within(provider, time.monotonic())["end"] == "client_gone"
    event = gateway.usage(before + 1)[-1]
    assert (event["status"], event["upstream_status"]) == (499, None)


def test_a_call_that_ended_well_is_no_cancellation(openai_client: openai.OpenAI, provider: Provider, gateway: GatewayProcess) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model="openai/gpt-4o", messages=[script(n=3)], stream=True)
    list(raw.parse())
    raw.http_response.close()
    event = usage_of(gateway, raw.headers["x-request-id"])[0]
    assert (event["status"], event["estimated"], event["error"]) == (200, None, None)


def test_nothing_stays_in_flight(gateway: GatewayProcess, openai_client: openai.OpenAI) -> None:
    with openai_client.chat.completions.create(model="openai/gpt-4o", messages=[script(**SLOW)], stream=True) as stream:
        next(iter(stream))
        assert IN_FLIGHT + b" 1.0" in call(f"{gateway.url}/metrics").body
    until = time.monotonic() + SECONDS
    while IN_FLIGHT + b" 0.0" not in call(f"{gateway.url}/metrics").body:
        assert time.monotonic() < until

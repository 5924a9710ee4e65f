"""Second attempts over the running gateway: the quick provider answers, the slow one is cancelled, and both are on the ledger."""

import json
import time
from collections.abc import Generator
from typing import Any

import pytest
from tests.e2e.wire import Provider, call
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.faults.test_attempts import rows
from tests.support.gateway import GatewayProcess


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Generator[GatewayProcess]:
    places = {name: {"kind": "openai", "base_url": f"{provider.url}/{name}/v1", "api_key": PROVIDER_KEY} for name in ("one", "two")}
    route = {"targets": ["one/gpt-4o", "two/gpt-4o"], "hedge": {"after": 1.0, "budget": 100}}
    with (
        GatewayProcess(tmp_path_factory.mktemp("hedges"), {"providers": places, "routes": {"quick": route}}) as started,
        judged_at_its_end([started], provider.port, secrets={"its key": PROVIDER_KEY}),
    ):
        yield started


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("slow", [{"header_delay_ms": 60_000}, {"ttft_ms": 60_000}], ids=["silent", "held"])
def test_the_quick_one_answers(gateway: GatewayProcess, provider: Provider, slow: dict[str, Any], stream: bool) -> None:
    provider.forget()
    script = {"sandbox": {"by_target": {"one": {"n": 3, **slow}, "two": {"text": "quick"}}}}
    body = {"model": "quick", "stream": stream, "messages": [{"role": "user", "content": json.dumps(script)}]}
    began = time.monotonic()
    answer = call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body)
    assert time.monotonic() - began < 10
    assert (answer.status, answer.headers["x-tidegate-target"]) == (200, "two/gpt-4o")
    assert b"quick" in answer.body
    found = rows(gateway, answer.headers["x-request-id"], 2)
    assert {row["target"]: (row["status"], row["estimated"]) for row in found} == {
        "one/gpt-4o": (499, "hedge_lost"),
        "two/gpt-4o": (200, None),
    }
    lost = next(row for row in found if row["estimated"] == "hedge_lost")
    assert lost["usage"]["input"] > 10
    assert lost["usage"]["output"] == 0
    assert sorted(attempt["end"] == "client_gone" for attempt in provider.attempts(2)) == [False, True]
    assert provider.open() == 0


def test_a_quick_first_is_alone(gateway: GatewayProcess, provider: Provider) -> None:
    provider.forget()
    body = {"model": "quick", "messages": [{"role": "user", "content": "Hi"}]}
    assert call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body).headers["x-tidegate-target"] == "one/gpt-4o"
    assert len(provider.requests()) == 1

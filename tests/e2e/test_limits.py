"""Limits and budgets through the official clients: taken before a call is sent, settled by what the provider told."""

import json
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import usage_of
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

KEYS = {"COUNTED": "a-counted-key-of-24-chars", "POOR": "a-poor-key-of-24-characters", "SINGLE": "a-single-key-of-24-chars"}
PRICE_IN, PRICE_OUT = 2_500_000_000, 10_000_000_000
"""Nano-dollars per million tokens of gpt-4o."""


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, sandbox_provider: Provider) -> Generator[GatewayProcess]:
    configuration: dict[str, Any] = {
        "providers": {"openai": {"base_url": f"{sandbox_provider.url}/v1", "api_key": "env:UPSTREAM_KEY"}},
        "keys": [
            {"name": "counted", "value": "env:COUNTED", "limits": {"requests_per_day": 3}},
            {"name": "poor", "value": "env:POOR", "budget": {"usd": "0.0100", "per": "total"}},
            {"name": "single", "value": "env:SINGLE", "limits": {"concurrent": 1}},
        ],
    }
    environ = {"UPSTREAM_KEY": "upstream-secret-of-the-operator", **KEYS}
    with GatewayProcess(tmp_path_factory.mktemp("limited"), configuration, environ) as started:
        yield started


@contextmanager
def client(gateway: GatewayProcess, key: str) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEYS[key], max_retries=0) as called:
        yield called


def ask(order: dict[str, Any]) -> list[Any]:
    return [{"role": "user", "content": json.dumps({"sandbox": order})}]


def test_requests_are_counted_and_the_next_is_refused_in_the_clients_own_dialect(limited: GatewayProcess) -> None:
    with client(limited, "COUNTED") as called:
        for left in ("2", "1", "0"):
            answer = called.chat.completions.with_raw_response.create(model="openai/gpt-4o", messages=ask({"n": 3}))
            assert (answer.headers["x-ratelimit-limit-requests"], answer.headers["x-ratelimit-remaining-requests"]) == ("3", left)
        with pytest.raises(openai.RateLimitError) as refused:
            called.chat.completions.create(model="openai/gpt-4o", messages=ask({"n": 3}))
        assert refused.value.code == "rate_limit_exceeded"
        assert "counted" in refused.value.message
        assert int(refused.value.response.headers["retry-after"]) > 0
        with (
            anthropic.Anthropic(base_url=limited.url, api_key=KEYS["COUNTED"], max_retries=0) as other,
            pytest.raises(anthropic.RateLimitError),
        ):
            other.messages.create(model="openai/gpt-4o", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
        quota = called.get("/tidegate/quota", cast_to=dict[str, Any])
        assert [(line["of"], line["used"], line["remaining"]) for line in quota["limits"]] == [("requests", 3, 0)]


def test_a_hard_budget_is_never_passed_by_calls_at_the_same_time(limited: GatewayProcess) -> None:
    with client(limited, "POOR") as called:

        def one(number: int) -> int:
            try:
                answer = called.chat.completions.create(model="openai/gpt-4o", messages=ask({"n": 40 + number % 7}), max_tokens=60)
            except openai.RateLimitError as refused:
                assert refused.code == "budget_exceeded"
                assert "while other calls run" in refused.message or refused.response.headers["x-should-retry"] == "false"
                return 0
            assert answer.usage is not None
            return (-(-answer.usage.prompt_tokens * PRICE_IN // 10**6)) + (-(-answer.usage.completion_tokens * PRICE_OUT // 10**6))

        with ThreadPoolExecutor(16) as pool:
            spent = list(pool.map(one, range(60)))
        assert 0 < sum(spent) <= 10_000_000
        assert 0 in spent
        quota = called.get("/tidegate/quota", cast_to=dict[str, Any])
        (budget,) = quota["limits"]
        assert (budget["used"], budget["reserved"]) == (sum(spent), 0)


def test_a_concurrent_call_is_freed_when_its_client_leaves(limited: GatewayProcess) -> None:
    with client(limited, "SINGLE") as called:
        stream = called.chat.completions.create(model="openai/gpt-4o", messages=ask({"n": 1000, "gap_ms": 20}), stream=True)
        next(iter(stream))
        with pytest.raises(openai.RateLimitError):
            called.chat.completions.create(model="openai/gpt-4o", messages=ask({"n": 1}))
        stream.close()
        usage_of(limited, stream.response.headers["x-request-id"])
        answer = called.chat.completions.create(model="openai/gpt-4o", messages=ask({"n": 1}))
        assert answer.choices[0].finish_reason == "stop"

"""One gateway and one provider for all tests of a worker; the official clients, each ready to call the gateway.

A test that needs a gateway of its own (another configuration, a restart) starts one.
"""

from collections.abc import Generator
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.server import running

CLAUDE = "anthropic/claude-sonnet-4-5"
GPT = "openai/gpt-4o"
SECRET = "upstream-secret-of-the-operator"


def configuration(url: str) -> dict[str, Any]:
    """`one`, `two` and `three` are providers of their own at the same sandbox; nobody listens at `dead`."""
    key = {"api_key": "env:UPSTREAM_KEY"}
    # What one test does to a target must not reach the next: tests/faults has retries and circuits.
    once = {"retries": 0, "circuit_breaker": False}
    return {
        "providers": {
            "openai": {"base_url": f"{url}/v1", **key},
            "anthropic": {"base_url": f"{url}/v1", **key},
            "one": {"kind": "openai", "base_url": f"{url}/one/v1", **key},
            "two": {"kind": "openai", "base_url": f"{url}/two/v1", **key},
            "three": {"kind": "anthropic", "base_url": f"{url}/three/v1", "headers": {"x-team": "eu"}, **key},
            "dead": {"kind": "custom", "dialect": "openai_chat", "base_url": "http://127.0.0.1:9/v1"},
            "plain": {"kind": "custom", "dialect": "openai_chat", "base_url": f"{url}/plain/v1"},
            "keyless": {"kind": "mistral", "base_url": f"{url}/keyless/v1"},
        },
        "routes": {
            "same": {"targets": ["one/gpt-4o", "two/gpt-4o"], **once},
            "flip": {"targets": ["one/gpt-4o", {"target": "three/claude-sonnet-4-5"}], **once},
            "down": {"targets": ["dead/x", "two/gpt-4o"], **once},
            "strict": {"targets": ["anthropic/claude-sonnet-4-5"], "on_loss": "refuse", **once},
            "bring": {"targets": ["one/gpt-4o"], "caller_keys": True, **once},
            "short": {"targets": ["anthropic/claude-sonnet-4-5", "openai/gpt-4o"], "defaults": {"max_tokens": 3}, **once},
            "team/*": {"targets": ["anthropic/*"], **once},
        },
        "keys": [{"name": "narrow", "value": "env:NARROW_KEY", "models": ["same", "anthropic/*"]}],
        "server": {"cors": ["https://app.example"], "body_limit": "2MiB", "outside_ids": True},
    }


@pytest.fixture(scope="session")
def sandbox_provider() -> Generator[Provider]:
    with running() as sandbox:
        yield Provider(sandbox)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, sandbox_provider: Provider) -> Generator[GatewayProcess]:
    environ = {"UPSTREAM_KEY": SECRET, "NARROW_KEY": "a-narrow-key-of-24-chars"}
    with GatewayProcess(tmp_path_factory.mktemp("gateway"), configuration(sandbox_provider.url), environ) as started:
        yield started


@pytest.fixture
def provider(sandbox_provider: Provider) -> Provider:
    """The provider, which has seen nothing yet."""
    sandbox_provider.forget()
    return sandbox_provider


@pytest.fixture(scope="session")
def openai_client(gateway: GatewayProcess) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def anthropic_client(gateway: GatewayProcess) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(params=[GPT, CLAUDE], ids=["openai", "anthropic"])
def model(request: pytest.FixtureRequest) -> str:
    """A model of each provider dialect."""
    return request.param


def usage_of(gateway: GatewayProcess, request_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The usage events of one call, once there are so many."""
    total = count
    while True:
        events = gateway.usage(total)
        found = [event for event in events if event["request_id"] == request_id]
        if len(found) >= count:
            return found
        total = len(events) + 1

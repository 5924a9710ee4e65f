"""One gateway and one replaying provider for all tests of the suite that a process runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.replay.client import Replay
from tests.support.gateway import GatewayProcess
from tests.support.recordings import BEDROCK, DIALECT_OF, read_recordings
from tests.support.replay_upstream import ReplayUpstream

KINDS = (
    "anthropic",
    "openai",
    "mistral",
    "groq",
    "openrouter",
    "deepseek",
    "perplexity",
    "huggingface",
    "cerebras",
    "together",
    "zai",
    "xai",
)
"""Real kinds of provider whose rows the suite runs; the recordings call them by the same names."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-conformance", action="store_true", help="write docs/conformance.md instead of checking it")


@pytest.fixture(scope="session")
def replay(recordings_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    exchanges = read_recordings(recordings_dir, frozenset(DIALECT_OF) | frozenset(BEDROCK))
    with ReplayUpstream(exchanges) as upstream:
        providers: dict[str, object] = {
            "lab-openai_chat": {"kind": "custom", "dialect": "openai_chat", "base_url": f"{upstream.url}/lab/v1"},
            "lab-openai_responses": {"kind": "custom", "dialect": "openai_responses", "base_url": f"{upstream.url}/lab/v1"},
            "lab-anthropic": {"kind": "custom", "dialect": "anthropic", "base_url": f"{upstream.url}/lab"},
            "lab-gemini": {"kind": "custom", "dialect": "gemini", "base_url": f"{upstream.url}/lab/v1beta"},
            "gemini": {"base_url": f"{upstream.url}/gemini/v1beta", "api_key": "env:REPLAY_PROVIDER_KEY"},
            "bedrock": {"base_url": f"{upstream.url}/bedrock", "api_key": "env:REPLAY_PROVIDER_KEY"},
            "signed": {
                "kind": "bedrock",
                "base_url": f"{upstream.url}/signed",
                "settings": {"region": "eu-west-1"},
                "api_key": "env:REPLAY_AWS_KEYS",
            },
            "azure": {"base_url": f"{upstream.url}/azure", "api_key": "env:REPLAY_PROVIDER_KEY"},
            "vertex": {"base_url": f"{upstream.url}/v1beta1/projects/p/locations/global", "api_key": "env:REPLAY_PROVIDER_KEY"},
        }
        for kind in KINDS:
            providers[kind] = {"base_url": f"{upstream.url}/{kind}/v1", "api_key": "env:REPLAY_PROVIDER_KEY"}
        environ = {
            "REPLAY_PROVIDER_KEY": "provider-secret",
            "REPLAY_AWS_KEYS": '{"access_key_id":"AKIAX","secret_access_key":"sx"}',
        }
        with GatewayProcess(
            tmp_path_factory.mktemp("gateway"), {"providers": providers, "server": {"outside_ids": True}}, environ
        ) as gateway:
            bedrock = [exchange for exchange in exchanges if exchange.dialect in BEDROCK.values()]
            rest = [exchange for exchange in exchanges if exchange.dialect not in BEDROCK.values()]
            cores = [exchange for exchange in rest if exchange.core]
            others = [exchange for exchange in rest if not exchange.core]
            yield Replay(gateway, upstream, cores, others, bedrock)

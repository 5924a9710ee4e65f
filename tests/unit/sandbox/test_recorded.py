"""What the real providers took, the sandbox takes: every recorded request that OpenAI or Anthropic answered with 200."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.sandbox import anthropic_request, openai_request
from tidegate.sandbox.values import RequestRefused

# Not to be known from the request alone: the signatures are Anthropic's, bodies are elided, and the betas' headers are not recorded.
NOT_OURS = ("Invalid `signature`", "Invalid `data`", "base64 data", 'Unexpected role "system"')
# Recorded by a tool that translates, whose request may differ from what it sent on; and one test that was edited by hand.
DOUBTFUL = ("cache_control", "reasoning_signature", "unexpected `tool_use_id`")
READERS = {("openai", "openai.chat"): openai_request.read, ("anthropic", "anthropic.messages"): anthropic_request.read}


def recorded(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                exchange = json.loads(line)
                taken = exchange.get("status") == 200 and exchange.get("core") and isinstance(exchange.get("request_body"), dict)
                if taken and (exchange["provider"], exchange["api"]) in READERS:
                    yield exchange


def test_recorded_requests_are_taken(recordings_dir: Path) -> None:
    refused: list[str] = []
    count = 0
    for exchange in recorded(recordings_dir):
        count += 1
        reader = READERS[exchange["provider"], exchange["api"]]
        headers = {"anthropic-version": "2023-06-01", **{name.lower(): value for name, value in exchange["request_headers"].items()}}
        try:
            reader(exchange["request_body"], headers, False)
        except RequestRefused as error:
            if not any(words in error.message for words in (*NOT_OURS, *DOUBTFUL)):
                refused.append(f"{exchange['id']}: {error.message}")
    if not count:
        pytest.skip("the folder of recordings has none of these providers")
    assert refused == []

"""The acceptance suite of Open Responses (https://www.openresponses.org/compliance), case by case: answers and events are held against the
project's own document, which the package `openresponses-py` ships. The suite itself is a page, and no package."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import CLAUDE
from tests.e2e.wire import Provider, call
from tests.laws.openai_schema import Schema
from tests.support.gateway import GatewayProcess

CLIENTS = Path(sys.prefix) / "clients"
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather at a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CALLS = {"tool_calls": [{"name": "get_weather", "arguments": {"location": "Bern"}}]}


class Document:
    """Version 2026-04-24."""

    def __init__(self, data: bytes) -> None:
        document = json.loads(data)
        schemas = document["components"]["schemas"].items()
        events = {kind: schema["properties"]["type"].get("enum", []) for kind, schema in schemas if kind.endswith("StreamingEvent")}
        self._events = {name: kind for kind, names in events.items() for name in names}
        self.schema = Schema(document)

    def faults(self, event: dict[str, Any]) -> list[str]:
        return self.schema.faults(self._events[event["type"]], event)


@pytest.fixture(scope="module")
def document() -> Document:
    found = next(CLIENTS.glob("lib/python*/site-packages/openresponses/openapi/2026-04-24.json"), None)
    if found is None:
        pytest.skip("the document is not installed: `make install` does it")
    return Document(found.read_bytes())


def said(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def script(**fields: Any) -> str:
    return "Please. " + json.dumps({"sandbox": fields})


TEXT = said("user", script(text="Hello to you.", chunk=4))
LOOK = said("user", script(**CALLS))
THINK = said("user", script(reasoning_text="Well.", text="Yes."))
CASES: dict[str, dict[str, Any]] = {
    "basic-response": {"input": [TEXT]},
    "streaming-response": {"input": [TEXT], "stream": True},
    "system-prompt": {"input": [said("system", "You are a pirate."), TEXT]},
    "tool-calling": {"input": [LOOK], "tools": [TOOL]},
    "tool-calling-streaming": {"input": [LOOK], "tools": [TOOL], "stream": True},
    "image-input": {
        "input": [said("user", [{"type": "input_text", "text": TEXT["content"]}, {"type": "input_image", "image_url": PIXEL}])],
    },
    "multi-turn": {"input": [said("user", "I am Alice."), said("assistant", "Hello Alice!"), TEXT]},
    "reasoning-streaming": {"input": [THINK], "reasoning": {"effort": "low"}, "stream": True},
}
"""The last one is not of the suite."""


@pytest.mark.parametrize("target", ["plain/gpt-4o", CLAUDE])
@pytest.mark.parametrize("case", CASES)
def test_the_suite(gateway: GatewayProcess, provider: Provider, document: Document, case: str, target: str) -> None:
    body = {"model": target, **CASES[case]}
    got = call(f"{gateway.url}/v1/responses", "POST", gateway.headers, body)
    text = got.body.decode()
    assert got.status == 200, text
    if body.get("stream"):
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        assert [fault for event in events for fault in document.faults(event)] == []
        answer, kinds = events[-1]["response"], [event["type"] for event in events]
        if "tools" in body:
            ends = [event["item"]["type"] for event in events if event["type"].startswith("response.output_item.")]
            assert ends == ["function_call", "function_call"]
            assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= set(kinds)
    else:
        answer = json.loads(text)
    assert document.schema.faults("ResponseResource", answer) == []
    assert answer["status"] == "completed"
    assert answer["output"]
    if "tools" in body:
        assert "function_call" in [item["type"] for item in answer["output"]]

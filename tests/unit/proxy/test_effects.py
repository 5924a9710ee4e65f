import json
from typing import Any

import pytest
from tests.unit.policy.values import snapshot

from tidegate.dialects.table import SPOKEN
from tidegate.policy.route import Planner
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.effects import has_effects


def asked(dialect: str, **fields: Any) -> bool:
    call = Call(id="1", started=0, at=0, planner=Planner(snapshot()), dialect=SPOKEN[dialect], headers={}, path=b"/", query=b"")
    call.fields = scanned(json.dumps({"model": "m", **fields}).encode())
    return has_effects(call)


@pytest.mark.parametrize(
    ("dialect", "fields", "expected"),
    [
        ("openai_chat", {}, False),
        ("openai_chat", {"store": False}, False),
        ("openai_chat", {"store": True}, True),
        ("openai_chat", {"web_search_options": {}}, True),
        ("openai_chat", {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}]}, False),
        ("openai_responses", {"background": True}, True),
        ("openai_responses", {"tools": [{"type": "function", "name": "f"}, {"type": "local_shell"}]}, False),
        ("openai_responses", {"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}, True),
        ("openai_responses", {"tools": [{"type": "mcp", "server_label": "x"}]}, True),
        ("anthropic", {"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}, False),
        ("anthropic", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, True),
        ("anthropic", {"mcp_servers": []}, True),
        ("gemini", {"tools": [{"functionDeclarations": []}]}, False),
        ("gemini", {"tools": [{"functionDeclarations": []}, {"googleSearch": {}}]}, True),
        ("openai_chat", {"tools": "what"}, False),
        ("openai_chat", {"tools": [{"type": 3}]}, False),
    ],
)
def test_what_may_not_happen_twice(dialect: str, fields: dict[str, Any], expected: bool) -> None:
    assert asked(dialect, **fields) is expected

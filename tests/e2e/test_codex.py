"""Codex CLI's requests, in the shapes that its source builds (codex-rs: instructions, items, tools of three kinds, `store: false`,
encrypted reasoning), in front of providers that have neither its API nor its tools."""

import json
from typing import Any

import pytest
from tests.e2e.conftest import CLAUDE
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess

PATCH = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch"
TOOLS: list[dict[str, Any]] = [
    {"type": "local_shell"},
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files. This is a FREEFORM tool.",
        "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" LF'},
    },
    {
        "type": "function",
        "name": "update_plan",
        "description": "Updates the task plan.",
        "strict": False,
        "parameters": {"type": "object", "properties": {"plan": {"type": "array", "items": {"type": "string"}}}, "required": ["plan"]},
    },
    {"type": "web_search", "external_web_access": False},
]


def _turn(gateway: GatewayProcess, model: str, items: list[Any]) -> list[dict[str, Any]]:
    """One request of the CLI; the items that its stream told as done."""
    body: dict[str, Any] = {
        "model": model,
        "instructions": "You are a coding agent running in the Codex CLI.",
        "input": items,
        "tools": TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199a213-81c0-7800-8aa1-bbab2a035a53",
    }
    headers = {**gateway.headers, "accept": "text/event-stream", "originator": "codex_cli_rs", "session_id": "0199a213"}
    answer = call(f"{gateway.url}/v1/responses", "POST", headers, body)
    assert answer.status == 200, answer.body
    events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith(b"data: ")]
    assert events[0]["type"] == "response.created"
    last = events[-1]
    assert last["type"] == "response.completed"
    usage = last["response"]["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] >= 0
    assert usage["output_tokens_details"]["reasoning_tokens"] >= 0
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def _user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


@pytest.mark.parametrize("model", ["plain/gpt-4o", CLAUDE])
def test_a_session(gateway: GatewayProcess, provider: Provider, model: str) -> None:
    script = {
        "sandbox": {
            "tool_calls": [{"name": "local_shell", "arguments": {"command": ["ls", "-a"]}}],
            "then": {"tool_calls": [{"name": "apply_patch", "arguments": {"input": PATCH}}], "then": {"text": "Done."}},
        }
    }
    items: list[Any] = [_user("<environment_context/>"), _user("Please. " + json.dumps(script))]
    done = _turn(gateway, model, items)
    shell = done[-1]
    assert (shell["type"], shell["action"]["command"]) == ("local_shell_call", ["ls", "-a"])
    items += [*done, {"type": "function_call_output", "call_id": shell["call_id"], "output": "a.txt"}]
    done = _turn(gateway, model, items)
    patch = done[-1]
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", PATCH)
    items += [*done, {"type": "custom_tool_call_output", "call_id": patch["call_id"], "output": "Success."}]
    done = _turn(gateway, model, items)
    assert done[-1]["content"][0]["text"] == "Done."
    offered = [{"type": "custom", **tool} for tool in provider.request().body["tools"]]
    names = [tool.get("name") or tool[tool["type"]]["name"] for tool in offered if tool["type"] in ("function", "custom")]
    assert names[:3] == ["local_shell", "apply_patch", "update_plan"]

"""Traffic like Claude Code's: beta headers and query, big bodies with many tools and cache marks, thinking with tools over many turns,
token counting, and an end of the stream that it leaves early. On Claude (identity) and on a model of the other dialect."""

import json
from typing import Any

import pytest
from tests.e2e.conftest import CLAUDE, GPT
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess

BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14"
MARK = {"type": "ephemeral"}


def tools() -> list[dict[str, Any]]:
    def tool(number: int) -> dict[str, Any]:
        properties = {f"field_{field}": {"type": "string", "description": "d" * 120} for field in range(8)}
        schema = {"type": "object", "properties": properties, "required": ["field_0"], "additionalProperties": False}
        return {"name": f"mcp__server__tool_{number}", "description": "A tool. " * 40, "input_schema": schema}

    return [*(tool(number) for number in range(60)), {**tool(60), "cache_control": MARK}]


def body(model: str, messages: list[Any]) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": 32000,
        "stream": True,
        "temperature": 1,
        "thinking": {"type": "enabled", "budget_tokens": 31999},
        "metadata": {"user_id": "user_abc_account__session_def"},
        "system": [
            {"type": "text", "text": "You are Claude Code.", "cache_control": MARK},
            {"type": "text", "text": "Rules. " * 3000, "cache_control": MARK},
        ],
        "tools": tools(),
        "messages": messages,
    }


def headers(gateway: GatewayProcess) -> dict[str, str]:
    return {
        "authorization": f"Bearer {gateway.key}",
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": BETAS,
        "anthropic-dangerous-direct-browser-access": "true",
        "x-app": "cli",
        "user-agent": "claude-cli/2.0.1 (external, cli)",
        "x-stainless-retry-count": "0",
    }


def events(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: ")]


def message_of(data: bytes) -> list[dict[str, Any]]:
    """The content of a streamed answer, as the client keeps it."""
    content: list[dict[str, Any]] = []
    for event in events(data):
        if event["type"] == "content_block_start":
            content.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            block, delta = content[event["index"]], event["delta"]
            match delta["type"]:
                case "text_delta":
                    block["text"] += delta["text"]
                case "thinking_delta":
                    block["thinking"] += delta["thinking"]
                case "signature_delta":
                    block["signature"] = delta["signature"]
                case "input_json_delta":
                    block["partial"] = block.get("partial", "") + delta["partial_json"]
    for block in content:
        if "partial" in block:
            block["input"] = json.loads(block.pop("partial") or "{}")
    return content


@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_a_session_of_several_turns(gateway: GatewayProcess, provider: Provider, model: str) -> None:
    script: dict[str, Any] = {"text": "All done.", "reasoning_text": "Finished."}
    for turn in range(3):
        calls = [{"name": f"mcp__server__tool_{turn}", "arguments": {"field_0": f"{turn}-{n}"}} for n in range(2)]
        script = {"reasoning_text": f"Turn {turn}. ", "text": "Let me see.", "tool_calls": calls, "then": script}
    first = [{"type": "text", "text": "x" * 900_000}, {"type": "text", "text": json.dumps({"sandbox": script}), "cache_control": MARK}]
    messages: list[Any] = [{"role": "user", "content": first}]
    for turn in range(4):
        sent = body(model, messages)
        answer = call(f"{gateway.url}/v1/messages?beta=true", "POST", headers(gateway), sent)
        assert answer.status == 200, answer.body
        content = message_of(answer.body)
        wanted = ["thinking", "text", "tool_use", "tool_use"] if turn < 3 else ["thinking", "text"]
        assert [block["type"] for block in content] == wanted
        received = provider.request()
        if model == CLAUDE:
            assert received.body == {**sent, "model": "claude-sonnet-4-5"}
            assert (received.query, received.headers["anthropic-beta"]) == ("beta=true", BETAS)
        else:
            assert (received.path, received.query) == ("/v1/chat/completions", "")
            assert "anthropic-beta" not in received.headers
            assert len(received.body["tools"]) == 61
        results = [{"type": "tool_result", "tool_use_id": block["id"], "content": "ok"} for block in content if block["type"] == "tool_use"]
        messages += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
    assert messages[-2]["content"][-1]["text"] == "All done."


@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_it_counts_tokens_of_a_big_body(gateway: GatewayProcess, model: str) -> None:
    whole = body(model, [{"role": "user", "content": "Hi"}])
    asked = {name: whole[name] for name in ("model", "system", "tools", "messages")}
    answer = call(f"{gateway.url}/v1/messages/count_tokens?beta=true", "POST", headers(gateway), asked)
    assert answer.status == 200
    assert answer.json()["input_tokens"] > 5000


def test_its_first_call(gateway: GatewayProcess) -> None:
    """A check of the quota: one token of a small model by its bare name."""
    asked = {"model": "claude-haiku-4-5", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    answer = call(f"{gateway.url}/v1/messages?beta=true", "POST", headers(gateway), asked)
    assert answer.status == 200
    assert answer.json()["stop_reason"] == "max_tokens"

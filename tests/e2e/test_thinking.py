"""Signed reasoning through tool loops of several turns. The sandbox checks every signature, and that a loop begins with thinking."""

import json
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import CLAUDE, GPT
from tests.e2e.wire import Provider

SCHEMA: Any = {"type": "object", "properties": {"q": {"type": "string"}}}
LOOK_UP: Any = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
LOOP: Any = {
    "sandbox": {
        "reasoning_text": "First I look it up.",
        "tool_calls": [{"name": "look_up", "arguments": {"q": "one"}}],
        "then": {
            "reasoning_text": "Now the second.",
            "redacted": 1,
            "tool_calls": [{"name": "look_up", "arguments": {"q": "two"}}, {"name": "look_up", "arguments": {"q": "three"}}],
            "then": {"reasoning_text": "I know enough.", "text": "The answer is 42."},
        },
    }
}


def ask(client: openai.OpenAI, messages: list[Any], *, stream: bool, model: str = CLAUDE) -> dict[str, Any]:
    """The assistant's message as the client would keep it."""
    if not stream:
        answer = client.chat.completions.create(model=model, messages=messages, tools=[LOOK_UP], reasoning_effort="low")
        return answer.choices[0].message.model_dump(exclude_none=True)
    message: dict[str, Any] = {"role": "assistant"}
    calls: dict[int, dict[str, Any]] = {}
    details: dict[int, dict[str, Any]] = {}
    for chunk in client.chat.completions.create(model=model, messages=messages, tools=[LOOK_UP], reasoning_effort="low", stream=True):
        for choice in chunk.choices:
            for name, value in choice.delta.model_dump(exclude_none=True).items():
                if name == "tool_calls":
                    for part in value:
                        call = calls.setdefault(part["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
                        call["id"] += part.get("id") or ""
                        call["function"]["name"] += part["function"].get("name") or ""
                        call["function"]["arguments"] += part["function"].get("arguments") or ""
                elif name == "reasoning_details":
                    for part in value:
                        merge(details, part)
                elif name in ("content", "reasoning_content"):
                    message[name] = message.get(name, "") + value
    if details:
        message["reasoning_details"] = list(details.values())
    if calls:
        message["tool_calls"] = list(calls.values())
    return message


def merge(details: dict[int, dict[str, Any]], part: dict[str, Any]) -> None:
    """As clients that know `reasoning_details` put the parts of one index together."""
    known = details.setdefault(part["index"], {**part, "text": ""} if "text" in part else dict(part))
    if "text" in part:
        known["text"] += part["text"] or ""
    for name, value in part.items():
        if name != "text" and value is not None:
            known[name] = value


def drop_nothing(message: dict[str, Any]) -> dict[str, Any]:
    return message


def drop_all(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in ("reasoning_content", "reasoning_details")}


def keep_the_text_only(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "reasoning_details"}


@pytest.mark.parametrize("kept", [drop_nothing, drop_all, keep_the_text_only])
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_on_claude_by_an_openai_client(openai_client: openai.OpenAI, provider: Provider, stream: bool, kept: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": json.dumps(LOOP)}]
    thoughts = []
    for turn in range(3):
        message = ask(openai_client, messages, stream=stream)
        thoughts.append(message.get("reasoning_content"))
        messages.append(kept(message))
        for call in message.get("tool_calls", []):
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"result of {call['function']['arguments']}"})
        sent = provider.request().body
        assert sent["thinking"]["type"] == "enabled"
        assert len(sent["messages"]) == 1 + 2 * turn
    assert thoughts == ["First I look it up.", "Now the second.", "I know enough."]
    assert messages[-1]["content"] == "The answer is 42."
    history = provider.request().body["messages"]
    first, second = (message["content"] for message in history if message["role"] == "assistant")
    assert [block["type"] for block in first] == ["thinking", "tool_use"]
    assert first[0]["thinking"] == "First I look it up."
    assert [block["type"] for block in second] == ["thinking", "redacted_thinking", "tool_use", "tool_use"]


def test_thinking_that_is_lost_turns_it_off_and_is_on_the_receipt(openai_client: openai.OpenAI, provider: Provider) -> None:
    call = {"id": "call_of_long_ago", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    messages: list[Any] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_of_long_ago", "content": "found"},
    ]
    raw = openai_client.chat.completions.with_raw_response.create(model=CLAUDE, messages=messages, tools=[LOOK_UP], reasoning_effort="low")
    assert raw.parse().choices[0].finish_reason == "stop"
    assert provider.request().body.get("thinking", {"type": "disabled"})["type"] == "disabled"
    assert "reasoning_effort" in raw.headers["x-tidegate-receipt"]


def test_another_caller_s_thinking_is_not_restored(openai_client: openai.OpenAI, provider: Provider) -> None:
    messages: list[Any] = [{"role": "user", "content": json.dumps(LOOP)}]
    message = drop_all(ask(openai_client, messages, stream=False))
    messages += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "found"}]
    other = openai_client.with_options(api_key="a-narrow-key-of-24-chars")
    ask(other, messages, stream=False)
    assert "thinking" not in json.dumps(provider.request().body["messages"])


def test_reasoning_of_an_openai_model_through_its_own_dialect(openai_client: openai.OpenAI, provider: Provider) -> None:
    messages: list[Any] = [{"role": "user", "content": json.dumps(LOOP)}]
    message = ask(openai_client, messages, stream=False, model=GPT)
    assert message["reasoning_content"] == "First I look it up."
    assert "reasoning_details" not in message


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_by_an_anthropic_client(anthropic_client: anthropic.Anthropic, provider: Provider, model: str, stream: bool) -> None:
    tool: Any = {"name": "look_up", "input_schema": SCHEMA}
    messages: list[Any] = [{"role": "user", "content": json.dumps(LOOP)}]
    arguments: Any = {"model": model, "max_tokens": 4000, "tools": [tool], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    kinds = []
    for _ in range(3):
        if stream:
            with anthropic_client.messages.stream(messages=messages, **arguments) as opened:
                message = opened.get_final_message()
        else:
            message = anthropic_client.messages.create(messages=messages, **arguments)
        kinds.append([block.type for block in message.content])
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "found"} for block in message.content if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})
    assert kinds[0] == ["thinking", "tool_use"]
    assert kinds[2] == ["thinking", "text"]
    if model == CLAUDE:
        assert kinds[1] == ["thinking", "redacted_thinking", "tool_use", "tool_use"]
    else:
        assert "tidegate1." not in provider.request().raw.decode()


def test_a_conversation_that_moves_from_one_model_to_the_other_and_back(anthropic_client: anthropic.Anthropic, provider: Provider) -> None:
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    messages: list[Any] = []
    for name in (CLAUDE, GPT, CLAUDE, GPT):
        messages.append({"role": "user", "content": json.dumps({"sandbox": {"reasoning_text": f"Thoughts of {name}.", "text": "Yes."}})})
        answer = anthropic_client.messages.create(model=name, max_tokens=2000, thinking=thinking, messages=messages)
        assert [block.type for block in answer.content] == ["thinking", "text"]
        messages.append({"role": "assistant", "content": answer.content})
        sent = provider.request().body["messages"]
        history = json.dumps([message for message in sent if message["role"] == "assistant"])
        foreign = GPT if name == CLAUDE else CLAUDE
        assert f"Thoughts of {foreign}" not in history

"""The normal form of a chat completion request: what two bodies may differ in and still say the same.

- a string for one text part, and one part for a string; a message's mark is one on its last part;
- defaults that are spelled out, and nulls; the `type: function` of a tool, call or choice;
- the older names: `max_tokens`, `functions`, `function_call`, the `function` role, `safety_identifier`;
- Mistral's `any` for `required`, `reasoning` for `reasoning_content`, an `index` on calls that says their order;
- usage, which the gateway always asks for in streams.
"""

import copy
from typing import Any

_SAYS_NOTHING = (None, [], "")


def normal(body: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {name: value for name, value in copy.deepcopy(body).items() if value is not None}
    out["model"] = "target-model"
    calls: list[str] = []
    out["messages"] = [_message(message, calls) for message in out["messages"]]
    functions = [{"type": "function", "function": function} for function in out.pop("functions", [])]
    out["tools"] = [_tool(tool) for tool in [*out.get("tools", []), *functions]]
    choice = out.pop("function_call", None)
    if choice is not None:
        out["tool_choice"] = {"type": "function", "function": choice} if isinstance(choice, dict) else choice
    if out.get("tool_choice") == "any":
        out["tool_choice"] = "required"
    chosen = out.get("tool_choice")
    if isinstance(chosen, dict) and "function" in chosen:
        chosen.setdefault("type", "function")
    for old, new in (("max_tokens", "max_completion_tokens"), ("safety_identifier", "user")):
        if old in out and new not in out:
            out[new] = out.pop(old)
    if isinstance(out.get("stop"), str):
        out["stop"] = [out["stop"]]
    if out.get("response_format") == {"type": "text"}:
        del out["response_format"]
    out.get("stream_options", {}).pop("include_usage", None)
    _reasoning(out)
    for name in ("tools", "stop", "stream", "stream_options"):
        if not out.get(name):
            out.pop(name, None)
    return out


def _reasoning(out: dict[str, Any]) -> None:
    """`reasoning` and `thinking` say the same things under different names."""
    thinking, reasoning = out.pop("thinking", {}), out.pop("reasoning", {})
    said: dict[str, Any] = {"effort": out.pop("reasoning_effort", None) or reasoning.pop("effort", None)}
    said["budget"] = thinking.pop("budget_tokens", None) or reasoning.pop("max_tokens", None)
    enabled = reasoning.pop("enabled", None)
    mode = thinking.pop("type", None) or {True: "enabled", False: "disabled"}.get(enabled)
    if mode is None and said["budget"] is not None:
        mode = "enabled"
    # An effort is a mode already.
    said["mode"] = None if said["effort"] and mode != "adaptive" else mode
    if said["effort"] and said["budget"] is None and mode == "enabled":
        said["mode"] = None
    out["said"] = {**said, "thinking": thinking, "reasoning": reasoning}


def _message(message: Any, calls: list[str]) -> dict[str, Any]:
    mark = message.pop("cache_control", None)
    legacy = message.pop("function_call", None)
    if message["role"] == "function":
        message |= {"role": "tool", "tool_call_id": calls[-1] if calls else "call_legacy1"}
        del message["name"]
    if message.get("reasoning") == message.get("reasoning_content") or "reasoning_content" not in message:
        plain = message.pop("reasoning", None)
        if plain:
            message["reasoning_content"] = plain
    content = message.get("content")
    if isinstance(content, str):
        message["content"] = [{"type": "text", "text": content}]
    message["content"] = [{"type": "text", "text": part} if isinstance(part, str) else part for part in message.get("content") or []]
    for part in message["content"]:
        if part.get("type") == "image_url" and isinstance(part["image_url"], str):
            part["image_url"] = {"url": part["image_url"]}
    if legacy:
        calls.append(f"call_legacy{len(calls) + 1}")
        message["tool_calls"] = [{"id": calls[-1], "type": "function", "function": legacy}]
    for index, call in enumerate(message.get("tool_calls") or []):
        call.setdefault("type", "function")
        if call.get("index") == index:
            del call["index"]
    if mark is not None:
        last = message["content"][-1]
        if message["role"] == "tool" or "cache_control" in last:
            message["cache_control"] = mark
        else:
            last["cache_control"] = mark
    message["content"] = [part for part in message["content"] if part != {"type": "text", "text": ""}]
    return {name: value for name, value in message.items() if value not in _SAYS_NOTHING}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if "function" in tool:
        tool.setdefault("type", "function")
        for name in ("strict", "description", "parameters"):
            if tool["function"].get(name, 0) is None:
                del tool["function"][name]
    return tool

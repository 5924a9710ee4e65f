"""What a request of the Responses API says, and why OpenAI would refuse one: for `sent`, and without the gateway's code."""

import json
from typing import Any

from tests.conformance.replay.answer import arguments_of
from tests.conformance.replay.content import Content, result_texts

_PARTS = frozenset({"input_text", "output_text", "input_image", "input_file", "input_audio", "refusal", "summary_text", "reasoning_text"})


def of_responses(body: dict[str, Any]) -> Content:
    """Of a request."""
    found = Content()
    if body.get("instructions"):
        found.texts.append(body["instructions"])
    for item in _items(body):
        match item.get("type", "message"):
            case "message":
                _content(item.get("content"), found)
            case "function_call":
                found.calls.append((item["name"], arguments_of(item.get("arguments") or "")))
            case "custom_tool_call":
                found.calls.append((item["name"], {"input": item.get("input")}))
            case "function_call_output" | "custom_tool_call_output":
                _content(item.get("output"), found, result=True)
            case _:
                pass
    for tool in body.get("tools") or []:
        if tool.get("type") == "function":
            found.tools[tool["name"]] = tool.get("parameters")
            if tool.get("strict") is not False:
                found.strict.add(tool["name"])
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        found.only({tool["name"] for tool in choice["tools"] if tool.get("type") == "function"})
    return found


def responses_flaws(body: dict[str, Any]) -> list[str]:
    """Why OpenAI would refuse the request."""
    flaws = [f"`{name}` is missing" for name in ("model", "input") if not body.get(name)]
    calls: set[str] = set()
    answered: set[str] = set()
    for item in _items(body):
        kind = item.get("type", "message")
        if kind == "message":
            flaws += _message_flaws(item)
        elif kind in ("function_call", "custom_tool_call"):
            calls.add(item["call_id"])
            if not isinstance(item.get("arguments" if kind == "function_call" else "input"), str):
                flaws.append(f"a call without the text of its arguments: {json.dumps(item)[:120]}")
        elif kind in ("function_call_output", "custom_tool_call_output"):
            answered.add(item["call_id"])
    if calls != answered:
        flaws.append(f"calls and results are not the same: {sorted(calls ^ answered)}")
    for tool in body.get("tools") or []:
        if tool.get("type") == "function" and not (isinstance(tool.get("name"), str) and isinstance(tool.get("parameters"), dict)):
            flaws.append(f"not a tool: {json.dumps(tool)[:120]}")
    return flaws


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    asked = body.get("input") or []
    return [{"role": "user", "content": asked}] if isinstance(asked, str) else asked


def _message_flaws(item: dict[str, Any]) -> list[str]:
    role, content = item.get("role"), item.get("content")
    flaws = [] if role in ("system", "developer", "user", "assistant") else [f"a message of the role {role!r}"]
    for part in content if isinstance(content, list) else []:
        kind = str(part.get("type"))
        if kind not in _PARTS or (kind.startswith("output") or kind == "refusal") != (role == "assistant"):
            flaws.append(f"not a part of a {role} message: {json.dumps(part)[:120]}")
    if not isinstance(content, str | list) or not content:
        flaws.append(f"a {role} message without content")
    return flaws


def _content(content: Any, found: Content, *, result: bool = False) -> None:
    if isinstance(content, str):
        found.texts += result_texts(content) if result else [content]
        return
    for part in content or []:
        match part.get("type"):
            case "input_text" | "output_text" | "text":
                found.texts += result_texts(part["text"]) if result else [part["text"]]
            case "refusal":
                found.texts.append(part["refusal"])
            case "input_image":
                found.images += 1
            case "input_file":
                found.data_url(part.get("file_data"))
            case "input_audio":
                found.files += 1
            case _:
                pass

"""The normal form of a request to the Responses API: what two bodies may differ in and still say the same.

- a string for one text, in `input`, in a message's content and in a result; `type: message`; the status `completed`;
- defaults that are spelled out, and nulls; empty annotations and log probabilities of texts that clients send back;
- the older names: `user`, `reasoning.generate_summary`; an empty list of reasoning texts.
"""

import copy
from typing import Any

_DEFAULTS: dict[str, Any] = {
    "truncation": "disabled",
    "background": False,
    "top_logprobs": 0,
    "metadata": {},
    "stream": False,
    "include": [],
    "tools": [],
}


def normal(body: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {
        name: value for name, value in copy.deepcopy(body).items() if value is not None and _DEFAULTS.get(name, ...) != value
    }
    out["model"] = "target-model"
    given = out.get("input", [])
    out["input"] = [_item(item) for item in ([{"role": "user", "content": given}] if isinstance(given, str) else given)]
    if "user" in out and "safety_identifier" not in out:
        out["safety_identifier"] = out.pop("user")
    reasoning = {name: value for name, value in (out.pop("reasoning", None) or {}).items() if value is not None}
    if "generate_summary" in reasoning:
        older = reasoning.pop("generate_summary")
        reasoning.setdefault("summary", older)
    out["reasoning"] = reasoning
    text = {name: value for name, value in (out.pop("text", None) or {}).items() if value not in (None, {"type": "text"})}
    out["text"] = {**text, "format": {name: value for name, value in text.get("format", {}).items() if value is not None}}
    out["tools"] = [
        {name: value for name, value in tool.items() if value is not None or tool["type"] not in ("function", "custom")}
        for tool in out.get("tools", [])
    ]
    if "include" in out:
        out["include"] = sorted(out["include"])
    return out


def _item(raw: dict[str, Any]) -> dict[str, Any]:
    item = dict(raw)
    if "role" in item:
        item.setdefault("type", "message")
    if item.get("status") in ("completed", None):
        item.pop("status", None)
    if item.get("type") == "message":
        item["content"] = [_part(part) for part in _parts(item["content"], item["role"])]
    if item.get("type") in ("function_call_output", "custom_tool_call_output"):
        item["output"] = [_part(part) for part in _parts(item["output"], "user")]
    if item.get("type") == "reasoning" and not item.get("content"):
        item.pop("content", None)
    if (
        item.get("type") in ("message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output")
        and item.get("id", "") is None
    ):
        del item["id"]
    return item


def _parts(content: Any, role: str) -> list[Any]:
    return [{"type": "output_text" if role == "assistant" else "input_text", "text": content}] if isinstance(content, str) else content


def _part(raw: dict[str, Any]) -> dict[str, Any]:
    part = {name: value for name, value in raw.items() if value is not None}
    for name in ("annotations", "logprobs"):
        if part.get(name) == []:
            del part[name]
    return part

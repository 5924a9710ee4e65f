"""The documented normal form of an Anthropic request: what two bodies may differ in and still say the same.

- a string for one text block, in `system`, `messages[].content` and `tool_result.content`;
- defaults that are spelled out: `stream: false`, `is_error: false`, a tool's `type: custom`, empty `tools`, no citations;
- the older `output_format`, which is `output_config.format` now.
"""

import copy
from typing import Any


def normal(body: dict[str, Any]) -> dict[str, Any]:
    out = copy.deepcopy(body)
    out["model"] = "target-model"
    if "system" in out:
        out["system"] = _blocks(out["system"])
    for message in out["messages"]:
        message["content"] = _blocks(message["content"])
    for tool in out.get("tools") or []:
        if tool.get("type") == "custom":
            del tool["type"]
    for name in ("stream", "tools"):
        if not out.get(name):
            out.pop(name, None)
    if "output_format" in out:
        out.setdefault("output_config", {})["format"] = out.pop("output_format")
    return out


def _blocks(content: Any) -> list[Any]:
    blocks: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for block in blocks:
        if block.get("type") == "tool_result":
            block["content"] = _blocks(block.get("content") or [])
            if not block.get("is_error"):
                block.pop("is_error", None)
        if block.get("type") == "text" and not block.get("citations"):
            block.pop("citations", None)
    return blocks

"""The documented normal form of a Converse request: what two bodies may differ in and still say the same.

- empty objects and lists, which say nothing; a tool result's `status: success`, which is the default;
- the text of a JSON Schema, which has many ways to be written, as the schema;
- the texts of a cited passage, as one.
"""

import copy
import json
from typing import Any


def normal(body: dict[str, Any]) -> dict[str, Any]:
    out = copy.deepcopy(body)
    for message in out["messages"]:
        for block in message["content"]:
            _block(block)
    for block in out.get("system") or []:
        _block(block)
    text_format = (out.get("outputConfig") or {}).get("textFormat")
    if text_format:
        definition = text_format["structure"]["jsonSchema"]
        definition["schema"] = json.loads(definition["schema"])
    config = out.get("inferenceConfig")
    if config and not config.get("stopSequences"):
        config.pop("stopSequences", None)
    for name in ("system", "inferenceConfig", "additionalModelRequestFields", "toolConfig"):
        if not out.get(name):
            out.pop(name, None)
    return out


def _block(block: dict[str, Any]) -> None:
    result = block.get("toolResult")
    if result is not None:
        if result.get("status") == "success" and "type" not in result:
            del result["status"]
        for inner in result["content"]:
            _block(inner)
    cited = block.get("citationsContent")
    if cited is not None:
        cited["content"] = [{"text": "".join(part["text"] for part in cited.get("content") or [])}]

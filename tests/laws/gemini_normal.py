"""The documented normal form of Gemini's requests and answers: what two bodies may differ in and still say the same.

Requests: names in snake_case; contents of the model in a row, which are one turn; one object for a list of one; the role of
`systemInstruction`, and `user` where no role is said; functions in several groups, or beside other tools in one; defaults that are spelled
out (text alone as the modality, `text/plain`, -1 as the thinking budget, empty objects); `audio/mpeg`, which is `audio/mp3`; the id of a
result whose call has one. Answers: texts of one kind that follow each other are one; the role and the index of the candidate; counts of
zero, and the total.
"""

import copy
from typing import Any

from tidegate.dialects.gemini.names import camel

_FREE = frozenset(
    ("args", "response", "properties", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels")
)


def normal(body: dict[str, Any]) -> dict[str, Any]:
    out = _camel(copy.deepcopy(body))
    out.pop("model", None)
    if "systemInstruction" in out:
        system = out["systemInstruction"]
        out["systemInstruction"] = {"parts": _parts(system["parts"]), **{k: v for k, v in system.items() if k not in ("role", "parts")}}
    contents = out["contents"]
    out["contents"] = [
        {**content, "role": "model" if content.get("role") == "model" else "user", "parts": _parts(content.get("parts") or [])}
        for content in (contents if isinstance(contents, list) else [contents])
    ]
    _answered(out["contents"])
    out["contents"] = _turns(out["contents"])
    if out.get("tools"):
        out["tools"] = _tools(out["tools"] if isinstance(out["tools"], list) else [out["tools"]])
    config = out.get("generationConfig") or {}
    if [kind.upper() for kind in config.get("responseModalities") or []] in ([], ["TEXT"]):
        config.pop("responseModalities", None)
    if config.get("responseMimeType") == "text/plain":
        del config["responseMimeType"]
    thinking = config.get("thinkingConfig") or {}
    if thinking.get("thinkingBudget") == -1:
        del thinking["thinkingBudget"]
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    return _pruned(out)


def _turns(contents: list[Any]) -> list[Any]:
    """Contents of the model in a row are one turn, whose text goes on."""
    out: list[Any] = []
    for content in contents:
        if not (content["role"] == "model" and out and out[-1]["role"] == "model"):
            out.append({**content, "parts": list(content["parts"])})
            continue
        parts = out[-1]["parts"]
        for part in content["parts"]:
            if part.keys() == {"text"} and parts and parts[-1].keys() == {"text"}:
                parts[-1] = {"text": parts[-1]["text"] + part["text"]}
            elif part != {"text": ""}:
                parts.append(part)
    return out


def _answered(contents: list[Any]) -> None:
    """A result without an id has that of the one call of its name."""
    calls = [part["functionCall"] for content in contents for part in content["parts"] if "functionCall" in part]
    for part in (part for content in contents for part in content["parts"] if "functionResponse" in part):
        result = part["functionResponse"]
        ids = [call["id"] for call in calls if call["name"] == result["name"] and "id" in call]
        if "id" not in result and len(ids) == 1:
            result["id"] = ids[0]


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: inner if name in _FREE else _camel(inner) for name, inner in camel(value).items()}


def _pruned(value: Any) -> Any:
    """Without what is empty or null, but in what is the client's own."""
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {name: inner if name in _FREE else _pruned(inner) for name, inner in value.items()}
    kept = ("googleSearch", "urlContext", "codeExecution", "enterpriseWebSearch", "googleMaps")
    return {name: inner for name, inner in out.items() if inner not in (None, {}, []) or name in kept or name in _FREE}


def _parts(parts: Any) -> list[Any]:
    found = parts if isinstance(parts, list) else [parts]
    for part in found:
        inline = part.get("inlineData") or {}
        if inline.get("mimeType") == "audio/mpeg":
            inline["mimeType"] = "audio/mp3"
        if part.get("thought") is False:
            del part["thought"]
        if "functionCall" in part:
            part["functionCall"].setdefault("args", {})
        if isinstance(part.get("functionResponse", {}).get("parts"), list):
            _parts(part["functionResponse"]["parts"])
    return found


def _tools(tools: list[Any]) -> list[Any]:
    functions: list[Any] = []
    out: list[Any] = []
    for tool in tools:
        for name, inner in tool.items():
            if name != "functionDeclarations":
                out.append({name: inner})
                continue
            if not functions:
                out.append({name: functions})
            functions += inner if isinstance(inner, list) else [inner]
    return out


def normal_answer(body: dict[str, Any]) -> dict[str, Any]:
    out = _camel(copy.deepcopy(body))
    for candidate in out.get("candidates") or []:
        content = candidate.pop("content", None) or {}
        candidate["parts"] = _merged(content.get("parts") or [])
        candidate["index"] = 0
    usage = out.get("usageMetadata") or {}
    usage.pop("totalTokenCount", None)
    for name in ("candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "toolUsePromptTokenCount"):
        if usage.get(name) == 0:
            del usage[name]
    return _pruned(out)


def _merged(parts: list[Any]) -> list[Any]:
    """Texts of one kind are one until a signature ends them; a signature on an empty text is of the text before."""
    out: list[Any] = []
    for part in parts:
        last = out[-1] if out else {}
        if "text" in part and "text" in last and part.get("thought") == last.get("thought") and "thoughtSignature" not in last:
            last["text"] += part["text"]
            if "thoughtSignature" in part:
                last["thoughtSignature"] = part["thoughtSignature"]
        elif part.get("text") == "" and "thoughtSignature" in part and "inlineData" in last:
            last["thoughtSignature"] = part["thoughtSignature"]
        elif part != {"text": ""}:
            out.append(dict(part))
    return out

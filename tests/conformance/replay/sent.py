"""What a provider received of a request in the other dialect, judged without the gateway's code: a body that the provider's API would
take, with everything that the client's had."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.conformance.replay.answer import arguments_of
from tests.conformance.replay.content import Content, result_texts

_CHAT_PARTS = frozenset({"text", "image_url", "file", "input_audio", "refusal"})
_BLOCKS = frozenset({"text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "search_result"})


def of_chat(body: dict[str, Any]) -> Content:
    """Of an OpenAI chat request."""
    found = Content()
    for message in body.get("messages") or []:
        _chat_content(message.get("content"), found, result=message.get("role") in ("tool", "function"))
        for call in message.get("tool_calls") or []:
            function = call.get("function") or {}
            if call.get("type", "function") == "function":
                found.calls.append((function["name"], arguments_of(function.get("arguments") or "")))
            elif call.get("type") == "custom":
                found.calls.append((call["custom"]["name"], {"input": call["custom"].get("input")}))
        if message.get("function_call"):
            found.calls.append((message["function_call"]["name"], arguments_of(message["function_call"].get("arguments") or "")))
    for tool in body.get("tools") or []:
        if tool.get("type") == "function":
            found.tools[tool["function"]["name"]] = tool["function"].get("parameters")
            if tool["function"].get("strict"):
                found.strict.add(tool["function"]["name"])
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        found.only({tool["function"]["name"] for tool in choice["allowed_tools"]["tools"] if tool.get("type") == "function"})
    for function in body.get("functions") or []:
        found.tools[function["name"]] = function.get("parameters")
    return found


def of_messages(body: dict[str, Any]) -> Content:
    """Of an Anthropic request."""
    found = Content()
    _blocks(body.get("system"), found)
    for message in body.get("messages") or []:
        _blocks(message.get("content"), found)
    for tool in body.get("tools") or []:
        if tool.get("type", "custom") == "custom":
            found.tools[tool["name"]] = tool.get("input_schema")
    return found


def missing(source: Content, target: Content) -> list[str]:
    """What the target lacks of the source."""
    flaws: list[str] = []
    whole = "\n".join(target.texts)
    flaws += [f"text lost: {text[:120]!r}" for text in source.texts if text.strip() and text.strip() not in whole]
    if _calls(source) != _calls(target):
        flaws.append(f"tool calls {_calls(target)}, the client's were {_calls(source)}")
    if source.images != target.images:
        flaws.append(f"{target.images} images, the client sent {source.images}")
    if source.files != target.files:
        flaws.append(f"{target.files} files, the client sent {source.files}")
    for name, schema in source.tools.items():
        if name not in target.tools:
            flaws.append(f"the tool {name} is lost")
        elif not _same_schema(schema, target.tools[name], strict=name in source.strict):
            flaws.append(f"the tool {name} has the schema {target.tools[name]}, the client's is {schema}")
    return flaws


def chat_flaws(body: dict[str, Any]) -> list[str]:
    """Why OpenAI would refuse the request."""
    flaws = [f"`{name}` is missing" for name in ("model", "messages") if not body.get(name)]
    open_calls: list[str] = []
    for message in body.get("messages") or []:
        role, content = message.get("role"), message.get("content")
        if role not in ("system", "developer", "user", "assistant", "tool"):
            flaws.append(f"a message of the role {role!r}")
        if open_calls and role != "tool":
            flaws.append(f"tool calls without results: {open_calls}")
            open_calls = []
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                flaws.append(f"a tool result without its call: {message.get('tool_call_id')}")
            else:
                open_calls.remove(message["tool_call_id"])
        elif role == "assistant":
            open_calls = [call["id"] for call in message.get("tool_calls") or []]
            if content is None and not open_calls and not message.get("refusal"):
                flaws.append("an assistant message that says nothing")
        if content is None and role != "assistant":
            flaws.append(f"a {role} message without content")
        if isinstance(content, list):
            flaws += _part_flaws(role, content)
    for tool in body.get("tools") or []:
        if tool.get("type") != "function" or not isinstance(tool["function"].get("name"), str):
            flaws.append(f"not a tool: {json.dumps(tool)[:120]}")
    return flaws


def messages_flaws(body: dict[str, Any]) -> list[str]:
    """Why Anthropic would refuse the request."""
    flaws = [f"`{name}` is missing" for name in ("model", "messages", "max_tokens") if body.get(name) is None]
    roles = [message.get("role") for message in body.get("messages") or []]
    if roles[:1] != ["user"] or any(one == other for one, other in pairwise(roles)):
        flaws.append(f"the roles are {roles}")
    waiting: list[str] = []
    for message in body.get("messages") or []:
        content = message.get("content")
        blocks: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        if not blocks:
            flaws.append("a message without content")
        results = [block["tool_use_id"] for block in blocks if block.get("type") == "tool_result"]
        if sorted(results) != sorted(waiting):
            flaws.append(f"the results are {results}, the calls before were {waiting}")
        waiting = [block["id"] for block in blocks if block.get("type") == "tool_use"]
        flaws += _block_flaws(blocks)
    for tool in body.get("tools") or []:
        schema = tool.get("input_schema")
        if tool.get("type", "custom") == "custom" and (not isinstance(schema, dict) or schema.get("type") != "object"):
            flaws.append(f"a tool without a schema of an object: {json.dumps(tool)[:120]}")
    return flaws


def _part_flaws(role: Any, parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        kind = part.get("type")
        if kind not in _CHAT_PARTS or not isinstance(part.get(kind), str if kind in ("text", "refusal") else dict):
            yield f"not a content part: {json.dumps(part)[:120]}"
        elif role != "user" and kind in ("image_url", "file", "input_audio"):
            yield f"{kind} in a {role} message"


def _block_flaws(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        kind = block.get("type")
        if kind not in _BLOCKS:
            yield f"not a content block: {json.dumps(block)[:120]}"
        elif kind == "text" and not block.get("text", "").strip():
            yield "an empty text"
        elif kind == "tool_use" and not isinstance(block.get("input"), dict):
            yield f"the input of a tool is {block.get('input')!r}"


def _chat_content(content: Any, found: Content, *, result: bool) -> None:
    if isinstance(content, str):
        found.texts += result_texts(content) if result else [content]
        return
    for part in content or []:
        match part.get("type"):
            case "text" | "refusal" as kind:
                found.texts += result_texts(part[kind]) if result else [part[kind]]
            case "image_url":
                found.images += 1
            case "file":
                found.data_url((part.get("file") or {}).get("file_data"))
            case "input_audio":
                found.files += 1
            case _:
                pass


def _blocks(content: Any, found: Content, *, result: bool = False) -> None:
    if isinstance(content, str):
        found.texts += result_texts(content) if result else [content]
        return
    for block in content or []:
        match block.get("type"):
            case "text":
                found.texts += result_texts(block["text"]) if result else [block["text"]]
            case "image":
                found.images += 1
            case "document":
                _document(block.get("source") or {}, found)
            case "tool_use":
                found.calls.append((block["name"], block.get("input")))
            case "tool_result":
                _blocks(block.get("content"), found, result=True)
            case _:
                pass


def _document(source: dict[str, Any], found: Content) -> None:
    """Documents that are text may arrive as text."""
    match source.get("type"):
        case "text":
            found.texts.append(source["data"])
        case "content":
            _blocks(source.get("content"), found)
        case "base64":
            found.media(str(source.get("media_type")), source.get("data"))
        case _:
            found.files += 1


def _calls(content: Content) -> list[str]:
    """Anthropic's tools take objects only: arguments that are none stand in one."""
    return sorted(json.dumps((name, _in_an_object(args)), sort_keys=True) for name, args in content.calls)


def _in_an_object(args: Any) -> Any:
    if not isinstance(args, dict):
        return {"arguments": args}
    text = args.get("arguments")
    return {"arguments": arguments_of(text)} if args.keys() == {"arguments"} and isinstance(text, str) else args


def _same_schema(one: Any, other: Any, *, strict: bool) -> bool:
    """A schema that was left out is one of an object without properties. Strict tools have closed objects at Anthropic."""
    one, other = _spelled(one), _spelled(other)
    return one == other or (strict and _open(one) == _open(other))


def _spelled(schema: Any) -> Any:
    spelled = {"type": "object", "properties": {}, **(schema or {})}
    notes = ("title", "description", "$schema")
    bare = {
        name: value
        for name, value in spelled.items()
        if name not in notes and (name, value) not in (("required", []), ("additionalProperties", False))
    }
    return bare if bare == {"type": "object", "properties": {}} else spelled


def _open(schema: Any) -> Any:
    match schema:
        case dict():
            return {name: _open(value) for name, value in schema.items() if (name, value) != ("additionalProperties", False)}
        case list():
            return [_open(value) for value in schema]
        case _:
            return schema

"""`messages` of a request, from the wire to the neutral model, in every role that OpenAI has had (also `function`)."""

from typing import Final

from tidegate.dialects.openai_chat.decode_content import decode_content
from tidegate.dialects.openai_chat.fields import dump_text, take_cache
from tidegate.dialects.openai_chat.reasoning import OWN, blocks_of, sign_call
from tidegate.dialects.reading import as_list, as_object, join, missing, take_list, take_object, take_opt_str, take_str, wrong
from tidegate.ir.content import Block, Document, Image, Refusal, Text, ToolResult, ToolUse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, Role

_PLAIN_ROLES: Final = ("user", "system", "developer")
_EMPTY_WHEN_NULL = ("tool_calls", "function_call", "refusal", "audio", "annotations", "reasoning_content", "reasoning", "reasoning_details")


def decode_messages(value: Json) -> list[Message]:
    items = as_list(value, "messages")
    if not items:
        raise bad_request("Invalid 'messages': expected an array with at least one message.", "messages", "empty_array")
    messages: list[Message] = []
    calls: LegacyCalls | None = None
    for index, item in enumerate(items):
        if type(item) is dict and len(item) == 2:
            role, text = item.get("role"), item.get("content")
            if type(text) is str and role in _PLAIN_ROLES:
                messages.append(Message(role, [Text(text)]))
                continue
        calls = calls or LegacyCalls()
        messages.append(_message(item, f"messages[{index}]", calls))
    return messages


class LegacyCalls:
    """`function_call` and the `function` role have no ids: each call gets one, and a result the id of the last call of its name."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[str, str] = {}

    def call(self, name: str) -> str:
        self._count += 1
        self._last[name] = f"call_legacy{self._count}"
        return self._last[name]

    def result(self, name: str) -> str:
        return self._last.get(name) or self.call(name)


def _message(item: Json, path: str, calls: LegacyCalls) -> Message:
    raw = as_object(item, path)
    role = take_str(raw, "role", path)
    if role in _PLAIN_ROLES:
        return _plain(raw, role, path)
    if role == "assistant":
        return _assistant(raw, path, calls)
    if role in ("tool", "function"):
        return _result(raw, path, calls, legacy=role == "function")
    raise bad_request(
        f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
        f"{path}.role",
        "invalid_value",
    )


def _plain(raw: JsonObject, role: Role, path: str) -> Message:
    if "content" not in raw:
        raise missing(join(path, "content"))
    blocks = decode_content(raw.pop("content"), join(path, "content"))
    if not raw:
        return Message(role, blocks)
    name = take_opt_str(raw, "name", path)
    _mark_last(raw, blocks)
    return Message(role, blocks, name, _left(raw))


def _assistant(raw: JsonObject, path: str, calls: LegacyCalls) -> Message:
    """Blocks in the order in which an answer has them: reasoning, content, refusal, calls."""
    plain, field = _plain_reasoning(raw, path)
    blocks: list[Block] = []
    if plain or "reasoning_details" in raw:
        thinking, differs = blocks_of(plain, take_list(raw, "reasoning_details", path), OWN, keep=True)
        blocks += thinking
        if differs:
            raw[field] = plain
    content = raw.pop("content", None)
    if content != "":
        blocks += decode_content(content, join(path, "content"))
    refusal = take_opt_str(raw, "refusal", path)
    if refusal:
        blocks.append(Refusal(refusal))
    uses = take_list(raw, "tool_calls", path)
    if uses:
        where = join(path, "tool_calls")
        blocks += [_use(as_object(use, f"{where}[{index}]"), f"{where}[{index}]", index) for index, use in enumerate(uses)]
    legacy = take_object(raw, "function_call", path)
    if legacy is not None:
        blocks.append(_legacy_use(legacy, join(path, "function_call"), calls))
    name = take_opt_str(raw, "name", path)
    _mark_last(raw, blocks)
    return Message("assistant", blocks, name, _left(raw))


def _plain_reasoning(raw: JsonObject, path: str) -> tuple[str, str]:
    """The reasoning text and the field it stood in; a second one that says something else stays where it is."""
    first = take_opt_str(raw, "reasoning_content", path) or ""
    other = raw.get("reasoning")
    if type(other) is not str:
        return first, "reasoning_content"
    if not first:
        del raw["reasoning"]
        return other, "reasoning"
    if other == first:
        del raw["reasoning"]
    return first, "reasoning_content"


def _use(raw: JsonObject, path: str, index: int) -> ToolUse:
    kind = take_opt_str(raw, "type", path)
    call_id = take_opt_str(raw, "id", path) or ""
    if raw.get("index") == index:
        del raw["index"]
    cache = take_cache(raw)
    if kind == "custom":
        inner = take_object(raw, "custom", path)
        where = join(path, "custom")
        if inner is None:
            raise missing(where)
        use = ToolUse(call_id, take_str(inner, "name", where), take_opt_str(inner, "input", where) or "", "custom", cache, raw)
    elif kind in (None, "function"):
        inner = take_object(raw, "function", path)
        where = join(path, "function")
        if inner is None:
            raise missing(where)
        use = ToolUse(call_id, take_str(inner, "name", where), take_arguments(inner, where), "function", cache, raw)
    else:
        raise bad_request(f"Invalid value: '{kind}'. Supported values are: 'function' and 'custom'.", join(path, "type"), "invalid_value")
    if inner:
        raw[use.kind] = inner
    sign_call(use, raw, OWN)
    return use


def take_arguments(raw: JsonObject, path: str) -> str:
    """JSON text; some clients and providers give the object itself."""
    value = raw.pop("arguments", None)
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is dict:
        return dump_text(value)
    raise wrong(join(path, "arguments"), "a string")


def _legacy_use(raw: JsonObject, path: str, calls: LegacyCalls) -> ToolUse:
    name = take_str(raw, "name", path)
    use = ToolUse(calls.call(name), name, take_arguments(raw, path))
    if raw:
        use.extras = {"function": raw}
    return use


def _result(raw: JsonObject, path: str, calls: LegacyCalls, *, legacy: bool) -> Message:
    content = raw.pop("content", None)
    blocks = decode_content("" if content is None else content, join(path, "content"))
    name = take_opt_str(raw, "name", path)
    if legacy:
        if name is None:
            raise missing(join(path, "name"))
        call_id, name = calls.result(name), None
    else:
        call_id = take_str(raw, "tool_call_id", path)
    cache = take_cache(raw) if "cache_control" in raw else None
    return Message("tool", [ToolResult(call_id, blocks, cache=cache)], name, _left(raw))


def _mark_last(raw: JsonObject, blocks: list[Block]) -> None:
    """A mark on the message is one on its last block; it stays an extra where that block has one already, or can have none."""
    if "cache_control" not in raw or not blocks:
        return
    last = blocks[-1]
    if isinstance(last, Text | Image | Document | ToolUse) and last.cache is None:
        last.cache = take_cache(raw)


def _left(raw: JsonObject) -> JsonObject:
    """What nobody models. Known fields that say nothing are dropped: clients send whole answers back, with their nulls."""
    for name in _EMPTY_WHEN_NULL:
        if name in raw and raw[name] in (None, []):
            del raw[name]
    return raw

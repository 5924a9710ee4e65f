"""The rules of an OpenAI conversation: roles, contents, pairs of tool calls and answers; and what its last turn says.

Pure; used by `openai_request`.
"""

import base64
import binascii
import re

from tidegate.sandbox.answer import Attachment, Turn
from tidegate.sandbox.openai_refusal import NAME, bad_name, empty_array, invalid_type, invalid_value, missing, unknown
from tidegate.sandbox.values import Json, Obj, RequestRefused, as_object, as_text, names, objects, text_of

_PLAIN = names("role content name")
# The sandbox gives `reasoning_content` like DeepSeek and others do, so it takes it back.
_FIELDS = {
    "system": _PLAIN,
    "developer": _PLAIN,
    "user": _PLAIN,
    "assistant": names(
        "role content name refusal audio function_call tool_calls annotations reasoning reasoning_content reasoning_details"
    ),
    "tool": names("role content tool_call_id name"),
    "function": _PLAIN,
}
_PARTS = {
    "text": names("type text prompt_cache_breakpoint"),
    "image_url": names("type image_url prompt_cache_breakpoint"),
    "input_audio": names("type input_audio"),
    "file": names("type file prompt_cache_breakpoint"),
    "refusal": names("type refusal"),
}
_ALLOWED = {"user": names("text image_url input_audio file"), "assistant": names("text refusal")}
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=-]+)*;base64,", re.ASCII)


def check(body: Obj, lenient: bool) -> list[Obj]:
    """The messages, after every rule. Raises `RequestRefused`."""
    if "messages" not in body:
        raise missing("messages")
    value = body["messages"]
    if not isinstance(value, list):
        raise invalid_type("messages", "an array of objects", value)
    if not value:
        raise empty_array("messages")
    messages: list[Obj] = []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise invalid_type(f"messages[{index}]", "an object", item)
        _message(item, f"messages[{index}]", lenient)
        messages.append(item)
    _pairs(messages)
    return messages


def read_last(turn: Turn, messages: list[Obj]) -> None:
    """The last turn: what stands after the model's last answer. After tool results the text is still that of the last user message."""
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        role = message.get("role")
        if role == "assistant" and not turn.tool_results:
            break
        if role == "tool":
            turn.tool_results.insert(0, text_of(message.get("content")))
        elif role == "user":
            turn.text = text_of(message.get("content"))
            turn.attachments = _attachments(message.get("content"), f"messages[{index}].content")
            break


def _message(message: Obj, path: str, lenient: bool) -> None:
    role = message.get("role")
    if role is None:
        raise missing(f"{path}.role")
    known = _FIELDS.get(role) if isinstance(role, str) else None
    if known is None:
        raise invalid_value(f"{path}.role", role, "'system', 'assistant', 'user', 'function', 'tool', and 'developer'")
    for name in message:
        if name not in known and not lenient:
            raise unknown(f"{path}.{name}")
    _content(message, path, role, lenient)
    if message.get("tool_calls") is not None:
        _tool_calls(message["tool_calls"], f"{path}.tool_calls")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise missing(f"{path}.tool_call_id")


def _content(message: Obj, path: str, role: Json, lenient: bool) -> None:
    content = message.get("content")
    if content is None:
        said = any(message.get(name) is not None for name in ("tool_calls", "function_call", "refusal", "audio"))
        if role != "assistant" or not said:
            raise RequestRefused("Invalid value for 'content': expected a string, got null.", f"{path}.content")
    elif isinstance(content, list):
        if not content:
            raise empty_array(f"{path}.content")
        for index, part in enumerate(content):
            _part(part, f"{path}.content[{index}]", role, lenient)
    elif not isinstance(content, str):
        raise invalid_type(f"{path}.content", "one of a string or array of objects", content)


def _part(part: Json, path: str, role: Json, lenient: bool) -> None:
    if not isinstance(part, dict):
        raise invalid_type(path, "an object", part)
    kind = part.get("type")
    known = _PARTS.get(kind) if isinstance(kind, str) else None
    allowed = _ALLOWED.get(str(role), frozenset({"text"}))
    if known is None or kind not in allowed:
        raise invalid_value(f"{path}.type", kind, ", ".join(f"'{name}'" for name in sorted(allowed)))
    for name in part:
        if name not in known and not lenient:
            raise unknown(f"{path}.{name}")
    if kind == "text" and not isinstance(part.get("text"), str):
        raise invalid_type(f"{path}.text", "a string", part.get("text"))
    if kind == "image_url" and not isinstance(as_object(part.get("image_url")).get("url"), str):
        raise invalid_type(f"{path}.image_url", "an object", part.get("image_url"))


def _tool_calls(calls: Json, path: str) -> None:
    if not isinstance(calls, list):
        raise invalid_type(path, "an array of objects", calls)
    if not calls:
        raise empty_array(path)
    for index, call in enumerate(objects(calls)):
        here = f"{path}[{index}]"
        if not isinstance(call.get("id"), str):
            raise missing(f"{here}.id")
        if call.get("type") not in {"function", "custom"}:
            raise missing(f"{here}.type")
        function = as_object(call.get("function"))
        if call["type"] == "function" and not isinstance(function.get("arguments"), str):
            raise invalid_type(f"{here}.function.arguments", "a string", function.get("arguments"))
        if call["type"] == "function" and not NAME.fullmatch(as_text(function.get("name"))):
            raise bad_name(f"{here}.function.name")


def _pairs(messages: list[Obj]) -> None:
    """Every tool call has its answer next, and every tool message answers a call."""
    waiting: set[str] = set()
    last_call = 0
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            name = as_text(message.get("tool_call_id"))
            if name not in waiting:
                text = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise RequestRefused(text, f"messages.[{index}].role")
            waiting.discard(name)
            continue
        if waiting:
            raise _unanswered(waiting, last_call)
        if role == "assistant":
            waiting = {as_text(call.get("id")) for call in objects(message.get("tool_calls"))}
            last_call = index
    if waiting:
        raise _unanswered(waiting, last_call)


def _unanswered(ids: set[str], index: int) -> RequestRefused:
    message = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(sorted(ids))}"
    )
    return RequestRefused(message, f"messages.[{index}].role")


def _attachments(content: Json, path: str) -> list[Attachment]:
    found: list[Attachment] = []
    for index, part in enumerate(objects(content)):
        here = f"{path}[{index}]"
        if part.get("type") == "image_url":
            found.append(_from_url(as_text(as_object(part.get("image_url")).get("url")), "image", f"{here}.image_url.url"))
        elif part.get("type") == "input_audio":
            audio = as_object(part.get("input_audio"))
            found.append(Attachment(f"audio/{audio.get('format')}", _size(as_text(audio.get("data")), f"{here}.input_audio.data")))
        elif part.get("type") == "file":
            file = as_object(part.get("file"))
            if "file_id" in file:
                found.append(Attachment("file", url=as_text(file["file_id"])))
            else:
                found.append(_from_url(as_text(file.get("file_data")), "file", f"{here}.file.file_data"))
    return found


def _from_url(url: str, kind: str, path: str) -> Attachment:
    data = _DATA_URL.match(url)
    if data is not None:
        return Attachment(data.group(1), _size(url[data.end() :], path))
    if kind == "image" and url.startswith(("http://", "https://")):
        return Attachment("image", url=url)
    expected = "a base64-encoded data URL" + (" or an http(s) URL" if kind == "image" else "")
    raise RequestRefused(f"Invalid '{path}'. Expected {expected}.", path, "invalid_value")


def _size(data: str, path: str) -> int:
    try:
        return len(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise RequestRefused(f"Invalid base64 data in '{path}'.", path, "invalid_base64") from None

"""The rules of an Anthropic conversation: roles, contents, pairs of tool use and result, and the thinking that must come back unchanged.

Thinking is signed with a digest of its text, and a signature that comes back is checked, so that a gateway that loses, alters or
invents one is found out. Pure; used by `anthropic_request` and (to sign) by `anthropic`.
"""

import base64
import re

from tidegate.sandbox.values import Json, Obj, RequestRefused, as_text, digest, names, objects

_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_BLOCKS = names(
    "text image document search_result thinking redacted_thinking tool_use tool_result server_tool_use web_search_tool_result "
    "web_fetch_tool_result code_execution_tool_result bash_code_execution_tool_result text_editor_code_execution_tool_result "
    "tool_search_tool_result container_upload mcp_tool_use mcp_tool_result compaction tool_reference tool_addition advisor_tool_result"
)
_FIELDS: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control", "caller"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
}


def signature(thinking: str) -> str:
    """The signature of a thinking block with this text."""
    return base64.b64encode(b"tidegate-sandbox:" + digest("signature", thinking).encode()).decode()


def redacted_data(stem: str) -> str:
    """The data of a redacted thinking block."""
    return base64.b64encode(b"tidegate-sandbox-redacted:" + f"{stem}:{digest('redacted', stem)[:16]}".encode()).decode()


def check(value: Json, thinking: bool, *, present: bool, beta: bool, lenient: bool) -> list[Obj]:
    """The messages, after every rule. `thinking` says whether it is on with a budget, `beta` whether the client asks for any beta feature
    (one of them is system messages in mid-conversation). Raises `RequestRefused`."""
    if not present:
        raise RequestRefused("messages: Field required")
    if not isinstance(value, list):
        raise RequestRefused("messages: Input should be a valid list")
    if not value:
        raise RequestRefused("messages: at least one message is required")
    messages: list[Obj] = []
    for index, message in enumerate(value):
        if not isinstance(message, dict):
            raise RequestRefused(f"messages.{index}: Input should be an object")
        _message(message, index, beta, lenient, last=index == len(value) - 1)
        messages.append(message)
    _pairs(messages)
    if thinking:
        _loop_begins_with_thinking(messages)
    return messages


def _message(message: Obj, index: int, beta: bool, lenient: bool, *, last: bool) -> None:
    role = message.get("role")
    if role == "system" and (index == 0 or not beta):
        text = 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
        raise RequestRefused(text + 'not "system" as an input message role.')
    if role not in {"user", "assistant", "system"}:
        raise RequestRefused(f"messages.{index}.role: Input should be 'user' or 'assistant'")
    if not lenient:
        for name in message.keys() - {"role", "content"}:
            raise RequestRefused(f"messages.{index}.{name}: Extra inputs are not permitted")
    content = message.get("content")
    if not isinstance(content, str | list):
        raise RequestRefused(f"messages.{index}.content: {'Field required' if content is None else 'Input should be a valid list'}")
    final_answer = last and role == "assistant"
    if not content and not final_answer:
        raise RequestRefused(f"messages.{index}: all messages must have non-empty content except for the optional final assistant message")
    if isinstance(content, str):
        if final_answer and content != content.rstrip():
            raise RequestRefused("messages: final assistant content cannot end with trailing whitespace")
        return
    # A blank text is refused only where nothing else is said (recording llm-anthropic-33033fc40622).
    if content and all(block.get("type") == "text" and as_text(block.get("text")).isspace() for block in objects(content)):
        raise RequestRefused("messages: text content blocks must contain non-whitespace text")
    for at, block in enumerate(content):
        if not isinstance(block, dict):
            raise RequestRefused(f"messages.{index}.content.{at}: Input should be an object")
        _block(block, as_text(role), f"messages.{index}.content.{at}", lenient)


def _block(block: Obj, role: str, path: str, lenient: bool) -> None:
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in _BLOCKS:
        raise RequestRefused(
            f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {', '.join(sorted(_BLOCKS))}"
        )
    known = _FIELDS.get(kind)
    if known is not None and not lenient:
        for name in block.keys() - known:
            raise RequestRefused(f"{path}.{kind}.{name}: Extra inputs are not permitted")
    if (kind in {"tool_use", "thinking", "redacted_thinking"} and role == "user") or (kind == "tool_result" and role == "assistant"):
        other = "assistant" if role == "user" else "user"
        raise RequestRefused(f"{path}: `{kind}` blocks can only be in `{other}` messages")
    match kind:
        case "text":
            _text(block, path)
        case "thinking":
            _signed(block, path)
        case "redacted_thinking":
            _redacted(block, path)
        case "tool_use":
            _tool_use(block, path)
        case "tool_result":
            _tool_result(block, path)
        case _:
            pass


def _text(block: Obj, path: str) -> None:
    text = block.get("text")
    if not isinstance(text, str):
        raise RequestRefused(f"{path}.text.text: Field required")
    if not text:
        raise RequestRefused("messages: text content blocks must be non-empty")


def _signed(block: Obj, path: str) -> None:
    for name in ("thinking", "signature"):
        if not isinstance(block.get(name), str):
            raise RequestRefused(f"{path}.thinking.{name}: Field required")
    if block["signature"] != signature(as_text(block["thinking"])):
        raise RequestRefused(f"{path}: Invalid `signature` in `thinking` block")


def _redacted(block: Obj, path: str) -> None:
    try:
        mark, stem, check_sum = base64.b64decode(as_text(block.get("data")), validate=True).decode().split(":")
    except ValueError:
        raise RequestRefused(f"{path}: Invalid `data` in `redacted_thinking` block") from None
    if mark != "tidegate-sandbox-redacted" or check_sum != digest("redacted", stem)[:16]:
        raise RequestRefused(f"{path}: Invalid `data` in `redacted_thinking` block")


def _tool_use(block: Obj, path: str) -> None:
    if not _TOOL_ID.fullmatch(as_text(block.get("id"))):
        raise RequestRefused(f"{path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not as_text(block.get("name")):
        raise RequestRefused(f"{path}.tool_use.name: String should have at least 1 character")
    if not isinstance(block.get("input"), dict):
        raise RequestRefused(f"{path}.tool_use.input: Input should be a valid dictionary")


def _tool_result(block: Obj, path: str) -> None:
    content = block.get("content")
    if not isinstance(block.get("tool_use_id"), str):
        raise RequestRefused(f"{path}.tool_result.tool_use_id: Field required")
    if content is not None and not isinstance(content, str | list):
        raise RequestRefused(f"{path}.tool_result.content: Input should be a valid list")
    for at, inner in enumerate(objects(content)):
        if inner.get("type") not in {"text", "image", "document", "search_result", "tool_reference"}:
            raise RequestRefused(
                f"{path}.tool_result.content.{at}: Input tag '{inner.get('type')}' does not match any of the expected tags"
            )
        if inner.get("type") == "text":
            _text(inner, f"{path}.tool_result.content.{at}")


def _merged(messages: list[Obj]) -> list[tuple[int, str, list[Obj]]]:
    """Consecutive messages of one role count as one: (index of the first, role, blocks)."""
    merged: list[tuple[int, str, list[Obj]]] = []
    for index, message in enumerate(messages):
        role, content = as_text(message.get("role")), message.get("content")
        if role == "system":
            continue
        blocks: list[Obj] = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
        if merged and merged[-1][1] == role:
            merged[-1][2].extend(blocks)
        else:
            merged.append((index, role, list(blocks)))
    return merged


def _pairs(messages: list[Obj]) -> None:
    waiting: list[str] = []
    asked_at = 0
    for index, role, blocks in _merged(messages):
        if role == "assistant":
            waiting, asked_at = [as_text(block.get("id")) for block in blocks if block.get("type") == "tool_use"], index
            if len(set(waiting)) < len(waiting):
                raise RequestRefused(f"messages.{index}: `tool_use` ids must be unique")
            continue
        results = _leading_results(blocks)
        for at, block in enumerate(blocks):
            name = as_text(block.get("tool_use_id"))
            if block.get("type") == "tool_result" and name not in waiting:
                text = f"messages.{index}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {name}. "
                raise RequestRefused(f"{text}Each `tool_result` block must have a corresponding `tool_use` block in the previous message.")
        if len(set(results)) < len(results):
            raise RequestRefused(
                f"messages.{index}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {results[0]}"
            )
        _all_answered(waiting, results, asked_at)
        waiting = []
    _all_answered(waiting, [], asked_at)


def _leading_results(blocks: list[Obj]) -> list[str]:
    """Tool results count only before anything else in the message."""
    results: list[str] = []
    for block in blocks:
        if block.get("type") != "tool_result":
            break
        results.append(as_text(block.get("tool_use_id")))
    return results


def _all_answered(waiting: list[str], results: list[str], index: int) -> None:
    missing = [name for name in waiting if name not in results]
    if missing:
        text = f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. "
        raise RequestRefused(f"{text}Each `tool_use` block must have a corresponding `tool_result` block in the next message.")


def _loop_begins_with_thinking(messages: list[Obj]) -> None:
    """With thinking on, the model's first message of a tool loop that goes on must begin with the thinking it had."""
    merged = _merged(messages)
    if not merged or merged[-1][1] != "user" or not any(block.get("type") == "tool_result" for block in merged[-1][2]):
        return
    at = len(merged) - 1
    while at >= 2 and any(block.get("type") == "tool_result" for block in merged[at][2]):
        at -= 2
    first, _, blocks = merged[at + 1]
    kind = blocks[0].get("type") if blocks else None
    if kind not in {"thinking", "redacted_thinking"}:
        raise RequestRefused(
            f"messages.{first}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is "
            "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and "
            "`tool_result` blocks). To avoid this requirement, disable `thinking`."
        )

"""Reads an Anthropic messages request as strictly as Anthropic does, and refuses with its words. Pure; used by `anthropic`.

Rules: https://docs.claude.com/en/api/messages, /docs/en/build-with-claude/extended-thinking and /tool-use. The order of messages, the
pairs of tool use and result and the thinking of a tool loop are `anthropic_history`'s. `lenient` leaves out the refusal of unknown fields.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from tidegate.sandbox import anthropic_history
from tidegate.sandbox.answer import Attachment, Offered, Turn
from tidegate.sandbox.values import Json, Obj, RequestRefused, as_object, as_text, names, objects, text_of, token_estimate

_KNOWN = names(
    "billing_policy cache_control compaction container context_management diagnostics fallback_credit_token fallbacks inference_geo "
    "max_tokens mcp_servers messages metadata model output_config output_format service_tier speed stop_sequences stream system "
    "temperature thinking thread tool_choice tools top_k top_p user_profile_id workspace_id"
)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CACHE_MARKS = 4
_CHOICES = "'auto', 'any', 'tool', 'none'"


def read(body: Obj, headers: Mapping[str, str], lenient: bool) -> Turn:
    """The turn that the request asks for. Raises `RequestRefused` as Anthropic would."""
    _limit(body)
    return _read(body, headers, lenient)


def read_count(body: Obj, headers: Mapping[str, str], lenient: bool) -> Turn:
    """The turn of a count_tokens request, which has no `max_tokens`."""
    return _read(body, headers, lenient)


def _read(body: Obj, headers: Mapping[str, str], lenient: bool) -> Turn:
    if "anthropic-version" not in headers:
        raise RequestRefused("anthropic-version: header is required")
    model = body.get("model")
    if "model" not in body:
        raise RequestRefused("model: Field required")
    if not isinstance(model, str) or not model:
        raise RequestRefused("model: Input should be a valid string")
    if not lenient:
        for name in body:
            if name not in _KNOWN:
                raise RequestRefused(f"{name}: Extra inputs are not permitted")
    thinking = _thinking(body)
    # Adaptive thinking does not ask earlier turns to begin with it: the model may have skipped it.
    budgeted = thinking and as_object(body.get("thinking")).get("type") == "enabled"
    messages = anthropic_history.check(
        body.get("messages"), budgeted, present="messages" in body, beta=bool(headers.get("anthropic-beta")), lenient=lenient
    )
    _system(body.get("system"))
    _sampling(body, thinking)
    _cache_marks(body)
    turn = Turn(model=model, stream=body.get("stream") is True, include_usage=True)
    limit = body.get("max_tokens")
    turn.max_tokens = limit if isinstance(limit, int) else None
    _read_tools(turn, body)
    _read_format(turn, body)
    stops = body.get("stop_sequences")
    turn.stops = _stops(stops) if stops is not None else []
    last = messages[-1]
    if last.get("role") == "user":
        _read_last(turn, messages)
    interleaved = "interleaved-thinking" in headers.get("anthropic-beta", "") or as_object(body.get("thinking")).get("type") == "adaptive"
    turn.thinking = thinking and (not turn.tool_results or interleaved)
    turn.input_tokens = max(1, sum(token_estimate(body.get(name)) for name in ("system", "messages", "tools")) + 3 * len(messages))
    return turn


def _limit(body: Obj) -> None:
    if "max_tokens" not in body:
        raise RequestRefused("max_tokens: Field required")
    limit = body["max_tokens"]
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise RequestRefused("max_tokens: Input should be a valid integer")
    if limit < 1:
        raise RequestRefused("max_tokens: Input should be greater than or equal to 1")


def _thinking(body: Obj) -> bool:
    """Whether thinking is on."""
    value = body.get("thinking")
    if value is None:
        return False
    kind = as_object(value).get("type")
    if kind not in {"enabled", "disabled", "adaptive"}:
        raise RequestRefused(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'disabled', 'enabled', 'adaptive'"
        )
    if kind == "enabled":
        budget = as_object(value).get("budget_tokens")
        if not isinstance(budget, int):
            raise RequestRefused("thinking.enabled.budget_tokens: Field required")
        if budget < 1024:
            raise RequestRefused("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        limit = body.get("max_tokens")
        if isinstance(limit, int) and limit <= budget:
            raise RequestRefused("`max_tokens` must be greater than `thinking.budget_tokens`.")
    elif "budget_tokens" in as_object(value):
        raise RequestRefused(f"thinking.{kind}.budget_tokens: Extra inputs are not permitted")
    return kind != "disabled"


def _system(value: Json) -> None:
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, list):
        raise RequestRefused("system: Input should be a valid list")
    for index, block in enumerate(value):
        if as_object(block).get("type") != "text":
            raise RequestRefused(f"system.{index}.type: Input should be 'text'")
        if not as_text(as_object(block).get("text")):
            raise RequestRefused("system: text content blocks must be non-empty")


def _sampling(body: Obj, thinking: bool) -> None:
    for name, high in (("temperature", 1), ("top_p", 1)):
        value = body.get(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= high):
            raise RequestRefused(f"{name}: range: 0..{high}")
    top_k = body.get("top_k")
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 0):
        raise RequestRefused("top_k: Input should be greater than or equal to 0")
    if thinking:
        if body.get("temperature") not in {None, 1}:
            raise RequestRefused("`temperature` may only be set to 1 when thinking is enabled.")
        if top_k is not None:
            raise RequestRefused("`top_k` must be unset when thinking is enabled.")
        top_p = body.get("top_p")
        if isinstance(top_p, int | float) and top_p < 0.95:
            raise RequestRefused("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    user = as_object(body.get("metadata")).keys() - {"user_id"}
    if user:
        raise RequestRefused(f"metadata.{min(user)}: Extra inputs are not permitted")
    tier = body.get("service_tier")
    if tier not in {None, "auto", "standard_only"}:
        raise RequestRefused("service_tier: Input should be 'auto' or 'standard_only'")


def _stops(value: Json) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RequestRefused("stop_sequences: Input should be a valid list")
    found = [item for item in value if isinstance(item, str)]
    if any(not item.strip() for item in found):
        raise RequestRefused("stop_sequences: each stop sequence must contain non-whitespace")
    return found


def _cache_marks(body: Obj) -> None:
    marks = 0
    waiting: list[Json] = [body.get("system"), body.get("tools"), body.get("messages")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            for item in objects(value):
                marks += isinstance(item.get("cache_control"), dict)
                waiting.append(item.get("content"))
    if marks > _CACHE_MARKS:
        raise RequestRefused(f"A maximum of {_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}.")


def _read_tools(turn: Turn, body: Obj) -> None:
    seen: set[str] = set()
    for index, tool in enumerate(objects(body.get("tools"))):
        kind = as_text(tool.get("type")) or "custom"
        name = as_text(tool.get("name"))
        if kind != "custom":
            continue
        if not _NAME.fullmatch(name):
            raise RequestRefused(f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if name in seen:
            raise RequestRefused("tools: Tool names must be unique.")
        seen.add(name)
        turn.tools.append(Offered(name, _schema(tool, f"tools.{index}.custom")))
    choice = body.get("tool_choice")
    if choice is not None:
        _read_choice(turn, body, choice)


def _schema(tool: Obj, path: str) -> Json:
    schema = tool.get("input_schema")
    if "input_schema" not in tool:
        raise RequestRefused(f"{path}.input_schema: Field required")
    if not isinstance(schema, dict) or "type" not in schema:
        raise RequestRefused(f"{path}.input_schema.type: Field required")
    if schema["type"] != "object":
        raise RequestRefused(f"{path}.input_schema.type: Input should be 'object'")
    for name in tool.keys() & {"function", "parameters"}:
        raise RequestRefused(f"{path}.{name}: Extra inputs are not permitted")
    return schema


def _read_choice(turn: Turn, body: Obj, choice: Json) -> None:
    kind = as_object(choice).get("type")
    if kind not in {"auto", "any", "tool", "none"}:
        raise RequestRefused(f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags: {_CHOICES}")
    if not body.get("tools"):
        raise RequestRefused("tool_choice: may only be specified while providing tools")
    # Adaptive thinking may stand beside a forced tool (recording pydantic-ai-7acd9987f78f).
    if as_object(body.get("thinking")).get("type") == "enabled" and kind in {"any", "tool"}:
        raise RequestRefused("Thinking may not be enabled when tool_choice forces tool use.")
    turn.tools_allowed = kind != "none"
    if kind == "any":
        turn.forced = "*"
    elif kind == "tool":
        turn.forced = as_text(as_object(choice).get("name"))
        if turn.forced not in {as_text(tool.get("name")) for tool in objects(body.get("tools"))}:
            raise RequestRefused(f"Tool '{turn.forced}' not found in provided tools")


def _read_format(turn: Turn, body: Obj) -> None:
    wanted = as_object(body.get("output_config")).get("format", body.get("output_format"))
    if not isinstance(wanted, dict):
        return
    if wanted.get("type") != "json_schema":
        raise RequestRefused("output_config.format.type: Input should be 'json_schema'")
    schema = wanted.get("schema")
    if not isinstance(schema, dict):
        raise RequestRefused("output_config.format.schema: Field required")
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        message = "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise RequestRefused(message)
    turn.structured, turn.schema = True, schema


def _read_last(turn: Turn, messages: list[Obj]) -> None:
    """The last turn: its text, tool results and attachments."""
    tail: list[Obj] = []
    for message in reversed(messages):
        if message.get("role") == "assistant":
            break
        tail.insert(0, message)
    texts: list[str] = []
    for message in tail:
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
        for block in objects(content):
            _read_block(turn, block, texts)
    turn.text = "\n".join(texts)


def _read_block(turn: Turn, block: Obj, texts: list[str]) -> None:
    match block.get("type"):
        case "text":
            texts.append(as_text(block.get("text")))
        case "tool_result":
            turn.tool_results.append(text_of(block.get("content")))
            for inner in objects(block.get("content")):
                if inner.get("type") in {"image", "document"}:
                    turn.attachments.append(_attachment(inner))
        case "image" | "document":
            turn.attachments.append(_attachment(block))
        case _:
            pass


def _attachment(block: Obj) -> Attachment:
    source = as_object(block.get("source"))
    kind = as_text(block.get("type"))
    media_type = as_text(source.get("media_type")) or kind
    match source.get("type"):
        case "base64":
            if kind == "image" and media_type not in {"image/jpeg", "image/png", "image/gif", "image/webp"}:
                raise RequestRefused(
                    f"{kind}.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
                )
            try:
                return Attachment(media_type, len(base64.b64decode(as_text(source.get("data")), validate=True)))
            except (binascii.Error, ValueError):
                raise RequestRefused(f"{kind}.source.base64.data: Invalid base64 data") from None
        case "url":
            return Attachment(kind, url=as_text(source.get("url")))
        case "text":
            return Attachment("text/plain", len(as_text(source.get("data")).encode()))
        case "file":
            return Attachment(kind, url=as_text(source.get("file_id")))
        case "content":
            return Attachment("text/plain", len(text_of(source.get("content")).encode()))
        case other:
            tags = "'base64', 'url', 'file'"
            raise RequestRefused(f"{kind}.source: Input tag '{other}' found using 'type' does not match any of the expected tags: {tags}")

"""Whole answers of `POST /v1/messages`, both ways."""

from typing import cast

import msgspec

from tidegate.dialects.anthropic.answer_blocks import AnswerBlocks
from tidegate.dialects.anthropic.decode_blocks import NAME, decode_citation
from tidegate.dialects.anthropic.errors import error_of
from tidegate.dialects.anthropic.stop import decode_stop, encode_stop
from tidegate.dialects.anthropic.usage import decode_usage, encode_usage, foreign_counters, service_tier
from tidegate.dialects.base import Encoded, Stamp
from tidegate.dialects.unread import note_unread
from tidegate.dialects.values import parse_answer
from tidegate.ir.content import Block, Citation, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.response import Response

_ENCODER = msgspec.json.Encoder()
_KNOWN = frozenset(("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"))
TIERS = ("standard", "priority", "batch")


def upstream_error(message: str) -> Error:
    """The provider's answer is not of the dialect."""
    return Error(kind=ErrorKind.UPSTREAM, message=message, code="upstream_invalid_response")


def decode_response(body: bytes, origin: Origin) -> Response:
    """Raises `GatewayError` (kind UPSTREAM) where the body is no message, and the provider's own error where it is one."""
    try:
        raw = parse_answer(body)
    except ValueError:
        raise GatewayError(upstream_error("the provider's answer is not JSON")) from None
    if type(raw) is not dict:
        raise GatewayError(upstream_error("the provider's answer is not a JSON object"))
    content = raw.get("content")
    if type(content) is not list:
        if raw.get("type") == "error" or "error" in raw:
            raise GatewayError(error_of(0, raw))
        raise GatewayError(upstream_error("the provider's answer has no content"))
    identity, model, usage = raw.get("id"), raw.get("model"), raw.get("usage")
    return Response(
        dialect=NAME,
        id=identity if type(identity) is str else "",
        model=model if type(model) is str else "",
        blocks=[answer_block(item, origin) for item in content],
        stop=decode_stop(raw.get("stop_reason"), raw.get("stop_sequence")),
        usage=decode_usage(usage),
        service_tier=service_tier(usage),
        extras={} if raw.keys() <= _KNOWN else {name: raw[name] for name in raw if name not in _KNOWN and raw[name] is not None},
    )


def answer_block(raw: Json, origin: Origin) -> Block:
    """One block of an answer. What is not understood is kept as it is; raises `GatewayError` where it is no object."""
    if type(raw) is not dict:
        raise GatewayError(upstream_error("a content block of the provider's answer is not an object"))
    kind = raw.get("type")
    if kind == "text" and len(raw) == 2:
        return Text(_string(raw, "text"))
    if kind == "text":
        return Text(_string(raw, "text"), citations_of(raw), extras=left(raw, "text", "citations"))
    if kind == "tool_use":
        arguments = raw.get("input")
        text = arguments if type(arguments) is str else _ENCODER.encode({} if arguments is None else arguments).decode()
        return ToolUse(_string(raw, "id"), _string(raw, "name"), text, extras=left(raw, "id", "name", "input"))
    if kind == "thinking":
        signature = _string(raw, "signature") or None
        return Thinking(_string(raw, "thinking"), signature, None, origin, left(raw, "thinking", "signature"))
    if kind == "redacted_thinking":
        return Thinking("", None, _string(raw, "data"), origin, left(raw, "data"))
    return Native(NAME, raw)


def citations_of(raw: JsonObject) -> list[Citation]:
    listed = raw.get("citations")
    if type(listed) is not list:
        return []
    return [citation for citation in map(decode_citation, listed) if citation is not None]


def left(raw: JsonObject, *known: str) -> JsonObject:
    """What nobody models of an answer's block."""
    return {name: value for name, value in raw.items() if name != "type" and name not in known}


def _string(raw: JsonObject, name: str) -> str:
    value = raw.get(name)
    return value if type(value) is str else ""


def encode_response(response: Response, stamp: Stamp, request: Request) -> Encoded:
    """A whole message for an Anthropic client. An answer of another dialect gets the id `msg_<stem>`."""
    own = response.dialect == NAME
    losses: list[Loss] = []
    blocks = AnswerBlocks(stamp, losses, request, own=own)
    content: list[JsonObject] = []
    refused = tool_calls = False
    for index, block in enumerate(response.blocks):
        encoded = blocks.whole(block, index)
        if encoded is not None:
            content.append(encoded)
        refused = refused or isinstance(block, Refusal)
        tool_calls = tool_calls or isinstance(block, ToolUse)
    usage = encode_usage(response.usage, own=own)
    losses += foreign_counters(response.usage, own=own)
    if response.service_tier is not None:
        if own or response.service_tier in TIERS:
            usage["service_tier"] = response.service_tier
        else:
            losses.append(Loss("dropped", "service_tier", "Anthropic has no word for this tier"))
    body: JsonObject = {
        "id": response.id if own and response.id else f"msg_{stamp.stem}",
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": cast("list[Json]", content),
        "stop_reason": encode_stop(response.stop, tool_calls=tool_calls, refused=refused),
        "stop_sequence": response.stop.sequence,
        "usage": usage,
    }
    for name, value in response.extras.items():
        if own:
            body.setdefault(name, value)
        else:
            losses.append(Loss("dropped", name, "Anthropic answers have no such field"))
    note_unread(losses, response)
    return Encoded(_ENCODER.encode(body), losses)

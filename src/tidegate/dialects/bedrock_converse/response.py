"""Whole answers of Converse, both ways."""

from typing import cast

from tidegate.dialects.base import Encoded, Stamp, Whole
from tidegate.dialects.bedrock_converse.answer_blocks import AnswerBlocks
from tidegate.dialects.bedrock_converse.decode_blocks import decode_citation
from tidegate.dialects.bedrock_converse.errors import decode_error
from tidegate.dialects.bedrock_converse.fields import CITED, NAME
from tidegate.dialects.bedrock_converse.stop import decode_stop, encode_stop
from tidegate.dialects.bedrock_converse.usage import decode_usage, encode_usage, foreign_counters
from tidegate.dialects.unread import note_unread
from tidegate.dialects.values import dump, dump_text, object_or_empty, parse, text_or_empty
from tidegate.ir.content import Base64Source, Block, Citation, Image, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.response import Response

_KNOWN = frozenset(("output", "stopReason", "usage", "serviceTier"))


def upstream_error(message: str) -> Error:
    """The provider's answer is not of the dialect."""
    return Error(kind=ErrorKind.UPSTREAM, message=message, code="upstream_invalid_response")


def decode_response(body: bytes, origin: Origin) -> Response:
    """Raises `GatewayError` (kind UPSTREAM) where the body is no answer, and the provider's own error where it is one. Answers name neither
    themselves nor their model, which stood in the URL."""
    try:
        raw = object_or_empty(parse(body))
    except ValueError:
        raise GatewayError(upstream_error("the provider's answer is not JSON")) from None
    message = object_or_empty(object_or_empty(raw.get("output")).get("message"))
    content = message.get("content")
    if type(content) is not list:
        if "message" in raw or "error" in raw or "__type" in raw:
            raise GatewayError(decode_error(0, body))
        raise GatewayError(upstream_error("the provider's answer has no message"))
    more = object_or_empty(raw.get("additionalModelResponseFields"))
    return Response(
        dialect=NAME,
        id="",
        model=origin.model,
        blocks=[answer_block(item, origin) for item in content],
        stop=decode_stop(raw.get("stopReason"), more.get("stop_sequence")),
        usage=decode_usage(raw.get("usage")),
        service_tier=service_tier(raw),
        extras={name: value for name, value in raw.items() if name not in _KNOWN and value is not None},
    )


def service_tier(raw: JsonObject) -> str | None:
    return text_or_empty(object_or_empty(raw.get("serviceTier")).get("type")) or None


def answer_block(value: Json, origin: Origin) -> Block:
    """One block of an answer. What is not understood is kept as it is; raises `GatewayError` where it is no object."""
    if type(value) is not dict:
        raise GatewayError(upstream_error("a content block of the provider's answer is not an object"))
    text = value.get("text")
    if type(text) is str:
        return Text(text, extras=left(value, "text"))
    if type(value.get("toolUse")) is dict:
        return _tool_use(value)
    if type(value.get("reasoningContent")) is dict:
        return _reasoning(value, origin)
    if type(value.get(CITED)) is dict:
        return _cited(value)
    image = object_or_empty(value.get("image"))
    data = object_or_empty(image.get("source")).get("bytes")
    if type(data) is str:
        return Image(Base64Source(f"image/{text_or_empty(image.get('format'))}", data), extras=left(value, "image"))
    return Native(NAME, value)


def left(raw: JsonObject, *known: str) -> JsonObject:
    """What nobody models of an answer's block. Some recordings repeat its kind as `type`."""
    return {name: value for name, value in raw.items() if name not in known}


def _tool_use(raw: JsonObject) -> Block:
    use = object_or_empty(raw["toolUse"])
    if type(use.get("type")) is str and use["type"] != "tool_use":
        return Native(NAME, raw)
    arguments = use.get("input")
    return ToolUse(
        text_or_empty(use.get("toolUseId")),
        text_or_empty(use.get("name")),
        arguments if type(arguments) is str else dump_text({} if arguments is None else arguments),
        extras=left(raw, "toolUse"),
    )


def _reasoning(raw: JsonObject, origin: Origin) -> Block:
    reasoning = object_or_empty(raw["reasoningContent"])
    redacted = reasoning.get("redactedContent")
    if type(redacted) is str:
        return Thinking("", None, redacted, origin, left(raw, "reasoningContent"))
    told = object_or_empty(reasoning.get("reasoningText"))
    signature = text_or_empty(told.get("signature")) or None
    return Thinking(text_or_empty(told.get("text")), signature, None, origin, left(raw, "reasoningContent"))


def _cited(raw: JsonObject) -> Text:
    cited = object_or_empty(raw[CITED])
    content, listed = cited.get("content"), cited.get("citations")
    texts = [text_or_empty(object_or_empty(part).get("text")) for part in content] if type(content) is list else []
    found = [citation for citation in map(decode_citation, listed) if citation is not None] if type(listed) is list else []
    citations: list[Citation] = found
    extras = left(raw, CITED)
    if not citations:
        extras[CITED] = {}
    return Text("".join(texts), citations, extras=extras)


def tap_whole(body: bytes) -> Whole:
    """An answer does not say its model: the empty name tells that this is one."""
    try:
        raw = object_or_empty(parse(body))
    except ValueError:
        return Whole(None, None)
    return Whole("" if type(raw.get("output")) is dict else None, decode_usage(raw.get("usage")))


def encode_response(response: Response, stamp: Stamp, request: Request) -> Encoded:
    """A whole answer for a client of Converse."""
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
    losses += foreign_counters(response.usage, own=own)
    body: JsonObject = {
        "output": {"message": {"role": "assistant", "content": cast("list[Json]", content)}},
        "stopReason": encode_stop(response.stop, own=own, tool_calls=tool_calls, refused=refused),
        "usage": encode_usage(response.usage, own=own),
    }
    tell_tier(response.service_tier, body, losses, own=own)
    if own:
        for name, value in response.extras.items():
            body.setdefault(name, value)
    else:
        if response.stop.sequence is not None:
            body["additionalModelResponseFields"] = {"stop_sequence": response.stop.sequence}
        losses += [Loss("dropped", name, "Converse's answers have no such field") for name in response.extras]
    # The service's model requires it; an answer that was put together from a stream has none.
    body.setdefault("metrics", {"latencyMs": 0})
    note_unread(losses, response)
    return Encoded(dump(body), losses)


_TIERS = {"default": "default", "standard": "default", "priority": "priority", "flex": "flex", "reserved": "reserved"}


def tell_tier(tier: str | None, out: JsonObject, losses: list[Loss], *, own: bool) -> None:
    """Puts the tier that served the call into `out`."""
    if tier is None:
        return
    word = tier if own else _TIERS.get(tier)
    if word is None:
        losses.append(Loss("dropped", "service_tier", "Bedrock has no word for this tier"))
    else:
        out["serviceTier"] = {"type": word}

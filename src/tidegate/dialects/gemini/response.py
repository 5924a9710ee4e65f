"""Whole answers of `generateContent`, both ways."""

from tidegate.dialects.base import Encoded, Stamp
from tidegate.dialects.gemini.answer_parts import AnswerParts
from tidegate.dialects.gemini.citations import encode_grounding
from tidegate.dialects.gemini.errors import error_of
from tidegate.dialects.gemini.finish import encode_finish
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.gemini.stream_decoder import GeminiStreamDecoder, upstream_error
from tidegate.dialects.gemini.usage import encode_usage
from tidegate.dialects.reading import merge
from tidegate.dialects.unread import note_unread
from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir import events as ev
from tidegate.ir.content import Citation, Origin, Refusal, Text, Thinking
from tidegate.ir.errors import GatewayError
from tidegate.ir.fold import Fold
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss, unmodelled
from tidegate.ir.request import Request
from tidegate.ir.response import Response


def decode_response(body: bytes, origin: Origin) -> Response:
    """Also of the list that a stream without `alt=sse` is. Raises `GatewayError` (kind UPSTREAM) where the body is no answer, and the
    provider's own error where it is one."""
    try:
        value = parse(body)
    except ValueError:
        raise GatewayError(upstream_error("the provider's answer is not JSON")) from None
    answers = value if type(value) is list else [value]
    for answer in answers:
        if type(answer) is not dict:
            raise GatewayError(upstream_error("the provider's answer is not a JSON object"))
        if "error" in answer:
            raise GatewayError(error_of(answer))
    if not any(type(answer) is dict and ("candidates" in answer or "promptFeedback" in answer) for answer in answers):
        raise GatewayError(upstream_error("the provider's answer has no candidates"))
    decoder, folding = GeminiStreamDecoder(origin), Fold(NAME)
    extras: JsonObject = {}
    names: list[str] = []
    for answer in answers:
        for event in decoder.read(answer):
            folding.add(event)
            if isinstance(event, ev.NativeEvent) and not event.dialect:
                names += event.raw
            elif isinstance(event, ev.NativeEvent):
                extras = combined(extras, event.raw)
    rest: list[ev.Event] = []
    decoder.owed(rest)
    for event in (*rest, *decoder.end()):
        # An answer that does not say why it stopped has nevertheless come whole.
        if not isinstance(event, ev.Failed):
            folding.add(event)
    response = folding.response()
    response.extras, response.unread = extras, names
    return response


def combined(extras: JsonObject, more: JsonObject) -> JsonObject:
    """What several events tell beside their parts: later words count, objects are merged."""
    out = {**extras, **more}
    candidate = {**object_or_empty(extras.get("candidate")), **object_or_empty(more.get("candidate"))}
    return {**out, "candidate": candidate} if candidate else out


def encode_response(response: Response, stamp: Stamp, request: Request) -> Encoded:
    """A whole answer for a Gemini client."""
    own = response.dialect == NAME
    losses: list[Loss] = []
    answer_id = response.id if own else stamp.stem
    encoder = AnswerParts(stamp, losses, request, answer_id, own=own)
    parts: list[Json] = []
    texts: list[str] = []
    cited: list[tuple[Citation, int, int]] = []
    length = 0
    refused = False
    for index, block in enumerate(response.blocks):
        if isinstance(block, Text | Refusal):
            if isinstance(block, Text):
                cited += [(citation, length, length + len(block.text)) for citation in block.citations]
            texts.append(block.text)
            length += len(block.text)
            refused = refused or isinstance(block, Refusal)
        part = encoder.part(block, index)
        if own and parts and isinstance(block, Thinking) and not block.text and block.signature is not None and _signs(parts[-1]):
            object_or_empty(parts[-1])["thoughtSignature"] = block.signature
        elif part is not None and part != {"text": ""}:
            parts.append(part)
    beside = response.extras if own else {}
    losses += [] if own else unmodelled(response, "parts", "Gemini's answers have no such field")
    body: JsonObject = {}
    if parts or not (own and "promptFeedback" in beside):
        candidate: JsonObject = {"content": {"role": "model", "parts": parts} if parts else {"role": "model"}}
        if not (own and response.stop.raw is None):
            candidate["finishReason"] = encode_finish(response.stop, own=own, refused=refused)
        candidate["index"] = 0
        candidate |= object_or_empty(beside.get("candidate"))
        grounding = encode_grounding(cited, "".join(texts)) if "groundingMetadata" not in candidate else None
        if grounding is not None:
            candidate["groundingMetadata"] = grounding
        body["candidates"] = [candidate]
    if response.usage is not None or not own:
        body["usageMetadata"] = encode_usage(response.usage, response.service_tier, own=own)
    if response.model or not own:
        body["modelVersion"] = response.model
    if answer_id:
        body["responseId"] = answer_id
    merge(body, {name: value for name, value in beside.items() if name != "candidate"})
    note_unread(losses, response)
    return Encoded(dump(body), losses)


def _signs(part: Json) -> bool:
    """Whether a signature without a text is of this part."""
    return type(part) is dict and ("text" in part or "inlineData" in part) and "thought" not in part and "thoughtSignature" not in part

"""A whole answer, from the neutral model to OpenAI's shape, for OpenAI-shaped clients."""

import msgspec

from tidegate.dialects.asked import Asked, CallIds, unwrapped
from tidegate.dialects.base import Encoded, Stamp
from tidegate.dialects.media import media_url
from tidegate.dialects.openai_chat.citations import encode_citation
from tidegate.dialects.openai_chat.fields import NAME, dump, object_or_empty
from tidegate.dialects.openai_chat.finish import encode_finish
from tidegate.dialects.openai_chat.reasoning import CALL_SIGNATURE, call_signature, detail_for_client
from tidegate.dialects.openai_chat.usage import encode_usage
from tidegate.dialects.reading import merge
from tidegate.dialects.unread import note_unread
from tidegate.ir.content import Audio, Block, Image, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss, unmodelled
from tidegate.ir.request import Request
from tidegate.ir.response import Response

TIERS = {
    "standard": "default",
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "scale": "scale",
    "priority": "priority",
    "fast": "fast",
}
"""The service tiers that OpenAI's schema knows, and Anthropic's word for the default."""
_NO_FIELD = "a chat completion has no such field"


def encode_response(response: Response, stamp: Stamp, request: Request) -> Encoded:
    """The body of a `chat.completion`, and what it could not carry."""
    own = response.dialect == NAME
    losses: list[Loss] = []
    message = _Message(own, CallIds(stamp), losses, Asked(request))
    for index, block in enumerate(response.blocks):
        message.add(index, block)
    body: JsonObject = {
        "id": f"chatcmpl-{stamp.stem}",
        "object": "chat.completion",
        "created": stamp.created if response.created is None else response.created,
        "model": response.model,
        "choices": [
            {
                "index": 0,
                "message": message.finish(),
                "logprobs": None,
                "finish_reason": encode_finish(response.stop, calls=bool(message.calls), legacy=request.legacy_functions),
            }
        ],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage, own=own)
    tier = TIERS.get(response.service_tier or "")
    if tier is not None:
        body["service_tier"] = tier
    if own:
        merge(body, response.extras)
    else:
        losses += unmodelled(response, "content", _NO_FIELD)
    note_unread(losses, response)
    return Encoded(dump(body), losses)


class _Message(msgspec.Struct):
    """The message while its blocks are added."""

    own: bool
    ids: CallIds
    losses: list[Loss]
    asked: Asked
    calls: list[Json] = []
    parts: list[Json] = []
    native: bool = False
    length: int = 0
    refusal: str = ""
    reasoning: str = ""
    details: list[Json] = []
    annotations: list[Json] = []
    images: list[Json] = []
    audio: JsonObject | None = None

    def add(self, index: int, block: Block) -> None:
        match block:
            case Text():
                self._text(index, block)
            case Thinking():
                self._think(block)
            case ToolUse():
                self._call(index, block)
            case Refusal(text=text):
                self.refusal += text
            case Native(dialect=dialect, raw=raw) if dialect == NAME:
                self.native = True
                self.parts.append(raw)
            case Image(source=source):
                self.images.append({"type": "image_url", "image_url": {"url": media_url(source, f"content[{index}]")}})
            case Audio(data=data, extras=extras) if self.own:
                self.audio = {"id": "", "data": data, "transcript": "", "expires_at": 0, **extras}
            case Native(raw=raw):
                self.losses.append(native_loss(index, raw))
            case _:
                self.losses.append(Loss("dropped", f"content[{index}]", f"a chat completion has no {type(block).__name__}"))

    def _text(self, index: int, block: Text) -> None:
        start = self.length
        self.length += len(block.text)
        self.parts.append(block.text)
        for citation in block.citations:
            annotation = encode_citation(citation, start, self.length)
            if annotation is not None:
                self.annotations.append(annotation)
            else:
                self.losses.append(citation_loss(index))

    def _think(self, block: Thinking) -> None:
        self.reasoning += block.text
        detail = detail_for_client(block, block.text, block.signature, len(self.details))
        if detail is not None:
            self.details.append(detail)

    def _call(self, index: int, block: ToolUse) -> None:
        asked = self.asked
        if asked.legacy and self.calls:
            self.losses.append(legacy_loss(index))
            return
        name = asked.name(block)
        call: JsonObject = {"id": self.ids.take(block.id), "type": block.kind}
        if block.kind == "custom":
            call["custom"] = {"name": name, "input": block.arguments}
        elif asked.wrapped(block):
            call["type"] = "custom"
            call["custom"] = {"name": name, "input": unwrapped(block.arguments)}
        else:
            call["function"] = {"name": name, "arguments": block.arguments or "{}"}
        signature = call_signature(block)
        if signature is not None:
            call[CALL_SIGNATURE] = signature
        if self.own:
            merge(call, block.extras)
        self.calls.append(call)

    def finish(self) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": self._content(), "refusal": self.refusal or None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if not (self.details or self.calls or self.annotations or self.images or self.audio):
            return message
        optional: tuple[tuple[str, Json], ...] = (
            ("reasoning_details", self.details),
            ("tool_calls", self.calls),
            ("annotations", self.annotations),
            ("images", self.images),
            ("audio", self.audio),
        )
        for name, value in optional:
            if value:
                message[name] = value
        if self.asked.legacy and self.calls:
            del message["tool_calls"]
            message["function_call"] = object_or_empty(self.calls[0]).get("function")
        return message

    def _content(self) -> Json:
        """Text; a list of parts only where the provider itself, of this dialect, gave one that is no text. Null for an answer of calls or
        refusal alone."""
        if len(self.parts) == 1 and not self.native:
            return self.parts[0]
        if self.native:
            return [{"type": "text", "text": part} if type(part) is str else part for part in self.parts]
        if self.parts or not (self.calls or self.refusal):
            return "".join(part for part in self.parts if type(part) is str)
        return None


def legacy_loss(index: int) -> Loss:
    return Loss("dropped", f"content[{index}]", "an answer to `functions` has one `function_call`")


def native_loss(index: int, raw: JsonObject) -> Loss:
    return Loss("dropped", f"content[{index}]", f"a chat completion has no place for {raw.get('type', 'this block')}")


def citation_loss(index: int) -> Loss:
    return Loss("dropped", f"content[{index}].citations", "OpenAI cites addresses only")

"""A whole answer, from the neutral model to OpenAI's shape, for OpenAI-shaped clients."""

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
    losses: list[Loss] = []
    asked = Asked(request)
    message = _Message(response.dialect == NAME, stamp, losses, asked)
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
                "finish_reason": encode_finish(response.stop, calls=bool(message.calls), legacy=asked.legacy),
            }
        ],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage, own=response.dialect == NAME)
    tier = TIERS.get(response.service_tier or "")
    if tier is not None:
        body["service_tier"] = tier
    if response.dialect == NAME:
        merge(body, response.extras)
    else:
        losses += unmodelled(response.blocks, "content", _NO_FIELD)
        losses += [Loss("dropped", f"usage.{name}", _NO_FIELD) for name in (response.usage.extras if response.usage is not None else ())]
        losses += [Loss("dropped", name, _NO_FIELD) for name, value in response.extras.items() if value is not None]
    note_unread(losses, response)
    return Encoded(dump(body), losses)


class _Message:
    """The message while its blocks are added."""

    def __init__(self, own: bool, stamp: Stamp, losses: list[Loss], asked: Asked) -> None:
        self._asked = asked
        self.calls: list[Json] = []
        self._own = own
        self._ids = CallIds(stamp)
        self._losses = losses
        self._parts: list[Json] = []
        self._native = False
        self._length = 0
        self._refusal = ""
        self._reasoning = ""
        self._details: list[Json] = []
        self._annotations: list[Json] = []
        self._images: list[Json] = []
        self._audio: JsonObject | None = None

    def add(self, index: int, block: Block) -> None:
        match block:
            case Text():
                self._text(index, block)
            case Thinking():
                self._think(block)
            case ToolUse():
                self._call(index, block)
            case Refusal(text=text):
                self._refusal += text
            case Native(dialect=dialect, raw=raw) if dialect == NAME:
                self._native = True
                self._parts.append(raw)
            case Image(source=source):
                self._images.append({"type": "image_url", "image_url": {"url": media_url(source, f"content[{index}]")}})
            case Audio(data=data, extras=extras) if self._own:
                self._audio = {"id": "", "data": data, "transcript": "", "expires_at": 0, **extras}
            case Native(raw=raw):
                self._losses.append(native_loss(index, raw))
            case _:
                self._losses.append(Loss("dropped", f"content[{index}]", f"a chat completion has no {type(block).__name__}"))

    def _text(self, index: int, block: Text) -> None:
        start = self._length
        self._length += len(block.text)
        self._parts.append(block.text)
        for citation in block.citations:
            annotation = encode_citation(citation, start, self._length)
            if annotation is not None:
                self._annotations.append(annotation)
            else:
                self._losses.append(citation_loss(index))

    def _think(self, block: Thinking) -> None:
        self._reasoning += block.text
        detail = detail_for_client(block, block.text, block.signature, len(self._details))
        if detail is not None:
            self._details.append(detail)

    def _call(self, index: int, block: ToolUse) -> None:
        asked = self._asked
        if asked.legacy and self.calls:
            self._losses.append(legacy_loss(index))
            return
        name = asked.name(block)
        call: JsonObject = {"id": self._ids.take(block.id), "type": block.kind}
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
        if self._own:
            merge(call, block.extras)
        self.calls.append(call)

    def finish(self) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": self._content(), "refusal": self._refusal or None}
        if self._reasoning:
            message["reasoning_content"] = self._reasoning
        if not (self._details or self.calls or self._annotations or self._images or self._audio):
            return message
        optional: tuple[tuple[str, Json], ...] = (
            ("reasoning_details", self._details),
            ("tool_calls", self.calls),
            ("annotations", self._annotations),
            ("images", self._images),
            ("audio", self._audio),
        )
        for name, value in optional:
            if value:
                message[name] = value
        if self._asked.legacy and self.calls:
            del message["tool_calls"]
            message["function_call"] = object_or_empty(self.calls[0]).get("function")
        return message

    def _content(self) -> Json:
        """Text; a list of parts only where the provider itself, of this dialect, gave one that is no text. Null for an answer of calls or
        refusal alone."""
        if len(self._parts) == 1 and not self._native:
            return self._parts[0]
        if self._native:
            return [{"type": "text", "text": part} if type(part) is str else part for part in self._parts]
        if self._parts or not (self.calls or self._refusal):
            return "".join(part for part in self._parts if type(part) is str)
        return None


def legacy_loss(index: int) -> Loss:
    return Loss("dropped", f"content[{index}]", "an answer to `functions` has one `function_call`")


def native_loss(index: int, raw: JsonObject) -> Loss:
    return Loss("dropped", f"content[{index}]", f"a chat completion has no place for {raw.get('type', 'this block')}")


def citation_loss(index: int) -> Loss:
    return Loss("dropped", f"content[{index}].citations", "OpenAI cites addresses only")

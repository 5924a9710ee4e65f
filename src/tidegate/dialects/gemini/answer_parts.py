"""Parts of an answer for a Gemini client, and the frame that is the same around those of a whole answer and of an event."""

from tidegate.dialects.base import Stamp
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.gemini.signs import signature_for_client
from tidegate.dialects.gemini.stream_decoder import derived_id
from tidegate.dialects.names import client_name
from tidegate.dialects.reading import merge
from tidegate.dialects.values import parse
from tidegate.ir.content import Audio, Base64Source, Block, Document, FileSource, Image, Native, Refusal, Text, Thinking, ToolUse, UrlSource
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request


class AnswerParts:
    """Encodes the blocks of one answer, whose id is `answer_id`, and keeps the ids of its calls unique. `request` is what the client
    asked."""

    __slots__ = ("_answer_id", "_calls", "_losses", "_own", "_request", "_seen", "_stamp")

    def __init__(self, stamp: Stamp, losses: list[Loss], request: Request, answer_id: str, *, own: bool) -> None:
        self._stamp = stamp
        self._losses = losses
        self._request = request
        self._answer_id = answer_id
        self._own = own
        self._seen: set[str] = set()
        self._calls = 0

    def part(self, block: Block, index: int) -> JsonObject | None:
        """None for a block that Gemini's clients have no form for; it is on the receipt then."""
        match block:
            case Text(text=text) | Refusal(text=text):
                return {"text": text}
            case Thinking(text=text):
                return self.thought(block, text)
            case ToolUse():
                return self._call(block, index)
            case Image(source=Base64Source() as source):
                return {"inlineData": {"mimeType": source.media_type, "data": source.data}}
            case Image(source=UrlSource(url=uri) | FileSource(file_id=uri)) | Document(source=UrlSource(url=uri)):
                return {"fileData": {"fileUri": uri}}
            case Audio(data=data, format=form):
                return {"inlineData": {"mimeType": f"audio/{form}", "data": data}}
            case Native(dialect=dialect, raw=raw) if dialect == NAME:
                return raw
            case _:
                self._losses.append(Loss("dropped", f"parts[{index}]", f"Gemini's answers have no {type(block).__name__}"))
                return None

    def thought(self, block: Thinking, text: str) -> JsonObject | None:
        """A piece of reasoning, or the signature of the text before it where there is none."""
        signature = signature_for_client(block)
        if not text and signature is None:
            return None
        part: JsonObject = {"text": text}
        if text or not self._own:
            part["thought"] = True
        if signature is not None:
            part["thoughtSignature"] = signature
        return part

    def _call(self, block: ToolUse, index: int) -> JsonObject:
        place, self._calls = self._calls, self._calls + 1
        identity = block.id
        if self._own and identity == derived_id(self._answer_id, place):
            identity = ""
        elif (not self._own and not identity) or (identity and identity in self._seen):
            identity = f"call_{self._stamp.stem}_{index}"
        self._seen.add(identity)
        call: JsonObject = {"id": identity} if identity else {}
        call["name"] = client_name(block.name, self._request)
        call["args"] = self._arguments(block, index)
        part: JsonObject = {"functionCall": call}
        if self._own:
            merge(part, block.extras)
        if block.signature is not None and block.origin is not None:
            if block.origin.dialect == NAME:
                part["thoughtSignature"] = block.signature
            else:
                # The gateway remembers it by the call's id.
                self._losses.append(Loss("emulated", f"parts[{index}].functionCall", "its signature is kept for the next turn"))
        return part

    def _arguments(self, block: ToolUse, index: int) -> Json:
        if block.kind != "custom":
            if not block.arguments.strip():
                return {}
            try:
                value = parse(block.arguments.encode())
            except ValueError:
                value = None
            if type(value) is dict:
                return value
        self._losses.append(Loss("emulated", f"parts[{index}].functionCall.args", "the arguments are no JSON object and were put into one"))
        return {"input" if block.kind == "custom" else "arguments": block.arguments}

"""Blocks of an answer for a client of Converse: whole, and as they start in a stream."""

from tidegate.dialects.arguments import parse_arguments, wrap_arguments
from tidegate.dialects.base import Stamp
from tidegate.dialects.bedrock_converse.encode_blocks import reasoning_of
from tidegate.dialects.bedrock_converse.fields import CITED, IMAGE_FORMATS, NAME
from tidegate.dialects.names import client_name
from tidegate.ir.content import Base64Source, Block, Citation, Image, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request


class AnswerBlocks:
    """Encodes the blocks of one answer and keeps their tool ids unique. `request` is what the client asked."""

    __slots__ = ("_losses", "_own", "_request", "_seen", "_stamp")

    def __init__(self, stamp: Stamp, losses: list[Loss], request: Request, *, own: bool) -> None:
        self._request = request
        self._stamp = stamp
        self._losses = losses
        self._own = own
        self._seen: set[str] = set()

    def whole(self, block: Block, index: int) -> JsonObject | None:
        """None for a block that Converse has no form for; it is on the receipt then."""
        match block:
            case Text():
                return self._text(block, index) | self.extras(block.extras, index)
            case Refusal(text=text):
                return {"text": text}
            case ToolUse():
                use = self.tool(block, index)
                use["input"] = self.arguments(block, index)
                return {**self.extras(block.extras, index), "toolUse": use}
            case Thinking():
                return {**self.extras(block.extras, index), "reasoningContent": reasoning_of(block)}
            case Image(source=Base64Source(media_type=media_type, data=data)) if self._own or media_type[6:] in IMAGE_FORMATS:
                image: Json = {"format": media_type.removeprefix("image/"), "source": {"bytes": data}}
                return {**self.extras(block.extras, index), "image": image}
            case Native(dialect=dialect, raw=raw) if dialect == NAME:
                return raw
            case _:
                self._losses.append(Loss("dropped", f"content[{index}]", f"Converse's answers have no {type(block).__name__} blocks"))
                return None

    def _text(self, block: Text, index: int) -> JsonObject:
        cited: list[Json] = [raw for raw in (self.citation(item, index) for item in block.citations) if raw is not None]
        if not cited and CITED not in block.extras:
            return {"text": block.text}
        content: JsonObject = {"content": [{"text": block.text}]}
        if cited:
            content["citations"] = cited
        return {CITED: content}

    def tool(self, block: ToolUse, index: int) -> JsonObject:
        """The use without its input."""
        identity = block.id
        if not identity or identity in self._seen:
            identity = f"tooluse_{self._stamp.stem}{index}"
        self._seen.add(identity)
        if block.signature is not None:
            # The gateway remembers it by the call's id.
            self._losses.append(
                Loss("emulated", f"content[{index}].extra_content", "kept for the next turn: it has no place in a tool call")
            )
        return {"toolUseId": identity, "name": client_name(block.name, self._request)}

    def arguments(self, block: ToolUse, index: int) -> JsonObject:
        if block.kind == "custom":
            return self.wrapped(block.arguments, index, custom=True)
        parsed = parse_arguments(block.arguments)
        return self.wrapped(block.arguments, index, custom=False) if parsed is None else parsed

    def wrapped(self, text: str, index: int, *, custom: bool) -> JsonObject:
        self._losses.append(Loss("emulated", f"content[{index}].input", "the arguments are not a JSON object and were put into one"))
        return wrap_arguments(text, custom=custom)

    def citation(self, citation: Citation, index: int) -> JsonObject | None:
        """Bedrock's own citation as it is, one with an address as a web location; None for others."""
        if citation.dialect == NAME:
            return citation.raw
        if citation.url is not None:
            made: JsonObject = {"location": {"web": {"url": citation.url}}}
            if citation.title is not None:
                made["title"] = citation.title
            if citation.cited_text:
                made["sourceContent"] = [{"text": citation.cited_text}]
            return made
        loss = Loss("dropped", f"content[{index}].citations", "a citation of another provider's documents cannot be made Bedrock's")
        if loss not in self._losses[-1:]:
            self._losses.append(loss)
        return None

    def extras(self, extras: JsonObject, index: int) -> JsonObject:
        """What nobody models, for an answer of this dialect."""
        if self._own:
            return {name: value for name, value in extras.items() if name != CITED}
        self._losses += [Loss("dropped", f"content[{index}].{name}", "Converse's answers have no such field") for name in extras]
        return {}

"""Blocks of an answer for an Anthropic client: whole, and as they start in a stream."""

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.arguments import parse_arguments, wrap_arguments
from tidegate.dialects.base import Stamp
from tidegate.dialects.names import client_name
from tidegate.dialects.signature import pack
from tidegate.ir.content import Block, Citation, Native, Refusal, Text, Thinking, ToolUse
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
        """None for a block that Anthropic's clients have no form for; it is on the receipt then."""
        match block:
            case Text():
                out: JsonObject = {"type": "text", "text": block.text}
                cited: list[Json] = [raw for raw in (self.citation(item, index) for item in block.citations) if raw is not None]
                if cited:
                    out["citations"] = cited
                return out | self._extras(block.extras, index)
            case ToolUse():
                out = self.start_tool(block, index)
                out["input"] = self.arguments(block, index)
                return out
            case Thinking(redacted=None):
                return {"type": "thinking", "thinking": block.text, "signature": signature_of(block) or ""} | self._extras(
                    block.extras, index
                )
            case _:
                return self.start(block, index)

    def start(self, block: Block, index: int) -> JsonObject | None:
        """The block as `content_block_start` shows it: empty where deltas fill it."""
        out: JsonObject | None = None
        match block:
            case Text():
                out = {"type": "text", "text": ""} | self._extras(block.extras, index)
            case Refusal():
                out = {"type": "text", "text": block.text} | self._extras(block.extras, index)
            case ToolUse():
                out = self.start_tool(block, index)
            case Thinking(redacted=None):
                out = {"type": "thinking", "thinking": "", "signature": ""} | self._extras(block.extras, index)
            case Thinking():
                out = {"type": "redacted_thinking", "data": _redacted_data(block)} | self._extras(block.extras, index)
            case Native(dialect=dialect, raw=raw) if dialect == NAME:
                out = raw
            case _:
                self._losses.append(Loss("dropped", f"content[{index}]", f"Anthropic answers have no {type(block).__name__} blocks"))
        return out

    def start_tool(self, block: ToolUse, index: int) -> JsonObject:
        identity = block.id
        if not identity or identity in self._seen:
            identity = f"toolu_{self._stamp.stem}{index}"
        self._seen.add(identity)
        if block.signature is not None:
            # The gateway remembers it by the call's id.
            self._losses.append(
                Loss("emulated", f"content[{index}].extra_content", "kept for the next turn: it has no place in a tool call")
            )
        return {"type": "tool_use", "id": identity, "name": client_name(block.name, self._request), "input": {}} | self._extras(
            block.extras, index
        )

    def _extras(self, extras: JsonObject, index: int) -> JsonObject:
        if self._own or not extras:
            return extras
        self._losses += [Loss("dropped", f"content[{index}].{name}", "Anthropic answers have no such field") for name in extras]
        return {}

    def arguments(self, block: ToolUse, index: int) -> JsonObject:
        if block.kind == "custom":
            return self.wrapped(block.arguments, index, custom=True)
        parsed = parse_arguments(block.arguments)
        return self.wrapped(block.arguments, index, custom=False) if parsed is None else parsed

    def wrapped(self, text: str, index: int, *, custom: bool) -> JsonObject:
        self._losses.append(Loss("emulated", f"content[{index}].input", "the arguments are not a JSON object and were put into one"))
        return wrap_arguments(text, custom=custom)

    def citation(self, citation: Citation, index: int) -> JsonObject | None:
        # Anthropic's web citations carry an encrypted index that it wants back; nobody else can make one.
        if citation.dialect == NAME:
            return citation.raw
        loss = Loss("dropped", f"content[{index}].citations", "Anthropic's citations cannot be made from another provider's")
        if loss not in self._losses[-1:]:
            self._losses.append(loss)
        return None


def signature_of(block: Thinking) -> str | None:
    """The signature as an Anthropic client sees it: Anthropic's own as it is (None where there was none), any other in the envelope."""
    if block.origin is not None and block.origin.dialect == NAME:
        return block.signature
    return pack(block.origin, block.signature)


def _redacted_data(block: Thinking) -> str:
    if block.origin is not None and block.origin.dialect == NAME:
        return block.redacted or ""
    return pack(block.origin, block.redacted)

"""What the parts of the request encoder share: whom they encode for, what got lost, and the names of fields in the client's own terms."""

from tidegate.dialects.names import fits, shortened
from tidegate.dialects.openai_chat.fields import NAME, cache_control
from tidegate.dialects.reading import merge
from tidegate.dialects.receipt import BaseReceipt
from tidegate.dialects.terms import block_path, message_path, unmodelled
from tidegate.ir.content import Block, CacheMark, Refusal, Thinking, ToolResult, ToolUse
from tidegate.ir.json import JsonObject

_LONGEST_NAME = 64


class Encoding(BaseReceipt):
    @property
    def keeps_marks(self) -> bool:
        return self.own or self.profile.capabilities.prompt_cache

    @property
    def takes_free_text(self) -> bool:
        return self.own or self.profile.capabilities.custom_tools

    def tool_name(self, name: str, path: str) -> str:
        """A name that OpenAI takes; told once for each tool. `path` is that of the tool, call or choice."""
        if self.own or fits(name, _LONGEST_NAME):
            return name
        if name not in self.renamed:
            self.renamed.add(name)
            self.mapped(
                f"{path}.name", f"OpenAI takes {_LONGEST_NAME} letters, digits, _ and - in tool names: the answer has the client's again"
            )
        return shortened(name)

    def foreign_extras(self, extras: JsonObject, path: str) -> None:
        """Fields that only the client's dialect knows."""
        for where in unmodelled(extras, path):
            self.dropped(where, f"a field of {self.request.dialect} that {NAME} does not have")

    def attach(self, raw: JsonObject, cache: CacheMark | None, extras: JsonObject, path: str) -> None:
        """Puts the mark and the extras of an object of the request where they belong, or reports them."""
        if cache is not None:
            if self.keeps_marks:
                raw["cache_control"] = cache_control(cache, own=self.own)
            else:
                self.dropped(f"{path}.cache_control", "the target has no prompt-cache marks")
        if extras:
            if self.own:
                merge(raw, extras)
            else:
                self.foreign_extras(extras, path)

    def message(self, index: int) -> str:
        """The path of a message."""
        return message_path(self.request, index)

    def block(self, index: int, at: int) -> str:
        """The path of a block of a message."""
        if not self.own:
            return block_path(self.request, index, at)
        path = self.message(index)
        blocks = self.request.messages[index].blocks
        block = blocks[at]
        if isinstance(block, ToolResult):
            return path
        field = _own_field(block)
        place = sum(1 for other in blocks[:at] if _own_field(other) == field)
        return f"{path}.{field}" if field in ("refusal", "reasoning_content") else f"{path}.{field}[{place}]"


def _own_field(block: Block) -> str:
    match block:
        case Thinking(signature=None, redacted=None, origin=None):
            return "reasoning_content"
        case Thinking():
            return "reasoning_details"
        case ToolUse():
            return "tool_calls"
        case Refusal():
            return "refusal"
        case _:
            return "content"

"""What of the client's request shapes its answer: the names and kinds of its tools. Used by the encoders of answers and streams."""

import msgspec

from tidegate.dialects.base import Stamp
from tidegate.dialects.names import client_name
from tidegate.dialects.values import parse
from tidegate.ir.content import ToolUse
from tidegate.ir.request import Request, Tool


class Asked(msgspec.Struct, frozen=True):
    request: Request

    @property
    def legacy(self) -> bool:
        """The client knows calls as `function_call` only, one in an answer."""
        return self.request.legacy_functions

    def name(self, block: ToolUse) -> str:
        """The tool's name as the client gave it."""
        return client_name(block.name, self.request)

    def wrapped(self, block: ToolUse) -> bool:
        """The client's tool takes free text, and its call came as that of a function with one field."""
        if block.kind == "custom":
            return False
        name = self.name(block)
        return any(isinstance(tool, Tool) and tool.kind == "custom" and tool.name == name for tool in self.request.tools)


def unwrapped(arguments: str) -> str:
    """The free text in the `input` of a call's arguments; arguments of any other shape are the text themselves."""
    try:
        value = parse(arguments.encode())
    except ValueError:
        return arguments
    text = value.get("input") if type(value) is dict and len(value) == 1 else None
    return text if type(text) is str else arguments


class CallIds(msgspec.Struct):
    """Ids of tool calls: the model's own where they are there and distinct, else made from the stamp."""

    stamp: Stamp
    seen: set[str] = set()
    count: int = 0

    def take(self, call_id: str) -> str:
        index, self.count = self.count, self.count + 1
        if not call_id or call_id in self.seen:
            call_id = f"call_{self.stamp.stem}_{index}"
        self.seen.add(call_id)
        return call_id

"""What of the client's request shapes its answer: the names and kinds of its tools. Used by the encoders of answers and streams."""

from tidegate.dialects.names import client_names
from tidegate.dialects.openai_chat.fields import parse
from tidegate.ir.content import ToolUse
from tidegate.ir.request import Request, Tool


class Asked:
    """`legacy`: the client knows calls as `function_call` only, one in an answer."""

    __slots__ = ("_free", "_names", "legacy")

    def __init__(self, request: Request) -> None:
        self.legacy = request.legacy_functions
        self._names = client_names(request)
        self._free = frozenset(tool.name for tool in request.tools if isinstance(tool, Tool) and tool.kind == "custom")

    def name(self, block: ToolUse) -> str:
        """The tool's name as the client gave it."""
        return self._names.get(block.name, block.name)

    def wrapped(self, block: ToolUse) -> bool:
        """The client's tool takes free text, and its call came as that of a function with one field."""
        return block.kind == "function" and bool(self._free) and self.name(block) in self._free


def unwrapped(arguments: str) -> str:
    """The free text in the `input` of a call's arguments; arguments of any other shape are the text themselves."""
    try:
        value = parse(arguments.encode())
    except ValueError:
        return arguments
    text = value.get("input") if type(value) is dict and len(value) == 1 else None
    return text if type(text) is str else arguments

"""What the parts of the request encoder share: whom they encode for, what got lost, and the names of fields in the client's own terms."""

from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.names import fits, shortened
from tidegate.dialects.reading import merge
from tidegate.dialects.terms import term, tool_field, unmodelled
from tidegate.ir.content import CacheMark, ToolUse
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.target import Profile

_LONGEST_NAME = 64


class Encoding:
    """One request on its way to one target. `tools` are the names of called tools by the ids of their calls: results name both."""

    def __init__(self, request: Request, profile: Profile) -> None:
        self.request = request
        self.profile = profile
        self.own = request.dialect == NAME
        self.losses: list[Loss] = []
        self.tools = {block.id: block.name for message in request.messages for block in message.blocks if isinstance(block, ToolUse)}
        self._renamed: set[str] = set()

    def name(self, field: str) -> str:
        """A field of the neutral request under the client's name for it."""
        return term(self.request, field)

    def inner(self, path: str, kind: str, field: str) -> str:
        """The path of a field of a tool or call."""
        return f"{path}.{tool_field(self.request, kind, field)}"

    def tool_name(self, name: str, path: str, kind: str = "function") -> str:
        """A name that Google takes; told once for each tool. `path` is that of the tool, call or choice."""
        if self.own or fits(name, _LONGEST_NAME):
            return name
        if name not in self._renamed:
            self._renamed.add(name)
            self.mapped(
                self.inner(path, kind, "name"), "Google takes 64 letters, digits, _ and - in tool names: the answer has the client's"
            )
        return shortened(name)

    def dropped(self, path: str, reason: str) -> None:
        self.losses.append(Loss("dropped", path, reason))

    def emulated(self, path: str, reason: str) -> None:
        self.losses.append(Loss("emulated", path, reason))

    def mapped(self, path: str, reason: str) -> None:
        self.losses.append(Loss("mapped", path, reason))

    def foreign_extras(self, extras: JsonObject, path: str) -> None:
        """Fields of another dialect that nobody models."""
        for where in unmodelled(extras, path):
            self.dropped(where, "Gemini has no such field")

    def attach(self, raw: JsonObject, cache: CacheMark | None, extras: JsonObject, path: str) -> None:
        """Puts the extras of an object of the request where they belong, or reports them, and its cache mark."""
        if cache is not None:
            self.dropped(f"{path}.cache_control", "Gemini caches unasked, and has no marks")
        if extras:
            if self.own:
                merge(raw, extras)
            else:
                self.foreign_extras(extras, path)

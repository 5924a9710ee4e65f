"""What the parts of the request encoder share: whom they encode for, what got lost, and the names of fields in the client's own terms."""

from tidegate.dialects.names import fits, shortened
from tidegate.dialects.reading import merge
from tidegate.dialects.receipt import BaseReceipt
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject

_LONGEST_NAME = 64


class Encoding(BaseReceipt):
    """One request on its way to one target. `tools` are the names of called tools by the ids of their calls: results name both."""

    no_field = "Gemini has no such field"
    tools: dict[str, str] = {}

    def tool_name(self, name: str, path: str, kind: str = "function") -> str:
        """A name that Google takes; told once for each tool. `path` is that of the tool, call or choice."""
        if self.own or fits(name, _LONGEST_NAME):
            return name
        if name not in self.renamed:
            self.renamed.add(name)
            self.mapped(
                self.inner(path, kind, "name"), "Google takes 64 letters, digits, _ and - in tool names: the answer has the client's"
            )
        return shortened(name)

    def attach(self, raw: JsonObject, cache: CacheMark | None, extras: JsonObject, path: str) -> None:
        """Puts the extras of an object of the request where they belong, or reports them, and its cache mark."""
        if cache is not None:
            self.dropped(f"{path}.cache_control", "Gemini caches unasked, and has no marks")
        if extras:
            if self.own:
                merge(raw, extras)
            else:
                self.foreign_extras(extras, path)

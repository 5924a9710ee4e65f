"""The receipt of one request encoding, and what every part of the encoder asks of its target."""

import hashlib
import re

from tidegate.dialects.names import fits, shortened
from tidegate.dialects.receipt import BaseReceipt
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject

_LONGEST_NAME = 128
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")


class Receipt(BaseReceipt):
    """`marked` are the objects with a cache mark in the order of the prompt, with their paths; kept only for other dialects' requests."""

    no_field = "Anthropic has no such field"
    marked: list[tuple[JsonObject, str]] = []

    def mark(self, out: JsonObject, cache: CacheMark | None, path: str) -> None:
        """Puts a cache mark on `out`."""
        if cache is None:
            return
        out["cache_control"] = _control(cache, own=self.own)
        if not self.own:
            self.marked.append((out, path))
            self.foreign_extras(cache.extras, f"{path}.cache_control")

    def tool_name(self, name: str, path: str, kind: str) -> str:
        """A name that Anthropic takes; told once for each tool. `path` is that of the tool, call or choice."""
        if self.own or fits(name, _LONGEST_NAME):
            return name
        if name not in self.renamed:
            self.renamed.add(name)
            self.mapped(
                self.inner(path, kind, "name"),
                f"Anthropic takes {_LONGEST_NAME} letters, digits, _ and - in tool names: the answer has the client's again",
            )
        return shortened(name)

    def tool_id(self, identity: str, path: str) -> str:
        """An id that Anthropic takes; the same for a use and its result."""
        if self.own or _TOOL_ID.fullmatch(identity):
            return identity
        self.mapped(path, "Anthropic takes only letters, digits, _ and - in tool ids")
        return "toolu_" + hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _control(mark: CacheMark, *, own: bool) -> JsonObject:
    out: JsonObject = {"type": "ephemeral"}
    if mark.ttl is not None:
        out["ttl"] = mark.ttl
    if own:
        out |= mark.extras
    return out

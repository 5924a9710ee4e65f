"""The receipt of one request encoding, and what every part of the encoder asks of its target."""

import hashlib
import re

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.names import fits, shortened
from tidegate.dialects.terms import term, tool_field, unmodelled
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.target import Profile

_LONGEST_NAME = 128
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")


class Receipt:
    """Collects losses. `own` says that the request is of this dialect, so that its extras and native parts are emitted."""

    __slots__ = ("_renamed", "losses", "marked", "own", "profile", "request")

    def __init__(self, request: Request, profile: Profile) -> None:
        self.own = request.dialect == NAME
        self.request = request
        self.profile = profile
        self.losses: list[Loss] = []
        self._renamed: set[str] = set()
        self.marked: list[tuple[JsonObject, str]] = []
        """Objects with a cache mark in the order of the prompt, with their paths; kept only for other dialects' requests."""

    def name(self, field: str) -> str:
        """A field of the neutral request under the client's name for it."""
        return term(self.request, field)

    def inner(self, path: str, kind: str, field: str) -> str:
        """The path of a field of a tool or call."""
        return f"{path}.{tool_field(self.request, kind, field)}"

    def mapped(self, path: str, reason: str) -> None:
        self.losses.append(Loss("mapped", path, reason))

    def emulated(self, path: str, reason: str) -> None:
        self.losses.append(Loss("emulated", path, reason))

    def dropped(self, path: str, reason: str) -> None:
        self.losses.append(Loss("dropped", path, reason))

    def foreign_extras(self, extras: JsonObject, path: str) -> None:
        """Fields of another dialect that nobody models."""
        for where in unmodelled(extras, path):
            self.dropped(where, "Anthropic has no such field")

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
        if name not in self._renamed:
            self._renamed.add(name)
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

"""The vocabulary of a stream. A decoder emits these, an encoder consumes them, `fold` makes a `Response` of them.

Grammar: `Started (BlockStart Delta* BlockStop | UsageReport | NativeEvent)* Finished`, or `Failed` at any point instead of the rest.
Indices count blocks from 0 without gaps in the order of their starts; every start has one stop before `Finished`.
Several blocks may be open at once (parallel tool calls whose deltas interleave); an encoder for a dialect that allows only
one open block holds the later ones back until the earlier has stopped.
"""

from typing import TypeAlias

import msgspec

from tidegate.ir.content import Block, Citation
from tidegate.ir.errors import Error
from tidegate.ir.json import JsonObject
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage


class Started(msgspec.Struct, frozen=True):
    """`dialect` says whose `extras` the blocks of this stream carry; `usage` is what the provider told at once (Anthropic's input
    tokens), and is repeated by a `UsageReport`."""

    id: str
    model: str
    created: int | None = None
    service_tier: str | None = None
    dialect: str = ""
    usage: Usage | None = None


class BlockStart(msgspec.Struct, frozen=True):
    """`block` is empty (`Text("")`, `ToolUse(id, name, "")`) and is filled by deltas; a `Native` block is whole."""

    index: int
    block: Block


class TextDelta(msgspec.Struct, frozen=True):
    """For `Text` and `Refusal` blocks."""

    index: int
    text: str


class ThinkingDelta(msgspec.Struct, frozen=True):
    """`signature` is whole when it comes (providers send it in one piece), or is appended when it comes in pieces."""

    index: int
    text: str = ""
    signature: str | None = None


class ArgsDelta(msgspec.Struct, frozen=True):
    """A piece of a tool call's `arguments` text."""

    index: int
    text: str


class CitationDelta(msgspec.Struct, frozen=True):
    index: int
    citation: Citation


class BlockStop(msgspec.Struct, frozen=True):
    index: int


class UsageReport(msgspec.Struct, frozen=True):
    """The usage so far; a later report replaces an earlier one (decoders merge partial reports themselves)."""

    usage: Usage


class NativeEvent(msgspec.Struct, frozen=True):
    """An event that only `dialect` understands; it is emitted only to the same dialect. Without one nobody understands it: the names of
    what a provider said are on the receipt of every client."""

    dialect: str
    raw: JsonObject


class Finished(msgspec.Struct, frozen=True):
    stop: Stop


class Failed(msgspec.Struct, frozen=True):
    """The provider reported an error inside the stream. Nothing follows."""

    error: Error


Event: TypeAlias = (
    Started | BlockStart | TextDelta | ThinkingDelta | ArgsDelta | CitationDelta | BlockStop | UsageReport | NativeEvent | Finished | Failed
)

CONTENT = (TextDelta, ThinkingDelta, ArgsDelta)
"""Deltas that commit a stream when their text is not empty: from the first on, no other target may be tried."""


def commits(event: Event) -> bool:
    """Whether the client has seen content (or the end) once it has this event: the commit point of an attempt.

    A tool call's start and a whole native block are content; lifecycle events and empty deltas are not.
    """
    match event:
        case TextDelta(text=text) | ArgsDelta(text=text):
            return text != ""
        case ThinkingDelta(text=text, signature=signature):
            return text != "" or signature is not None
        case BlockStart(block=block):
            return type(block).__name__ in ("ToolUse", "Native", "Audio", "Image") or (getattr(block, "redacted", None) is not None)
        case Finished():
            return True
        case _:
            return False

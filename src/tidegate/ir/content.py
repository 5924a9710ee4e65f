"""The blocks that messages and answers are made of: ordered, typed, and each with what nobody models kept in `extras`.

`Native` is a block that only its own dialect understands (a server tool's use or result, a container upload). `extras`
of any block belong to the dialect of the request or response that holds it.
"""

from typing import Literal, TypeAlias

import msgspec

from tidegate.ir.json import Json, JsonObject


class CacheMark(msgspec.Struct, frozen=True):
    """A prompt-cache breakpoint after the block that carries it. `ttl` is the provider's word (`5m`, `1h`) or None."""

    ttl: str | None = None
    extras: dict[str, Json] = {}


class Origin(msgspec.Struct, frozen=True):
    """Where a signature was made, and the only place it may be sent to. An empty `provider` or `model` means that the
    client gave no word of it: it is then taken as any of that dialect."""

    dialect: str
    provider: str = ""
    model: str = ""

    def accepts(self, dialect: str, provider: str) -> bool:
        """Whether what was signed here may be replayed there. A model that differs is accepted within one
        provider: providers check their own signatures, and clients change models within a conversation."""
        return self.dialect == dialect and self.provider in ("", provider)


class UrlSource(msgspec.Struct, frozen=True):
    """`media_type` where the client told it: most dialects have the address alone."""

    url: str
    media_type: str | None = None


class Base64Source(msgspec.Struct, frozen=True):
    media_type: str
    data: str


class TextSource(msgspec.Struct, frozen=True):
    """A document given as plain text."""

    text: str
    media_type: str = "text/plain"


class FileSource(msgspec.Struct, frozen=True):
    """A provider's file id: it means something only to the dialect (and provider) that issued it."""

    file_id: str
    media_type: str | None = None


class ContentSource(msgspec.Struct, frozen=True):
    """A document made of blocks (Anthropic's custom content)."""

    blocks: "list[Block]"


MediaSource: TypeAlias = UrlSource | Base64Source | FileSource
DocumentSource: TypeAlias = UrlSource | Base64Source | FileSource | TextSource | ContentSource


class Citation(msgspec.Struct, frozen=True):
    """A source for a piece of text. `raw` is the citation as its dialect wrote it; the named fields are what others
    can use. `start` and `end` are character offsets into the text of the whole answer, where the dialect has them."""

    dialect: str
    raw: JsonObject
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None


class Text(msgspec.Struct):
    """`json`: the text is a JSON value, from a dialect that has those in the results of tools."""

    text: str
    citations: list[Citation] = []
    cache: CacheMark | None = None
    extras: JsonObject = {}
    json: bool = False


class Refusal(msgspec.Struct):
    """The model's own words of refusal (OpenAI's `refusal`)."""

    text: str
    extras: JsonObject = {}


class Thinking(msgspec.Struct):
    """Reasoning. `signature` proves it to `origin`, the only place it may be sent back to; `redacted` is encrypted
    reasoning with no readable text. Reasoning without a signature and without `redacted` is text for people only."""

    text: str
    signature: str | None = None
    redacted: str | None = None
    origin: Origin | None = None
    extras: JsonObject = {}


class Image(msgspec.Struct):
    """`detail` is OpenAI's hint (`low`, `high`, `auto`)."""

    source: MediaSource
    detail: str | None = None
    cache: CacheMark | None = None
    extras: JsonObject = {}


class Document(msgspec.Struct):
    """A PDF or text document. `title` doubles as file name; `citations` asks the model to cite from it."""

    source: DocumentSource
    title: str | None = None
    context: str | None = None
    citations: bool | None = None
    cache: CacheMark | None = None
    extras: JsonObject = {}


class Audio(msgspec.Struct):
    """Audio, base64, in the container named by `format` (`wav`, `mp3`)."""

    data: str
    format: str
    extras: JsonObject = {}


class ToolUse(msgspec.Struct):
    """A call of a client's tool. `arguments` is JSON text for `function` tools, as the model wrote it (it can be cut
    short or invalid), and free text for `custom` tools. `signature` is what its provider wants back with the call (Gemini's thought
    signature), as `origin` wrote it: like that of `Thinking` it is sent nowhere else. `builtin`: see `Tool`."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    cache: CacheMark | None = None
    extras: JsonObject = {}
    signature: str | None = None
    origin: Origin | None = None
    builtin: str | None = None


class ToolResult(msgspec.Struct):
    """The answer to a `ToolUse` with the same `id`. `custom` = of a free-text tool; `builtin`: see `Tool`."""

    id: str
    blocks: "list[Block]"
    is_error: bool = False
    cache: CacheMark | None = None
    extras: JsonObject = {}
    custom: bool = False
    builtin: str | None = None


class Native(msgspec.Struct):
    """A block that only `dialect` understands, as it was on the wire."""

    dialect: str
    raw: JsonObject


Block: TypeAlias = Text | Refusal | Thinking | Image | Document | Audio | ToolUse | ToolResult | Native

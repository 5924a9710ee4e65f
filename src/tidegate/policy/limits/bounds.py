"""How many tokens a request can have at most, from its bytes: a true upper bound, or the reason why there is none.

For byte-level tokenizers a token has at least one byte, so the bytes of the whole body bound its text; some normalise first (NFKC makes 33
bytes of the three of U+FDFA), so text beyond ASCII counts as the longer of both. Media count by their provider's formula at its maximum.
What the provider fetches or runs by itself has no bound. Works on the body as it goes to the provider, in either dialect.
"""

import re
import unicodedata

import msgspec

from tidegate.wire.splice import Fields

_PER_MESSAGE = 16
_TOOLS = 1000
"""What providers add to the prompt for tools: Anthropic documents up to 804 tokens for the choice of tools and 735 for one of its own."""
_IMAGE = {"anthropic": 4784}
"""The largest image that Anthropic documents (https://docs.anthropic.com/en/docs/build-with-claude/vision)."""
_IMAGE_ELSEWHERE = 48_169
"""gpt-4o-mini: 2,833 tokens and 5,667 for each of 8 tiles (https://platform.openai.com/docs/guides/images-vision)."""

_TEXT = frozenset(
    {
        "", "text", "refusal", "input_audio", "thinking", "redacted_thinking", "tool_use", "tool_result", "server_tool_use",
        "web_search_tool_result", "search_result", "input_text", "output_text", "reasoning_text",
    }
)  # fmt: skip
_ITEMS = ("", "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output")
_OWN_TOOLS = ("bash_", "text_editor_", "computer_", "memory_")
"""Anthropic's tools that the client runs."""
_UNBOUNDED_FIELDS = {
    "web_search_options": "the provider's web search",
    "mcp_servers": "tools that the provider runs",
    "container": "a container of the provider",
    "models": "other models that the provider may take",
    "plugins": "plugins of the provider",
    "previous_response_id": "what the provider keeps of an earlier response",
    "conversation": "what the provider keeps of a conversation",
    "prompt": "a prompt that the provider keeps",
}


_MEDIA = re.compile(
    rb'"(?:inline_?[dD]ata|file_?[dD]ata|(?:image|document|video|audio|searchResult)"\s*:\s*\{\s*"(?:format|source|name)|s3Location)"'
)
"""Gemini's and Converse's images, documents and so on: what they have of tokens their body does not say."""


class _Source(msgspec.Struct, gc=False):
    type: str = ""


class _Url(msgspec.Struct, gc=False):
    url: str = ""


class _Part(msgspec.Struct):
    type: str = ""
    source: _Source | None = None
    image_url: _Url | str | None = None
    content: "str | list[_Part] | None" = None


class _Message(msgspec.Struct):
    """A message, or an item of the Responses API."""

    content: str | list[_Part] | None = None
    type: str = ""
    output: str | list[_Part] | None = None


class _Tool(msgspec.Struct, gc=False):
    type: str = "function"


_MESSAGES = msgspec.json.Decoder(list[_Message])
_TOOL_LIST = msgspec.json.Decoder(list[_Tool])


LONGEST_NUMBER = 15
"""Digits of a number that a limit is read from."""


class Unbounded(Exception):
    """There is no bound. The text says what has none: `an image by URL`."""


class Bound(msgspec.Struct, frozen=True, gc=False):
    """At most so many `input` tokens. `choices` is how many answers are asked for; `predicted` are tokens that may be billed as output
    beside the cap."""

    input: int
    choices: int = 1
    predicted: int = 0


def bound(fields: Fields, dialect: str) -> Bound:
    """The bound of a scanned body. Raises `Unbounded`."""
    raw = fields.raw
    if not raw.keys().isdisjoint(_UNBOUNDED_FIELDS):
        for name, reason in _UNBOUNDED_FIELDS.items():
            if fields.get(name) not in (None, b"null", b"[]"):
                raise Unbounded(reason)
    if "service_tier" in raw and fields.get("service_tier") == b'"priority"':
        raise Unbounded("the priority tier, whose price is not known")
    if dialect in ("bedrock_converse", "gemini") and _MEDIA.search(fields.body):
        raise Unbounded("media whose size in tokens the body does not say")
    messages = _messages(fields)
    total = utf8_bytes(fields.body) + _PER_MESSAGE * len(messages)
    for message in messages:
        for content in (message.content, message.output):
            if type(content) is list:
                total += _images(content) * _IMAGE.get(dialect, _IMAGE_ELSEWHERE)
    if "tools" in raw:
        total += _tools(fields)
    choices = max(1, number(fields.get("n")) or 1) if "n" in raw else 1
    return Bound(total, choices, len(fields.get("prediction") or b"") if "prediction" in raw else 0)


def number(raw: bytes | None) -> int | None:
    """A JSON field's value as a whole number, None where it is something else."""
    return int(raw) if raw is not None and len(raw) <= LONGEST_NUMBER and raw.isdigit() else None


def utf8_bytes(body: bytes) -> int:
    """The bytes of `body`'s text as a tokenizer may see it: with escapes undone, and normalised where that is longer."""
    size = len(body)
    if b"\\u" in body:
        body = msgspec.json.encode(msgspec.json.decode(body))
    if body.isascii():
        return size
    return max(size, len(unicodedata.normalize("NFKC", body.decode("utf-8", "replace")).encode()))


def _messages(fields: Fields) -> list[_Message]:
    raw = fields.get("messages")
    if raw is None:
        raw = fields.get("input")
        if raw is None or raw.startswith(b'"'):
            return []
    try:
        found = _MESSAGES.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise Unbounded("messages of a form that is not known here") from None
    for message in found:
        if message.type not in _ITEMS:
            raise Unbounded(f"an item of the type `{message.type[:40]}`")
    return found


def _images(parts: list[_Part]) -> int:
    """How many images there are, in tool results too. Raises `Unbounded`."""
    found = 0
    for part in parts:
        if part.type in ("image", "image_url", "input_image"):
            if not _within(part):
                raise Unbounded("an image by URL")
            found += 1
        elif part.type == "document":
            if part.source is None or part.source.type != "text":
                raise Unbounded("a PDF or a document by reference")
        elif part.type not in _TEXT:
            raise Unbounded(f"a content part of the type `{part.type[:40]}`")
        if isinstance(part.content, list):
            found += _images(part.content)
    return found


def _within(part: _Part) -> bool:
    """Whether the image itself is in the body."""
    if part.type == "image":
        return part.source is not None and part.source.type == "base64"
    url = part.image_url.url if isinstance(part.image_url, _Url) else part.image_url
    return url is not None and url.startswith("data:")


def _tools(fields: Fields) -> int:
    raw = fields.get("tools")
    if raw is None or raw == b"null":
        return 0
    try:
        tools = _TOOL_LIST.decode(raw)
    except msgspec.DecodeError:
        raise Unbounded("tools of a form that is not known here") from None
    own = 0
    for tool in tools:
        if tool.type.startswith(_OWN_TOOLS):
            own += 1
        elif tool.type not in ("function", "custom"):
            raise Unbounded(f"the tool `{tool.type[:40]}`, which the provider runs")
    return _TOOLS * (own + 1)

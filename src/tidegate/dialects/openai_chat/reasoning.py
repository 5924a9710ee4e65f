"""Reasoning on the wire: `reasoning_content` (or `reasoning`) is text for people, `reasoning_details` are the pieces that go back to
where they were made.

Two kinds of details are read. The gateway's own (`format: tidegate/v1`) name their origin. Those of a provider (OpenRouter's) carry
fields that only it understands, so everything of such a piece but its text travels as its signature: a JSON object, opaque to all
other dialects, from which `detail_for_provider` builds the piece again. Used by the codecs of requests, answers and streams.
Signatures of tool calls are here too.
"""

from typing import cast

from tidegate.dialects.openai_chat.fields import NAME, dump_text, parse
from tidegate.ir.content import Origin, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject

FORMAT = "tidegate/v1"
OWN = Origin(NAME)
TEXT = "reasoning.text"
SUMMARY = "reasoning.summary"
ENCRYPTED = "reasoning.encrypted"


def detail_text(detail: JsonObject) -> str:
    text = detail.get("summary" if detail.get("type") == SUMMARY else "text")
    return text if type(text) is str else ""


def is_text(detail: JsonObject) -> bool:
    """Whether the piece is readable; every other piece is opaque and kept whole."""
    return detail.get("type") in (TEXT, SUMMARY)


def meta(detail: JsonObject) -> JsonObject:
    text = "summary" if detail.get("type") == SUMMARY else "text"
    return {name: value for name, value in detail.items() if name != text}


def signs(rest: JsonObject) -> bool:
    """Whether a provider can need this rest of a readable piece again: it has a signature, an id or a format with a meaning."""
    return bool(rest.get("signature") or rest.get("id")) or rest.get("format") not in (None, "", "unknown")


def thinking_of_detail(detail: JsonObject, origin: Origin, *, keep: bool) -> Thinking:
    """One piece as a block. `keep` is for requests: the rest that no provider needs is kept too, since no field may be lost, and the
    gateway's own pieces are opened. In an answer they are opened only if they were made right there; a provider that is such a gateway
    itself gets its pieces back as they were."""
    if detail.get("format") == FORMAT and (keep or _origin_of(detail) == origin):
        return _thinking_of_own(detail)
    if not is_text(detail):
        return Thinking("", redacted=dump_text(detail), origin=origin)
    rest = meta(detail)
    return Thinking(detail_text(detail), dump_text(rest) if keep or signs(rest) else None, None, origin)


def _origin_of(detail: JsonObject) -> Origin:
    """A damaged origin is accepted nowhere."""
    raw = detail.get("origin")
    made = cast("JsonObject", raw) if type(raw) is dict else {}
    parts = [made.get(name) for name in ("dialect", "provider", "model")]
    return Origin(*[part if type(part) is str else "" for part in parts])


def _thinking_of_own(detail: JsonObject) -> Thinking:
    data, signature = detail.get("data"), detail.get("signature")
    extras = {name: value for name, value in detail.items() if name not in _OWN_FIELDS}
    return Thinking(
        detail_text(detail),
        signature if type(signature) is str else None,
        data if type(data) is str else None,
        _origin_of(detail),
        extras,
    )


_OWN_FIELDS = frozenset(("type", "text", "signature", "data", "format", "origin", "index"))


def detail_for_client(block: Thinking, text: str, signature: str | None, index: int) -> JsonObject | None:
    """The gateway's own form of a block; None where its origin is not known, since it could go back nowhere."""
    origin = block.origin
    if origin is None:
        return None
    detail: JsonObject
    if block.redacted is not None:
        detail = {"type": ENCRYPTED, "data": block.redacted}
        if text:
            detail["text"] = text
    else:
        detail = {"type": TEXT, "text": text, "signature": signature}
    detail["format"] = FORMAT
    detail["origin"] = {"dialect": origin.dialect, "provider": origin.provider, "model": origin.model}
    detail["index"] = index
    return detail


def detail_for_provider(block: Thinking) -> JsonObject | None:
    """The piece as the provider wrote it; None for reasoning that was not signed (its text is enough)."""
    if block.redacted is not None:
        return _object(block.redacted) or {"type": ENCRYPTED, "data": block.redacted}
    if block.signature is None:
        return None
    rest = _object(block.signature)
    if rest is None:
        return {"type": TEXT, "text": block.text, "signature": block.signature}
    if block.text:
        rest["summary" if rest.get("type") == SUMMARY else "text"] = block.text
    return rest


def _object(text: str) -> JsonObject | None:
    if not text.startswith("{"):
        return None
    try:
        value = parse(text.encode())
    except ValueError:
        return None
    return cast("JsonObject", value) if type(value) is dict else None


_GEMINI = "gemini"
CALL_SIGNATURE = "extra_content"
"""Where Gemini's compatible endpoint puts the thought signature of a tool call, and wants it back."""


def sign_call(use: ToolUse, raw: JsonObject, origin: Origin) -> None:
    """Takes a call's signature out of what is left of its object. The whole field is opaque, so that it goes back as it came."""
    value = raw.get(CALL_SIGNATURE)
    if type(value) is dict:
        del raw[CALL_SIGNATURE]
        use.signature, use.origin = dump_text(value), origin


def call_signature(use: ToolUse) -> JsonObject | None:
    """The field as it came, and Gemini's own signatures as Google's compatible endpoint writes them; None where there is none, or it is of
    another dialect."""
    if use.signature is None or use.origin is None:
        return None
    if use.origin.dialect == _GEMINI:
        return {"google": {"thought_signature": use.signature}}
    return _object(use.signature) if use.origin.dialect == NAME else None


def blocks_of(plain: str, details: list[Json] | None, origin: Origin, *, keep: bool) -> tuple[list[Thinking], bool]:
    """The blocks of a message that has a plain text, details, or both. The second value says that `plain` is not among them: it
    differs from what the details say."""
    pieces = [cast("JsonObject", item) for item in details or () if type(item) is dict]
    blocks = [thinking_of_detail(piece, origin, keep=keep) for piece in pieces]
    if not plain:
        return blocks, False
    told = "".join(block.text for block in blocks)
    if not told:
        return [Thinking(plain, origin=None if keep else origin), *blocks], False
    return blocks, told != plain

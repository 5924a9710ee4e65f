"""Reasoning items. Everything of an item but its texts (its id, `encrypted_content`) travels as its signature, a JSON object opaque to all
other dialects, from which `item_of` builds the item again. Where an item has more than one text the signature says how they are cut;
a list with more in it than texts is in the signature as it stands.

Reasoning of another dialect travels in `encrypted_content` in the gateway's envelope. Used by the codecs of requests, answers and streams.
"""

from typing import NamedTuple, cast

from tidegate.dialects.openai_responses.fields import DONE, NAME
from tidegate.dialects.signature import pack_thinking, unpack_thinking
from tidegate.dialects.values import dump_text, parse, text_or_empty
from tidegate.ir.content import Origin, Thinking
from tidegate.ir.json import Json, JsonObject

_LISTS = {"summary": "summary_text", "content": "reasoning_text"}
ENCRYPTED = "encrypted_content"


def thinking_of(raw: JsonObject, origin: Origin, *, keep: bool) -> Thinking:
    """An item as a block. `keep` is for requests: the rest is kept although no provider needs it, since no field may be lost, and the
    gateway's own envelopes are opened."""
    found = {name: _texts(raw.get(name)) for name in _LISTS}
    text = "".join(text for part in found.values() for text in part.texts)
    encrypted = raw.get(ENCRYPTED)
    if keep and type(encrypted) is str:
        opened = unpack_thinking(encrypted)
        if opened is not None:
            opened.text = text
            return opened
    if not (keep or (type(encrypted) is str and encrypted)):
        return Thinking(text, None, None, origin)
    return Thinking(text, dump_text(_rest(raw, found)), None, origin)


class _Texts(NamedTuple):
    """The texts of a list of parts, and whether the list is made of them alone: no other parts, no other fields."""

    texts: list[str]
    is_all: bool


def _texts(value: Json) -> _Texts:
    if type(value) is not list:
        return _Texts([], value is None)
    known = [part for part in value if type(part) is dict and part.get("type") in _LISTS.values()]
    return _Texts([text_or_empty(part.get("text")) for part in known], len(known) == len(value) and all(len(part) == 2 for part in known))


def _rest(raw: JsonObject, found: dict[str, _Texts]) -> JsonObject:
    rest: JsonObject = {name: value for name, value in raw.items() if name not in ("type", "status", *_LISTS)}
    if raw.get("status") not in (None, DONE):
        rest["status"] = raw["status"]
    plain = all(part.is_all for part in found.values()) and not found["content"].texts and len(found["summary"].texts) < 2
    if not plain:
        for name, part in found.items():
            rest[name] = [len(text) for text in part.texts] if part.is_all else raw.get(name)
    return rest


def item_of(block: Thinking) -> JsonObject:
    """The item as its provider wrote it."""
    rest = _object(block.signature or "")
    if rest is None:
        rest = {ENCRYPTED: block.signature} if block.signature is not None else {}
    item: JsonObject = {"type": "reasoning", **rest}
    if "summary" not in rest:
        item["summary"] = _parts("summary", [block.text] if block.text else [])
        return item
    at = 0
    for name in _LISTS:
        cuts = rest.get(name)
        if type(cuts) is list and all(type(cut) is int for cut in cuts):
            texts: list[str] = []
            for cut in cast("list[int]", cuts):
                texts.append(block.text[at : at + cut])
                at += cut
            item[name] = _parts(name, texts)
            if not texts and name == "content":
                del item[name]
        else:
            at += sum(map(len, _texts(cuts).texts))
    return item


def _parts(name: str, texts: list[str]) -> list[Json]:
    return [{"type": _LISTS[name], "text": text} for text in texts]


def item_for_client(block: Thinking, item_id: str, text: str, signature: str | None) -> JsonObject:
    """The item that a client gets: the provider's own where it is of this dialect, else one with the envelope."""
    whole = Thinking(text, signature, block.redacted, block.origin)
    if whole.origin is not None and whole.origin.dialect == NAME:
        return {"id": item_id, **item_of(whole)}
    return {
        "id": item_id,
        "type": "reasoning",
        "summary": _parts("summary", [text] if text else []),
        ENCRYPTED: pack_thinking(whole),
    }


def _object(text: str) -> JsonObject | None:
    if not text.startswith("{"):
        return None
    try:
        value = parse(text.encode())
    except ValueError:
        return None
    return value if type(value) is dict else None

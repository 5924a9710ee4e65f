"""`systemInstruction` and `contents` of a request, from the neutral model to the wire.

A request of this dialect keeps its contents as they were. Those of others are brought into Google's order: leading system messages become
the instruction, turns of one role are merged, and the results of a turn's calls come first in the turn after it.
"""

from tidegate.dialects.gemini.encode_parts import Part, encode_block
from tidegate.dialects.gemini.encoding import Encoding
from tidegate.dialects.gemini.signs import SKIP
from tidegate.dialects.reading import merge
from tidegate.dialects.terms import block_path, message_path
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message

_GO_AHEAD = "Please go ahead."
_SYSTEM_ROLES = ("system", "developer")


def encode_contents(encoding: Encoding, body: JsonObject) -> None:
    """Sets `systemInstruction` and `contents`."""
    system, contents = _own(encoding) if encoding.own else _foreign(encoding)
    if system is not None:
        body["systemInstruction"] = system
    body["contents"] = [*contents]


def instruct(body: JsonObject, text: str) -> None:
    """Adds to the system instruction."""
    there = body.get("systemInstruction")
    parts = there.get("parts") if type(there) is dict else None
    if type(parts) is list:
        parts.append({"text": text})
    else:
        body["systemInstruction"] = {"parts": [{"text": text}]}


def _own(encoding: Encoding) -> tuple[JsonObject | None, list[JsonObject]]:
    system: JsonObject | None = None
    contents: list[JsonObject] = []
    for index, message in enumerate(encoding.request.messages):
        parts = _parts(encoding, message, index)
        content: JsonObject = {"parts": [*parts]}
        if index == 0 and encoding.request.instructions:
            system = content
        elif not parts and message.blocks:
            continue
        else:
            content["role"] = "model" if message.role == "assistant" else "user"
            contents.append(content)
        merge(content, message.extras)
    return system, contents


def _parts(encoding: Encoding, message: Message, index: int) -> list[Part]:
    return [
        part for at, block in enumerate(message.blocks) for part in encode_block(encoding, block, block_path(encoding.request, index, at))
    ]


def _foreign(encoding: Encoding) -> tuple[JsonObject | None, list[JsonObject]]:
    system: list[Json] = []
    turns: list[tuple[str, list[Part]]] = []
    for index, message in enumerate(encoding.request.messages):
        path = message_path(encoding.request, index)
        if message.name is not None:
            encoding.dropped(f"{path}.name", "Gemini's contents have no names")
        if message.extras:
            encoding.foreign_extras(message.extras, path)
        parts = _parts(encoding, message, index)
        if message.role in _SYSTEM_ROLES:
            if not turns:
                system += parts
                continue
            parts = [_marked(part) for part in parts]
            encoding.emulated(path, "a system message between the turns is marked text in the user's turn")
        if not parts:
            continue
        role = "model" if message.role == "assistant" else "user"
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(parts)
        else:
            turns.append((role, parts))
    if not turns or turns[0][0] != "user":
        turns.insert(0, ("user", [{"text": _GO_AHEAD}]))
        encoding.emulated(encoding.name("messages"), "Gemini wants a user's turn first: one was added")
    contents: list[JsonObject] = []
    for role, parts in turns:
        if role == "user":
            parts.sort(key=_not_result)
        else:
            _sign(encoding, parts)
        contents.append({"role": role, "parts": [*parts]})
    return {"parts": system} if system else None, contents


def _marked(part: Part) -> Part:
    text = part.get("text")
    return {**part, "text": f"<system>\n{text}\n</system>"} if type(text) is str else part


def _not_result(part: Part) -> bool:
    return "functionResponse" not in part


def _sign(encoding: Encoding, parts: list[Part]) -> None:
    """A signature that came without a text goes to the last text of its turn, which it was of. Where the model demands a signature of
    calls, the first of the turn has Google's word for one that is missing."""
    loose = [part for part in parts if part.get("text") == "" and "thoughtSignature" in part and "thought" not in part]
    plain = [part for part in parts if part.get("text") and "thought" not in part and "thoughtSignature" not in part]
    if loose and plain:
        plain[-1]["thoughtSignature"] = loose[-1]["thoughtSignature"]
        parts[:] = [part for part in parts if part not in loose]
    if not encoding.profile.capabilities.signed_calls:
        return
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None and "thoughtSignature" not in first:
        first["thoughtSignature"] = SKIP
        if not any(loss.reason == _UNSIGNED for loss in encoding.losses):
            encoding.emulated(encoding.name("messages"), _UNSIGNED)


_UNSIGNED = "calls that have no signature of this model carry Google's word for that"

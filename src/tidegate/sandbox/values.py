"""JSON values as the sandbox reads them, and the small questions that both wire formats ask of them. Pure; used all over the sandbox."""

import hashlib
import re
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Obj: TypeAlias = dict[str, Json]

_PIECE = re.compile(r"\s*\S{1,12}(?:\s+$)?|\s+$")


class RequestRefused(Exception):
    """A request that the real provider would refuse. `kind` is the error's type and `code` its code, where the dialect has one."""

    def __init__(
        self, message: str, param: str | None = None, code: str | None = None, *, status: int = 400, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status
        self.kind = kind


def pieces_of(text: str) -> list[str]:
    """The text cut into what the sandbox calls tokens: words with the space before them, 12 characters at most. Joined, it is the text."""
    return _PIECE.findall(text)


def slices_of(text: str, size: int = 8) -> list[str]:
    """The text cut into pieces of `size` characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def digest(*parts: str | int) -> str:
    """A stable hex name for these parts: ids and words are derived from it, so that equal requests get equal answers."""
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).hexdigest()


def names(text: str) -> frozenset[str]:
    """The words of a text as a set of names."""
    return frozenset(text.split())


def objects(value: Json) -> list[Obj]:
    """The objects of a list; anything else is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_object(value: Json) -> Obj:
    """The object, or an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def as_text(value: Json) -> str:
    """The string, or an empty one where it is something else."""
    return value if isinstance(value, str) else ""


def text_of(content: Json) -> str:
    """The text of a message's content in either wire format: a string, or the `text` of its parts (also inside tool results)."""
    if isinstance(content, str):
        return content
    found: list[str] = []
    for part in objects(content):
        text = part.get("text")
        if isinstance(text, str):
            found.append(text)
        elif part.get("type") == "tool_result":
            found.append(text_of(part.get("content")))
    return "\n".join(found)


def token_estimate(value: Json) -> int:
    """How many tokens the sandbox charges for an input value: a token per four characters of every string, 100 for an attachment."""
    if isinstance(value, str):
        return (len(value) + 3) // 4
    if isinstance(value, list):
        return sum(map(token_estimate, value))
    if isinstance(value, dict):
        if value.get("type") in ("image", "image_url", "document", "file", "input_audio"):
            return 100
        return sum(map(token_estimate, value.values()))
    return 0

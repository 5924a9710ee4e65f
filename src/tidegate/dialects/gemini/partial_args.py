"""The arguments of a call that Gemini streams in pieces (`partialArgs`): each piece is a value, or the next part of a text, at a JSON path.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling and `PartialArg` of the official clients. The stream
decoder puts the pieces in here, and takes the object out when the call is whole.
"""

import re
from typing import TypeAlias

from tidegate.dialects.gemini.names import camel
from tidegate.dialects.values import text_or_empty
from tidegate.ir.json import Json, JsonObject

_STEP = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<place>\d{1,9})\]|\['(?P<single>(?:[^'\\]|\\.)*)'\]|\["(?P<double>(?:[^"\\]|\\.)*)"\]""")
_ESCAPE = re.compile(r"\\(.)")
_DEEPEST = 100
"""Steps of a path that is followed; a longer one is a name."""
_EXACT = 2**53

_Step: TypeAlias = str | int


class _Words(list[str]):
    """A text that may go on."""


class _Inner(dict[_Step, "_Node"]):
    """An object or, where all its steps are places, an array."""


_Node: TypeAlias = "_Inner | _Words | Json"


class PartialArgs:
    """The arguments of one call."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Inner()

    def add(self, pieces: Json) -> None:
        """`pieces` is the value of one `partialArgs`. What is no piece is passed over: a provider's slip loses that piece alone."""
        for piece in pieces if type(pieces) is list else ():
            if type(piece) is dict:
                self._put(camel(piece))

    def merge(self, arguments: JsonObject) -> None:
        """Whole arguments beside the pieces."""
        self._root.update(arguments)

    def value(self) -> JsonObject:
        return {str(step): _built(node) for step, node in self._root.items()}

    def _put(self, piece: JsonObject) -> None:
        path = text_or_empty(piece.get("jsonPath"))
        steps = _steps(path)
        inner = self._root
        for step in steps[:-1]:
            found = inner.get(step)
            if not isinstance(found, _Inner):
                found = inner[step] = _Inner()
            inner = found
        last = steps[-1]
        if type(text := piece.get("stringValue")) is str:
            told = inner.get(last)
            if not isinstance(told, _Words):
                told = inner[last] = _Words()
            told.append(text)
        elif "numberValue" in piece:
            inner[last] = _number(piece["numberValue"])
        elif "boolValue" in piece:
            inner[last] = piece["boolValue"]
        elif "nullValue" in piece:
            inner[last] = None


def _steps(path: str) -> list[_Step]:
    """The steps of a path; one that cannot be read is a name as it stands."""
    steps: list[_Step] = []
    at = 1
    while path.startswith("$") and at < len(path) and len(steps) < _DEEPEST and (found := _STEP.match(path, at)):
        at = found.end()
        if found["place"] is not None:
            steps.append(int(found["place"]))
        elif found["name"] is not None:
            steps.append(found["name"])
        else:
            steps.append(_ESCAPE.sub(r"\1", found["single"] if found["single"] is not None else found["double"]))
    return steps if steps and at == len(path) else [path]


def _number(value: Json) -> Json:
    """The wire has doubles; a whole number is one for the tool that is called."""
    return int(value) if type(value) is float and value.is_integer() and abs(value) < _EXACT else value


def _built(node: _Node) -> Json:
    if isinstance(node, _Words):
        return "".join(node)
    if not isinstance(node, _Inner):
        return node
    places = [step for step in node if isinstance(step, int)]
    if len(places) == len(node):
        return [_built(node[place]) for place in sorted(places)]
    return {str(step): _built(inner) for step, inner in node.items()}

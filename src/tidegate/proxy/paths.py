"""Which path is which surface: exact paths by one look, paths with parts that the client chooses by a pattern. The table itself is
`surfaces`; everything after works with the matched value and never looks at the path again."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.reply import Reply

Handler: TypeAlias = Callable[[App, Call, Reply], Awaitable[None]]
Params: TypeAlias = Mapping[str, str]

_PART = re.compile(r"\\\{(\w+)\\\}")
_SHAPES = {"model": "(?P<model>.+)"}
"""Model names hold slashes, plain or escaped, and colons; every other part is an id of the characters that no reader of a URL changes."""
_ID = "(?P<{}>[A-Za-z0-9._~-]+)"
_TRAPS = (b"%2f", b"%5c", b"%00", b"..", b"//", b"\\")
_NO_PARAMS: Params = {}
_SHOWN = 6
"""Paths that an error names at most."""


class Surface(msgspec.Struct, frozen=True):
    """`path` may hold `{model}` and other parts in braces. `dialect` is empty where the client's headers say which one it speaks. `body` =
    the surface reads one, and `form` that it does so as it comes. `stream` is set where the URL says the model and whether the answer is
    streamed."""

    name: str
    method: str
    path: bytes
    dialect: str
    handle: Handler
    body: bool = True
    form: bool = False
    stream: bool | None = None


class Paths:
    """The surfaces by path. `others` are paths that are answered elsewhere, for messages only."""

    def __init__(self, surfaces: Iterable[Surface], others: Iterable[str] = ()) -> None:
        self._exact: dict[bytes, dict[str, Surface]] = {}
        self._patterns: list[tuple[re.Pattern[bytes], dict[str, Surface]]] = []
        by_path: dict[bytes, dict[str, Surface]] = {}
        for surface in surfaces:
            by_path.setdefault(surface.path, {})[surface.method] = surface
        for path, methods in by_path.items():
            if b"{" in path:
                self._patterns.append((_pattern(path), methods))
            else:
                self._exact[path] = methods
        self.paths = (*(path.decode() for path in by_path), *others)

    def find(self, path: bytes) -> tuple[Mapping[str, Surface], Params] | None:
        """The surfaces of a raw path by method, and the parts of it that have a name."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, _NO_PARAMS
        for pattern, methods in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                params = {name: _part(value) for name, value in found.groupdict().items()}
                return (methods, params) if all(params.values()) else None
        return None

    def match(self, method: str, path: bytes) -> tuple[Surface, Params]:
        """Raises `GatewayError`: NOT_FOUND naming a near path, METHOD_NOT_ALLOWED, or BAD_REQUEST for a path that others could read
        differently."""
        found = self.find(path)
        if found is None:
            raise self._unmatched(path)
        methods, params = found
        # HEAD is GET without the body, which the server leaves out.
        surface = methods.get("GET" if method == "HEAD" else method)
        if surface is None:
            there = next(iter(methods.values()))
            message = f"{method} is not a method of {there.path.decode()}: use {' or '.join(methods)}."
            raise GatewayError(Error(kind=ErrorKind.METHOD_NOT_ALLOWED, message=message, code="method_not_allowed"))
        return surface, params

    def _unmatched(self, path: bytes) -> GatewayError:
        lower = path.lower()
        if any(trap in lower for trap in _TRAPS):
            return bad_request(
                "The path has parts that proxies read in different ways (`..`, `//`, an escaped slash): send the plain path."
            )
        shown = path.decode("latin-1")[:128]
        near = get_close_matches(shown, self.paths, 1, 0.6)
        hint = f" Did you mean {near[0]}?" if near else " There are: " + ", ".join(self.paths[:_SHOWN]) + "."
        return GatewayError(Error(kind=ErrorKind.NOT_FOUND, message=f"There is no {shown} here.{hint}", code="unknown_url"))


def _pattern(path: bytes) -> re.Pattern[bytes]:
    text = re.escape(path.decode())
    return re.compile(_PART.sub(lambda part: _SHAPES.get(part[1]) or _ID.format(part[1]), text).encode())


def _part(value: bytes) -> str:
    """Nothing where the part is no UTF-8, or of dots only, which readers of URLs resolve."""
    try:
        text = unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return ""
    return text if text.strip(".") else ""

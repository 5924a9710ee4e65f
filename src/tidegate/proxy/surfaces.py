"""The route table of the data port: which path is which surface, who may call it, and what answers it.

A surface is matched once, by method and raw path; everything after works with the matched value and never looks at the path again.
"""

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import TypeAlias

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.proxy import counting, listing, pipeline
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.quota import quota
from tidegate.proxy.reply import Reply

Handler: TypeAlias = Callable[[App, Call, Reply], Awaitable[None]]


class Surface(msgspec.Struct, frozen=True):
    """`dialect` is empty where the client's headers say which one it speaks. `body` = the surface reads one."""

    name: str
    method: str
    path: bytes
    dialect: str
    handle: Handler
    body: bool = True


_SURFACES = (
    Surface("chat_completions", "POST", b"/v1/chat/completions", "openai_chat", pipeline.generate),
    Surface("messages", "POST", b"/v1/messages", "anthropic", pipeline.generate),
    Surface("count_tokens", "POST", b"/v1/messages/count_tokens", "anthropic", counting.count_tokens),
    Surface("models", "GET", b"/v1/models", "", listing.models, body=False),
    Surface("quota", "GET", b"/v1/tidegate/quota", "", quota, body=False),
)
_MODEL = Surface("model", "GET", b"/v1/models/", "", listing.model, body=False)
_BY_PATH = {surface.path: surface for surface in _SURFACES}
_TRAPS = (b"%2f", b"%5c", b"%00", b"..", b"//", b"\\")

PATHS = (*(surface.path.decode() for surface in _SURFACES), "/v1/models/{id}", "/health/live", "/health/ready", "/metrics")


def match(method: str, path: bytes) -> Surface:
    """The surface of a raw path. Raises `GatewayError`: NOT_FOUND naming a near path, METHOD_NOT_ALLOWED, or BAD_REQUEST for a path that
    others could read differently."""
    surface = _BY_PATH.get(path)
    if surface is None:
        # Model ids hold slashes, and the official clients escape them.
        if path.startswith(_MODEL.path) and len(path) > len(_MODEL.path):
            surface = _MODEL
        else:
            raise _unmatched(path)
    if method != surface.method:
        raise GatewayError(
            Error(
                kind=ErrorKind.METHOD_NOT_ALLOWED,
                message=f"{method} is not a method of {surface.path.decode()}: use {surface.method}.",
                code="method_not_allowed",
            )
        )
    return surface


def _unmatched(path: bytes) -> GatewayError:
    lower = path.lower()
    if any(trap in lower for trap in _TRAPS):
        return bad_request("The path has parts that proxies read in different ways (`..`, `//`, an escaped slash): send the plain path.")
    shown = path.decode("latin-1")[:128]
    near = get_close_matches(shown, PATHS, 1, 0.6)
    hint = f" Did you mean {near[0]}?" if near else " There are: " + ", ".join(PATHS) + "."
    return GatewayError(Error(kind=ErrorKind.NOT_FOUND, message=f"There is no {shown} here.{hint}", code="unknown_url"))


def spoken_dialect(path: bytes, headers: dict[bytes, bytes]) -> str:
    """The dialect of a client where the surface does not fix it, and of errors before a surface is known."""
    surface = _BY_PATH.get(path)
    if surface is not None and surface.dialect:
        return surface.dialect
    return "anthropic" if b"anthropic-version" in headers else "openai_chat"

"""Names of tools where the target's rules are narrower than the client's: a digest keeps them apart, and the answer gets the client's
names back.

A name is changed the same way for every target, so the encoder of the answer needs only the client's request to undo it.
"""

import hashlib
import re

from tidegate.ir.request import Request, Tool

_SAFE = re.compile(r"[a-zA-Z0-9_-]+")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
_PREFIX = 55
"""Characters of the name that are kept: with `_` and eight of the digest it is 64, the least that any dialect takes."""
_LEAST = 64


def fits(name: str, most: int) -> bool:
    """Whether a target takes the name, that takes letters, digits, `_` and `-`, `most` of them."""
    return len(name) <= most and _SAFE.fullmatch(name) is not None


def shortened(name: str) -> str:
    """A name that every dialect takes."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_UNSAFE.sub('_', name[:_PREFIX])}_{digest}"


def client_name(name: str, request: Request) -> str:
    """The client's own name of the tool that a target calls `name`."""
    if name[-9:-8] != "_":
        return name
    for tool in request.tools:
        if isinstance(tool, Tool) and not fits(tool.name, _LEAST) and shortened(tool.name) == name:
            return tool.name
    return name

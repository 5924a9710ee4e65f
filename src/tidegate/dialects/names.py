"""Names of tools where the target's rules are narrower than the client's: a digest keeps them apart, and the answer gets the client's
names back.

A name is changed the same way for every target, so the encoder of the answer needs only the client's request to undo it.
"""

import hashlib
import re
from collections.abc import Mapping

from tidegate.ir.request import Request, Tool

_SAFE = re.compile(r"[a-zA-Z0-9_-]+")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
_PREFIX = 55
"""Characters of the name that are kept: with `_` and eight of the digest it is 64, the least that any dialect takes."""
_LEAST = 64
_NONE: Mapping[str, str] = {}


def fits(name: str, most: int) -> bool:
    """Whether a target takes the name, that takes letters, digits, `_` and `-`, `most` of them."""
    return len(name) <= most and _SAFE.fullmatch(name) is not None


def shortened(name: str) -> str:
    """A name that every dialect takes."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_UNSAFE.sub('_', name[:_PREFIX])}_{digest}"


def client_names(request: Request) -> Mapping[str, str]:
    """Names as a target may have them -> the client's; only of those that a target may not take as they are."""
    tools = request.tools
    if not tools:
        return _NONE
    return {shortened(tool.name): tool.name for tool in tools if isinstance(tool, Tool) and not fits(tool.name, _LEAST)}

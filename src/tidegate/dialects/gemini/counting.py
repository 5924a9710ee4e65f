"""`countTokens`: contents alone, or a whole request inside."""

import msgspec

from tidegate.dialects.gemini.names import snake
from tidegate.wire.splice import JsonError, scan, splice

_WHOLE = "generateContentRequest"


def count_body(body: bytes, model: str) -> bytes:
    """A whole request inside names the model once more."""
    fields = scan(body)
    name = next((name for name in (_WHOLE, snake(_WHOLE)) if name in fields.spans), None)
    inner = fields.get(name) if name is not None else None
    if name is None or inner is None or not inner.startswith(b"{"):
        return body
    try:
        return splice(fields, {name: splice(scan(inner), {"model": msgspec.json.encode(f"models/{model}")})})
    except JsonError:
        return body

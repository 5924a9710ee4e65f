"""Signatures in `thoughtSignature`: Gemini's own as they are, those of other dialects in the gateway's envelope.

The field is bytes in base64, and clients decode it, so the envelope is coded once more. An envelope that holds encrypted reasoning (which
has no text) says so at its end.
"""

import base64
import binascii

from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.signature import pack, unpack
from tidegate.ir.content import Origin, Thinking

UNSIGNED = Origin(NAME)
_REDACTED = ".r"
SKIP = "skip_thought_signature_validator"
"""What Google documents for a call that another model made, where a signature is demanded:
https://ai.google.dev/gemini-api/docs/thought-signatures"""


def signature_for_client(block: Thinking) -> str | None:
    """What a Gemini client keeps of a block of reasoning; None where there is nothing to send back."""
    origin = block.origin
    if origin is None or (block.signature is None and block.redacted is None):
        return None
    if origin.dialect == NAME:
        return block.signature
    kept = pack(origin, block.redacted) + _REDACTED if block.redacted is not None else pack(origin, block.signature)
    return base64.b64encode(kept.encode()).decode()


def signed(text: str, signature: str | None) -> Thinking:
    """A block of reasoning as a client sends it back."""
    opened = _open(signature) if signature is not None else None
    if opened is None:
        return Thinking(text, signature, None, UNSIGNED)
    origin, kept, redacted = opened
    return Thinking(text, None, kept or "", origin) if redacted else Thinking(text, kept, None, origin)


def _open(signature: str) -> tuple[Origin, str | None, bool] | None:
    try:
        text = base64.b64decode(signature.replace("-", "+").replace("_", "/") + "=" * (-len(signature) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    redacted = text.endswith(_REDACTED)
    opened = unpack(text.removesuffix(_REDACTED))
    return None if opened is None else (*opened, redacted)

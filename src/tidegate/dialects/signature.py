"""The envelope in which reasoning that another dialect signed travels through Anthropic-shaped clients.

Anthropic's schema demands a `signature` on every thinking block, so reasoning from elsewhere carries this one: a prefix that no provider
uses, and where the real signature was made. The anthropic dialect packs and opens it; `choose` looks for it in a body.
"""

import base64
import binascii

import msgspec

from tidegate.ir.content import Origin

PREFIX = "tidegate1."


class _Envelope(msgspec.Struct, frozen=True):
    d: str
    p: str = ""
    m: str = ""
    s: str | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Envelope)
_NOWHERE = Origin("")


def pack(origin: Origin | None, signature: str | None) -> str:
    """The envelope of `signature` (None: the reasoning was not signed) that was made at `origin`."""
    made = origin or _NOWHERE
    content = _ENCODER.encode(_Envelope(made.dialect, made.provider, made.model, signature))
    return PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("=")


def unpack(text: str) -> tuple[Origin, str | None] | None:
    """What an envelope holds; None if `text` is not one. A damaged envelope comes from nowhere, and so is accepted nowhere."""
    if not text.startswith(PREFIX):
        return None
    coded = text[len(PREFIX) :]
    try:
        content = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
        envelope = _DECODER.decode(content)
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        return _NOWHERE, None
    return Origin(envelope.d, envelope.p, envelope.m), envelope.s

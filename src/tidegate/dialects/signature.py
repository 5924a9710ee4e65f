"""The envelope in which reasoning that another dialect signed travels through clients that give reasoning one opaque field.

Anthropic's schema demands a `signature` on every thinking block, and Responses has `encrypted_content`, so reasoning from elsewhere carries
this one: a prefix that no provider uses, and where the real signature was made. These dialects pack and open it; `choose` looks for it
in a body.
"""

import base64
import binascii

import msgspec

from tidegate.ir.content import Origin, Thinking

PREFIX = "tidegate1."


class _Envelope(msgspec.Struct, frozen=True):
    d: str
    p: str = ""
    m: str = ""
    s: str | None = None
    r: str | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Envelope)
_NOWHERE = Origin("")


def pack(origin: Origin | None, signature: str | None) -> str:
    """The envelope of `signature` (None: the reasoning was not signed) that was made at `origin`."""
    made = origin or _NOWHERE
    return _packed(_Envelope(made.dialect, made.provider, made.model, signature))


def pack_thinking(block: Thinking) -> str:
    """The envelope of a whole block but its text."""
    made = block.origin or _NOWHERE
    return _packed(_Envelope(made.dialect, made.provider, made.model, block.signature, block.redacted))


def _packed(envelope: _Envelope) -> str:
    return PREFIX + base64.urlsafe_b64encode(_ENCODER.encode(envelope)).decode().rstrip("=")


def unpack_thinking(text: str) -> Thinking | None:
    """The block that an envelope holds, without its text; None if `text` is none."""
    if not text.startswith(PREFIX):
        return None
    envelope = _opened(text)
    return Thinking("", envelope.s, envelope.r, Origin(envelope.d, envelope.p, envelope.m))


def unpack(text: str) -> tuple[Origin, str | None] | None:
    """What an envelope holds; None if `text` is not one. A damaged envelope comes from nowhere, and so is accepted nowhere."""
    if not text.startswith(PREFIX):
        return None
    envelope = _opened(text)
    return Origin(envelope.d, envelope.p, envelope.m), envelope.s


def _opened(text: str) -> _Envelope:
    coded = text[len(PREFIX) :]
    try:
        return _DECODER.decode(base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        return _Envelope("")

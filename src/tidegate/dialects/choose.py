"""How an attempt is carried: bytes as they are, or decoded and encoded. The proxy asks once per attempt, since a fallback may flip it."""

from base64 import b64encode
from collections.abc import Sequence

from tidegate.dialects.signature import PREFIX

# The second and third are the `format` of reasoning_details, plain and with the slash escaped as some JSON encoders write it. The last is
# the envelope in base64, as Gemini's clients carry it.
_MARKS = (PREFIX.encode(), b'"tidegate/v1"', b'"tidegate\\/v1"', b64encode(PREFIX[:-1].encode()))


def carries_foreign(body: bytes) -> bool:
    """Whether the body carries reasoning in one of the gateway's own envelopes. A mention in a text counts too: the price is only a
    translation within the dialect."""
    first, second, third, fourth = _MARKS
    find = body.find  # where `in` takes bytes for a number first, and makes an error of that (CPython 3.11, bytes_methods.c)
    return find(first) >= 0 or find(second) >= 0 or find(third) >= 0 or find(fourth) >= 0


def spoken(client: str, provider: Sequence[str], model: Sequence[str]) -> str:
    """The dialect in which a target is called: the client's own if the target speaks it, else its first. `provider` are those of the
    provider; `model` narrows them where it is not empty."""
    among = model or provider
    return client if client in among else among[0]


def passes(client: str, target: str, body: bytes) -> bool:
    """Whether the client's bytes go upstream, spliced only where declared, and the provider's bytes come back. Not where the two dialects
    differ, or the body carries what its own dialect's providers must not see."""
    return client == target and not carries_foreign(body)

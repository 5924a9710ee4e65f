"""What an operation is, and what a provider's own shape of it is: frozen records of pure functions.

An operation speaks OpenAI's wire towards the client (or the one that its field took over, as for rerank). Its `dialect` is OpenAI's chat
dialect with the operation's own path and taps, so that answers that pass through untouched go the same way as those of a generation.
"""

from collections.abc import Callable, Mapping

import msgspec

from tidegate.dialects.base import Dialect, Encoded, Whole
from tidegate.wire.splice import Fields


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider has an operation where it is not as the client has it. `path` is appended to its base URL; `{model}` in it is the
    model, escaped. `encode` takes the client's fields and the provider's name of the model. `decode` makes the client's answer of the
    provider's, for what the client asked and that model. `read` is the tap of the
    provider's answer. They raise nothing but `GatewayError`. `single` names the field of which one call takes one text only."""

    path: str
    encode: Callable[[Fields, str], Encoded]
    decode: Callable[[bytes, Fields, str], bytes]
    read: Callable[[bytes], Whole]
    single: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`shapes` are the other wires by name; a provider's row names its own. `output`: the tokens that an answer has at most, None where the
    request says it (`max_tokens`). `unbounded` says what of it nothing bounds, for hard budgets. `media`: the answer is no JSON but bytes
    of a media type, which pass as they come."""

    name: str
    dialect: Dialect
    shapes: Mapping[str, Shape] = {}
    output: int | None = 0
    unbounded: str = ""
    media: bool = False

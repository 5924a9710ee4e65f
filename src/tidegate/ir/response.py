"""A whole answer, in neutral terms."""

from typing import Literal

import msgspec

from tidegate.ir.content import Block
from tidegate.ir.json import JsonObject
from tidegate.ir.usage import Usage

StopReason = Literal["end", "length", "tool_calls", "stop_sequence", "content_filter", "refusal", "pause", "unknown"]


class Stop(msgspec.Struct, frozen=True):
    """Why the model stopped. `raw` is the provider's own word; `sequence` is the stop sequence that was hit.
    `content_filter` is the provider's filter, `refusal` the model's own refusal (Anthropic), `pause` a server tool
    turn to be continued. A word that nobody knows is `unknown`, never an error."""

    reason: StopReason
    raw: str | None = None
    sequence: str | None = None


class Response(msgspec.Struct, kw_only=True):
    """`created` is in Unix seconds where the dialect has it. Only the first choice of an `n > 1` answer is here. `unread` are the paths of
    what nobody here knows, and which stands nowhere else."""

    dialect: str
    id: str
    model: str
    blocks: list[Block]
    stop: Stop
    usage: Usage | None = None
    created: int | None = None
    service_tier: str | None = None
    extras: JsonObject = {}
    unread: list[str] = []

"""A loss: one thing that a translation could not carry over as it stood. The list of them is the receipt of an attempt."""

from typing import Literal

import msgspec

from tidegate.ir.content import Native
from tidegate.ir.response import Response

LossKind = Literal["mapped", "emulated", "dropped", "refused"]


class Loss(msgspec.Struct, frozen=True):
    """`mapped`: said in other words with the same meaning; `emulated`: reached by other means; `dropped`: a hint that
    the target cannot take; `refused`: cannot be honoured, the call is answered 400 naming `field`.

    `field` is a path in the client's own terms (`messages[2].content[0].cache_control`).
    """

    kind: LossKind
    field: str
    reason: str


def unmodelled(response: Response, place: str, reason: str) -> list[Loss]:
    """What nobody models of an answer, for clients of another dialect; `place` is what its blocks are called there."""
    losses: list[Loss] = []
    for index, block in enumerate(response.blocks):
        if not isinstance(block, Native) and block.extras:
            losses += [Loss("dropped", f"{place}[{index}].{name}", reason) for name in block.extras]
    if response.usage is not None and response.usage.extras:
        losses += [Loss("dropped", f"usage.{name}", reason) for name in response.usage.extras]
    if response.extras:
        losses += [Loss("dropped", name, reason) for name, value in response.extras.items() if value is not None]
    return losses

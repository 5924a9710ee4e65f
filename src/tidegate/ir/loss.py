"""A loss: one thing that a translation could not carry over as it stood. The list of them is the receipt of an attempt."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from tidegate.ir.content import Block, Native

LossKind = Literal["mapped", "emulated", "dropped", "refused"]


class Loss(msgspec.Struct, frozen=True):
    """`mapped`: said in other words with the same meaning; `emulated`: reached by other means; `dropped`: a hint that
    the target cannot take; `refused`: cannot be honoured, the call is answered 400 naming `field`.

    `field` is a path in the client's own terms (`messages[2].content[0].cache_control`).
    """

    kind: LossKind
    field: str
    reason: str


def unmodelled(blocks: Sequence[Block], place: str, reason: str) -> list[Loss]:
    """What nobody models beside the blocks of an answer, for clients of another dialect; `place` is what the blocks are called there."""
    modelled = ((index, block) for index, block in enumerate(blocks) if not isinstance(block, Native))
    return [Loss("dropped", f"{place}[{index}].{name}", reason) for index, block in modelled for name in block.extras]

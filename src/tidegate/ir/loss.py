"""A loss: one thing that a translation could not carry over as it stood. The list of them is the receipt of an attempt."""

from typing import Literal

import msgspec

LossKind = Literal["mapped", "emulated", "dropped", "refused"]


class Loss(msgspec.Struct, frozen=True):
    """`mapped`: said in other words with the same meaning; `emulated`: reached by other means; `dropped`: a hint that
    the target cannot take; `refused`: cannot be honoured, the call is answered 400 naming `field`.

    `field` is a path in the client's own terms (`messages[2].content[0].cache_control`).
    """

    kind: LossKind
    field: str
    reason: str

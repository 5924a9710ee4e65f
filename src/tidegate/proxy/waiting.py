"""One call that waits for its turn, and what it is told where the turn does not come. Used by `door`, which has the queues."""

import asyncio
import hashlib
import math

from tidegate.policy.overload.queue import FairQueue, Ticket
from tidegate.ports import RawHeaders
from tidegate.proxy.call import Call

QUEUE = b"x-tidegate-queue"
_SOONEST, _SPREAD = 0.5, 2.0
"""Seconds after which a call that was turned away may come again: each at another moment of the spread, that not all come at once."""


class Waiter(Ticket):
    """`turn` is true once it has its turn, false where it came too late or had to go for another."""

    __slots__ = ("call", "turn")

    def __init__(self, call: Call, since: float) -> None:
        super().__init__(call.key.org, call.key.id, call.priority, since)
        self.call = call
        self.turn = asyncio.get_running_loop().create_future()

    @property
    def has_turn(self) -> bool:
        return self.turn.done() and not self.turn.cancelled() and bool(self.turn.result())

    def wake(self) -> bool:
        """It is its turn. False where it waits no longer, and has only not left the queue yet."""
        if self.turn.done():
            return False
        self.turn.set_result(True)
        return True

    def dismiss(self) -> None:
        """It waits no longer."""
        if not self.turn.done():
            self.turn.set_result(False)

    async def has_come(self, seconds: float) -> bool:
        """Whether the turn comes within that time."""
        timer = asyncio.get_running_loop().call_later(seconds, self.dismiss)
        try:
            return bool(await self.turn)
        finally:
            timer.cancel()


class Line(FairQueue[Waiter]):
    """Those who wait for a limit. `users` are also those who try again just now."""

    users = 0


def come_back(call: Call) -> tuple[float, RawHeaders]:
    """Seconds after which the call may come again, drawn for it, and the headers that say so."""
    digest = hashlib.blake2b(call.id.encode(), digest_size=4).digest()
    seconds = round(_SOONEST + _SPREAD * int.from_bytes(digest) / 2**32, 3)
    return seconds, [(b"retry-after", b"%d" % math.ceil(seconds)), (b"retry-after-ms", b"%d" % (seconds * 1000))]


def joined(queue: FairQueue[Waiter], call: Call, now: float) -> Waiter | None:
    """The call in the queue; None where there is no room for it."""
    waiter = Waiter(call, now)
    displaced = queue.join(waiter)
    if displaced is waiter:
        return None
    if displaced is not None:
        displaced.dismiss()
    return waiter


def told(call: Call, waiter: Waiter, now: float) -> None:
    """The answer says how long the call waited, and at which position."""
    call.queued = b"position=%d; waited=%.3f" % (waiter.position, now - waiter.since)

"""A call whose client leaves, where its provider bills the whole answer in any case: the rest is read, so that what it used is known
exactly, of so many at one time and for so long at most. Beyond that a call is cancelled, and estimated, like any other.

A call that may be read on runs its exchange in a task of its own, so that the client's going ends only the waiting for it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tidegate.proxy.attempt import Attempt
from tidegate.proxy.failure import Failure


async def lasting(attempt: Attempt, exchange: Coroutine[Any, Any, Failure | None]) -> Failure | None:
    """What the exchange gives. Where its client leaves, it goes on behind the call if there is room."""
    task = asyncio.create_task(exchange)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.done():
            raise
        if attempt.has_lost or attempt.has_expired or attempt.app.live.cuts or not attempt.app.drains.takes(task):
            return await _ended(task)
        attempt.is_drained = True
        raise


async def _ended(task: asyncio.Task[Failure | None]) -> Failure | None:
    """Cancels the exchange, and gives what it makes of that."""
    task.cancel()
    await asyncio.wait((task,))
    failure = task.result()  # raises where the exchange was cancelled indeed
    waiting = asyncio.current_task()
    if waiting is not None:
        waiting.uncancel()
    return failure

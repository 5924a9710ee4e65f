"""Waiting for what another process, a thread or a task does: the tests' loops that look again and again until something holds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
LIVE = 10.0
"""Seconds that an edit may take until gateways have it, where other tests have the machine too; the promise is two."""


def until(look: Callable[[], T], is_it: Callable[[T], object] = bool, *, within: float = 30.0) -> T:
    """Looks until it is what is waited for, and gives that; fails with what was seen last."""
    end = time.monotonic() + within
    while not is_it(found := look()):
        assert time.monotonic() < end, f"after {within} s: {found!r}"
        time.sleep(0.02)
    return found


async def eventually(look: Callable[[], Awaitable[T]], wanted: T, *, within: float = 40.0) -> None:
    """The same of what is looked at by a coroutine."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while (last := await look()) != wanted:
        assert loop.time() < end, f"{last!r} and not {wanted!r} after {within} s"
        await asyncio.sleep(0.1)


async def soon(holds: Callable[[], object], *, within: float = 20.0) -> None:
    """Until something holds that the other tasks of this loop, or a thread, bring about without a word."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.001)

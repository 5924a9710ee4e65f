"""How late the loop is, seen from a loop that is kept busy."""

import asyncio
import time

from tidegate.adapters.load_watch import TICK, LoadWatch, memory_here, memory_used


async def test_a_loop_that_is_kept_busy_is_late() -> None:
    told: list[tuple[float, float, int]] = []
    enough = asyncio.Event()

    def tell(lag: float, memory: float, done: int) -> None:
        told.append((lag, memory, done))
        if len(told) == 3:
            enough.set()

    watch = LoadWatch(tell, lambda: 7, lambda: 4 * memory_used())
    # Armed anew after it has told, so it is this that is late.
    asyncio.get_running_loop().call_later(1.5 * TICK, time.sleep, 3 * TICK)
    await asyncio.wait_for(enough.wait(), 10)
    watch.stop()
    assert max(lag for lag, _, _ in told) >= 1.5 * TICK
    assert all(0.1 < memory < 0.5 for _, memory, _ in told)
    assert {done for _, _, done in told} == {7}


def test_memory_is_known_here() -> None:
    assert 1 << 20 < memory_used() < memory_here()

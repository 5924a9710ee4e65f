import asyncio

import pytest

from tidegate.app.beside import beside


async def test_loops_run_while_the_context_lasts_and_have_ended_after_it() -> None:
    begun, ended = [asyncio.Event(), asyncio.Event()], list[int]()

    async def loop(number: int) -> None:
        begun[number].set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    async with beside(loop(0), loop(1)):
        await asyncio.gather(*(event.wait() for event in begun))
        assert not ended
    assert sorted(ended) == [0, 1]


async def test_what_ended_a_loop_early_is_told() -> None:
    async def broken() -> None:
        raise ValueError("it cannot go on")

    with pytest.raises(ValueError, match="it cannot go on"):
        async with beside(broken()):
            await asyncio.sleep(0)

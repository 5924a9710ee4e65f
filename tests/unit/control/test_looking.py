import asyncio
import contextlib

from tidegate.control.looking import Looking


class Looks:
    """Counts looks; `fails` is raised by the next one."""

    def __init__(self) -> None:
        self.count = 0
        self.fails: Exception | None = None
        self.failed: list[Exception] = []
        self.looked = asyncio.Event()
        self.looking = Looking(self.look, 3600, self.failed.append)

    async def look(self) -> None:
        self.count += 1
        self.looked.set()
        failure, self.fails = self.fails, None
        if failure is not None:
            raise failure

    async def next(self) -> None:
        await asyncio.wait_for(self.looked.wait(), 10)
        self.looked.clear()


async def test_it_looks_at_once_and_after_each_poke_also_after_a_look_that_failed() -> None:
    looks = Looks()
    task = asyncio.create_task(looks.looking.run())
    await looks.next()
    looks.fails = RuntimeError("odd")
    looks.looking.poke()
    await looks.next()
    looks.looking.poke()
    await looks.next()
    assert looks.count == 3
    assert [str(error) for error in looks.failed] == ["odd"]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_all_who_ask_before_a_look_begins_are_told_by_it_and_those_who_ask_during_one_by_the_next() -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    count = 0

    async def look() -> None:
        nonlocal count
        count += 1
        begun.set()
        await go.wait()
        if count == 2:
            raise OSError("away")

    looking = Looking(look, 3600, lambda _: None)
    task = asyncio.create_task(looking.run())
    await asyncio.wait_for(begun.wait(), 10)
    # The first look has begun already: what it says may be older than the question.
    asked = [asyncio.create_task(looking.fresh()) for _ in range(3)]
    await asyncio.sleep(0)
    begun.clear()
    go.set()
    await asyncio.wait_for(begun.wait(), 10)
    later = asyncio.create_task(looking.fresh())
    assert await asyncio.gather(*asked) == [False, False, False]
    assert await asyncio.wait_for(later, 10) is True
    assert count == 3
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_who_asks_and_leaves_takes_nothing_from_the_others() -> None:
    looks = Looks()
    one, another = asyncio.create_task(looks.looking.fresh()), asyncio.create_task(looks.looking.fresh())
    await asyncio.sleep(0)
    one.cancel()
    task = asyncio.create_task(looks.looking.run())
    assert await asyncio.wait_for(another, 10) is True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_an_end_in_the_same_moment_as_a_poke_is_an_end() -> None:
    """`asyncio.wait_for` of Python 3.11 forgets a cancellation then: the loop went on, and whoever waited for its end waited for ever."""
    looks = Looks()
    task = asyncio.create_task(looks.looking.run())
    await looks.next()
    await asyncio.sleep(0)
    looks.looking.poke()
    task.cancel()
    await asyncio.wait((task,), timeout=10)
    assert task.cancelled()

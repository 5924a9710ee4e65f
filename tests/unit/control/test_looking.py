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

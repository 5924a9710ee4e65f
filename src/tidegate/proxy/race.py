"""Two attempts of one call at once, of which one answers: a second one is sent when the first has not committed after a while. Whoever
commits first has won, and the other is cancelled at once. Each attempt has its own line in the ledger.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from tidegate.policy.attempts import Rules, goes_on
from tidegate.policy.pace import Hedge, Pace
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.failure import Failure

Try: TypeAlias = "Callable[[int, TwoAttempts], Coroutine[Any, Any, Failure | None]]"
"""Makes the attempt at the target of that place."""
Failed: TypeAlias = tuple[int, Failure]


class TwoAttempts:
    """The `Race` of a call."""

    def __init__(self) -> None:
        self._tasks: dict[Attempt, asyncio.Task[Failure | None]] = {}
        self._started: list[asyncio.Task[Failure | None]] = []
        self.winner: Attempt | None = None
        self.seconds = 0.0
        """From the start of the first attempt until one had won."""

    @property
    def has_begun(self) -> bool:
        """The first attempt has its place in the ledger, so that a second one may follow."""
        return bool(self._tasks)

    def entered(self, attempt: Attempt) -> None:
        """Called by the task that runs the attempt."""
        task = asyncio.current_task()
        self._tasks[attempt] = next(own for own in self._started if own is task)

    def claim(self, attempt: Attempt) -> bool:
        """See `Race`. It may be called within the event that brought the bytes, which is no task's."""
        if self.winner is None:
            self.winner = attempt
            self.seconds = attempt.app.clock.monotonic() - next(iter(self._tasks)).started
            attempt.call.target = attempt.target
            for other in self._tasks:
                other.has_lost = other is not attempt
            for task in self._started:
                if task is not self._tasks[attempt]:
                    task.cancel()
        return self.winner is attempt

    def start(self, attempt: Coroutine[Any, Any, Failure | None]) -> asyncio.Task[Failure | None]:
        self._started.append(asyncio.create_task(attempt))
        return self._started[-1]

    async def ended(self) -> None:
        """Cancels what still runs, and waits until it has settled."""
        for task in self._started:
            task.cancel()
        await asyncio.gather(*self._started, return_exceptions=True)


async def hedged(try_at: Try, hedge: Hedge, pace: Pace, rules: Rules) -> list[Failed]:
    """Tries the first target, and the second one too if that takes long. Empty once the client has an answer, else what failed."""
    race = TwoAttempts()
    try:
        first = race.start(try_at(0, race))
        await asyncio.wait((first,), timeout=pace.began(hedge))
        if first.done() or race.winner is not None or not race.has_begun or not pace.may_hedge():
            failure = await first
            return [] if failure is None else [(0, failure)]
        return await _both(race, first, race.start(try_at(1, race)), rules)
    finally:
        if race.winner is not None:
            pace.took(race.seconds)
        await race.ended()


async def _both(race: TwoAttempts, first: asyncio.Task[Failure | None], second: asyncio.Task[Failure | None], rules: Rules) -> list[Failed]:
    await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
    if first.done() and race.winner is None:
        failure = await first
        if failure is not None and not goes_on(rules, failure.error):
            return [(0, failure)]
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    if race.winner is not None:
        return []
    return [(at, result) for at, result in enumerate(results) if isinstance(result, Failure)]

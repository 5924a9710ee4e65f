"""Looks after one batch at its provider: hands it over, waits, cancels, and gives its answers, told to the ledger before they are kept."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from tidegate.ir.errors import GatewayError
from tidegate.logs import Log
from tidegate.policy.snapshot import Key, Target
from tidegate.ports import UpstreamFailure
from tidegate.ports.kept import Kept
from tidegate.proxy.app import App
from tidegate.proxy.batch import Batch, Flaw, Status
from tidegate.proxy.batch_theirs import Answered, Lines, Refused, State, Theirs
from tidegate.proxy.batch_usage import usage_event

POLL = 15.0
"""Seconds between two looks at the provider's batch."""
_LOST = (
    "The gateway ended while it handed the batch over, and does not know whether the provider took it: look there before you make another."
)
_STATUS: dict[str, Status] = {"expired": "expired", "cancelled": "cancelled"}

_LOG = Log("tidegate.batches")

T = TypeVar("T")
Change = Callable[[Callable[[Batch], None]], Awaitable[None]]


class HandedOver:
    """`change` writes the batch. `completed` and `failures` count its answers, `status` is how it ended, once `answers` has."""

    def __init__(self, app: App, row: Kept, batch: Batch, lines: Lines, change: Change) -> None:
        self._app = app
        self._row = row
        self._batch = batch
        self._lines = lines
        self._change = change
        self._theirs = Theirs(app, row, batch)
        self.completed = 0
        self.failures = 0
        self.status: Status = "completed"

    async def answers(self, done: set[int]) -> AsyncGenerator[tuple[int, Answered]]:
        """(number of the line, its answer) of those that are not `done`. Raises `Refused`."""
        if not self._batch.theirs:
            await self._begin()
        state = await self._ended()
        if state.status == "failed":
            raise Refused(state.flaw or "The provider could not run the batch.")
        self.status = _STATUS.get(state.status, "completed")
        key, target = self._whose()
        places = {line.id: line.place async for line in self._lines()}
        for path in state.results:
            async for answer in self._theirs.answers(path):
                place = places.get(answer.id)
                if place is None:
                    continue
                if answer.status == 200:
                    self.completed += 1
                else:
                    self.failures += 1
                if place in done:
                    continue
                if answer.status == 200:
                    at = self._app.clock.now()
                    self._app.events.emit(usage_event(self._row, self._batch, key, target, place, answer.read, at=at))
                yield place, answer

    def failed(self, why: str) -> Callable[[Batch], None]:
        """What becomes of the batch where the provider does not run it."""

        def change(batch: Batch) -> None:
            batch.flaws = [Flaw(0, "provider_refused", why)]
            batch.become("failed", self._app.clock.now())

        return change

    async def _begin(self) -> None:
        if self._batch.is_handed_over:
            raise Refused(_LOST)
        file = await self._again(lambda: self._theirs.upload(self._lines))

        def about_to(batch: Batch) -> None:
            batch.is_handed_over = True

        await self._change(about_to)
        try:
            id = await self._theirs.begin(file, self._lines)
        except UpstreamFailure as broken:
            if broken.phase != "connect":
                raise Refused(f"{self._batch.provider} did not say whether it took the batch: {broken}") from None
            raise Refused(f"{self._batch.provider} cannot be reached: {broken}") from None
        if not id:
            raise Refused(f"{self._batch.provider} gave the batch no id.")

        def begun(batch: Batch) -> None:
            batch.theirs = id

        await self._change(begun)

    async def _ended(self) -> State:
        stopped = False
        while True:
            if self._batch.status == "cancelling" and not stopped:
                with contextlib.suppress(Refused):  # it has ended meanwhile
                    await self._again(self._theirs.cancel)
                stopped = True
            state = await self._again(self._theirs.look)
            if state.ended:
                return state
            self._batch.completed, self._batch.failed = state.completed, state.failed
            await self._change(lambda batch: None)
            await asyncio.sleep(POLL)

    async def _again(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What may be asked more than once, until the provider can be reached."""
        while True:
            try:
                return await ask()
            except UpstreamFailure as broken:
                _LOG.warning("a batch waits for its provider", batch=self._row.id, provider=self._batch.provider, error=str(broken))
                await asyncio.sleep(POLL)

    def _whose(self) -> tuple[Key, Target]:
        """For the ledger: the key as it is, or (where it works no more) as it was; the target with its price."""
        planner = self._app.live.current
        try:
            key = planner.callers.named(self._row.key, self._row.org, self._app.clock.now())
        except GatewayError:
            key = Key(id=self._row.key, name=self._row.key, digest=b"", org=self._row.org)
        target = planner.target(self._batch.provider, self._batch.model)
        if target is None:
            raise Refused(f"The provider {self._batch.provider} is gone from the configuration.")
        return key, target

"""The parts of limits that this process has, where several of one machine share what nobody counts for all of them: it asks the store each
second for what calls want, and at once for a call that lacks some. Calls spend a part in memory and ask nobody meanwhile.
"""

import asyncio
from collections.abc import Callable

import msgspec

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.logs import Log
from tidegate.policy.limits.cells import PERIODS
from tidegate.policy.limits.part import SHUT, Part, PartAsk
from tidegate.policy.limits.rules import Charge, Claim, Limit, Refusal, asked
from tidegate.ports import Clock
from tidegate.ports.limits import Parts

EVERY = 1.0
"""Seconds between two looks at what calls wanted."""
PATIENCE = 5.0
"""Seconds that a call waits for the store at a start, and for its answer."""
_AT_ONCE = 500
"""Parts in one transaction."""

_LOG = Log("tidegate.limits")


class PartDesk:
    """`changed` is called when a part is another one. Until `run` has the store, parts are nothing, and calls wait for it; `is_away` says
    that it does not answer, and that parts say nothing."""

    def __init__(self, clock: Clock, memory: MemoryCounters, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._memory = memory
        self._changed = changed
        self._store: Parts | None = None
        self._opened = asyncio.Event()
        self._parts: dict[str, Part] = {}
        self._lock = asyncio.Lock()
        self.is_away = False

    def part(self, charge: Charge) -> Part:
        """That of a charge, made where there is none."""
        found = self._parts.get(charge.key)
        if found is None:
            found = self._parts[charge.key] = Part(charge)
        elif found.charge != charge:
            found.charge = charge
        return found

    async def more(self, claim: Claim, parts: tuple[tuple[Part, int], ...]) -> bool:
        """For a call that was refused: whether it may try again."""
        lacking = [part for part, _ in parts if self._lacks(claim, part)]
        now = self._now()
        if not lacking or any(part.shut > now for part in lacking):
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                await self._opened.wait()
                async with self._lock:
                    # Another call may have asked for all of them meanwhile.
                    still = [part for part in lacking if self._lacks(claim, part)]
                    if still:
                        await self._exchange({part: part.need(self._level(part), self._wanted(claim, part)) for part in still})
        except Exception as error:
            self._trouble(error)
            return True
        for part in lacking:
            if self._lacks(claim, part):
                part.shut = self._now() + SHUT
                return False
        return True

    async def run(self, store: Parts) -> None:
        """Until it is cancelled."""
        self._store = store
        self._opened.set()
        while True:
            try:
                await self.look()
            except Exception as error:
                self._trouble(error)
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Asks for what calls wanted since the last look. Raises what the store raises."""
        async with self._lock:
            asks = {part: part.look(self._level(part)) for part in self._parts.values()}
            looked = list(asks.items())
            for at in range(0, max(len(looked), int(self.is_away)), _AT_ONCE):
                await self._exchange(dict(looked[at : at + _AT_ONCE]))
            for part, want in asks.items():
                if not want and not part.has and not part.asked:
                    del self._parts[part.charge.key]
                    self._changed()

    async def leave(self) -> None:
        """Calls have ended: what is not used goes back. Raises what the store raises."""
        async with self._lock:
            asks = {part: self._level(part) for part in self._parts.values()}
            for part, level in asks.items():
                part.cap = min(part.cap, level)
            left = list(asks.items())
            for at in range(0, len(left), _AT_ONCE):
                await self._exchange(dict(left[at : at + _AT_ONCE]))

    def answered(self, answer: Refusal) -> Refusal:
        """A part that is too small now may be larger soon: such a call is not refused for ever."""
        limit = answer.charge.limit
        if answer.wait is None and limit.whole is not None and answer.wanted <= limit.whole:
            return msgspec.structs.replace(answer, wait=EVERY)
        return answer

    async def _exchange(self, asks: dict[Part, int]) -> None:
        if self._store is None:
            raise TimeoutError
        # What is given up here must not be used while the store is told.
        self._changed()
        wants = {part.charge.key: PartAsk(part.charge.limit.amount, want, _lasts(part)) for part, want in asks.items()}
        found = await self._store.exchange(wants)
        for part in asks:
            # A counter is given back what its part was until now, and not what it becomes.
            self._level(part)
            part.learn(found[part.charge.key])
        self._changed()
        if self.is_away:
            _LOG.warning("limits are shared again")
        self.is_away = False

    def _trouble(self, error: Exception) -> None:
        if not self.is_away:
            _LOG.error("limits cannot be shared by demand: the database does not answer", error=f"{type(error).__name__}: {error}"[:500])
        self.is_away = True
        self._changed()

    def _lacks(self, claim: Claim, part: Part) -> bool:
        cell = self._memory.cell(part.charge)
        return cell.left(limit_of(part), self._now(), self._clock.now()) < self._wanted(claim, part)

    def _wanted(self, claim: Claim, part: Part) -> int:
        return asked(claim, part.charge)

    def _level(self, part: Part) -> int:
        return sum(self._memory.cell(part.charge).used(limit_of(part), self._now(), self._clock.now()))

    def _now(self) -> int:
        return int(self._clock.monotonic() * 1_000_000)


def limit_of(part: Part) -> Limit:
    """The limit as this process counts it."""
    limit = part.charge.limit
    return msgspec.structs.replace(limit, amount=part.cap, whole=limit.amount)


def _lasts(part: Part) -> int:
    return PERIODS.get(part.charge.limit.per, 0)

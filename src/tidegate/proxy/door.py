"""Who comes in, and who waits: calls wait here in fair queues, for the gateway as a whole, for a slot of a target, or for a limit of calls
at one time. Nothing is asked while nothing is short: `is_busy` and `lines` say so. What is decided is in `policy.overload`.
"""

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.overload.figures import Figures, Standing
from tidegate.policy.overload.ladder import Ladder
from tidegate.policy.overload.queue import LEAST, FairQueue
from tidegate.policy.overload.slots import UNBOUNDED, Slots
from tidegate.policy.snapshot import Target
from tidegate.ports import Clock
from tidegate.proxy.call import Call
from tidegate.proxy.failure import BusyError, LimitError
from tidegate.proxy.waiting import QUEUE, Line, Waiter, come_back, joined, told

R = TypeVar("R")
MOST_PLACES = 4096


class Door:
    """Of one process. `look` is called many times a second, with what was measured."""

    def __init__(self, clock: Clock) -> None:
        self.is_busy = False
        """Calls have to ask before they come in."""
        self.calls = 0
        """That are here: those that run and those that wait to come in."""
        self.ladder = Ladder()
        self.figures = Figures()
        self.lines: dict[str, Line] = {}
        """Who waits for a limit of calls at one time, by the limit."""
        self._clock = clock
        self._outside: FairQueue[Waiter] = FairQueue(0)
        self._slots: dict[str, Slots[Waiter]] = {}

    @property
    def _running(self) -> int:
        return self.calls - len(self._outside)

    @property
    def standing(self) -> Standing:
        """For the page of metrics."""
        targets, limits = sum(len(slots.queue) for slots in self._slots.values()), sum(map(len, self.lines.values()))
        waiting = {"gateway": len(self._outside), "target": targets, "limit": limits}
        return Standing(self.ladder.pressure, self.ladder.rate, waiting, self.figures)

    def look(self, lag: float, memory: float, done: int) -> None:
        """See `Ladder.look`. Lets in whoever may come in now."""
        ladder, outside = self.ladder, self._outside
        ladder.look(self._clock.monotonic(), lag, memory, done, len(outside))
        while outside and (least := ladder.least) is not None and (waiter := outside.next(least)) is not None:
            if waiter.turn.done():
                continue
            if not ladder.admits(waiter.priority, self._running):
                outside.back(waiter)
                break
            waiter.wake()
        self.is_busy = ladder.rate is not None or ladder.least is not LEAST or bool(outside)
        if self.lines:
            self.freed()

    def refuse_early(self, call: Call) -> None:
        """A call that would find no room to wait in is turned away before its body is read. Raises `LimitError`."""
        outside = self._outside
        self._make_room(call)
        if len(outside) >= outside.most and not outside.has_room(call.key.org, call.key.priority):
            raise self._turned_away(call, "gateway", self._too_much(call))

    async def enter(self, call: Call) -> None:
        """Waits until the call may come in. Raises `LimitError`."""
        if self._outside.is_before(call.priority) or not self.ladder.admits(call.priority, self._running):
            self._make_room(call)
            waiter = self._joined(self._outside, call, "gateway", self._too_much(call))
            try:
                await self._turn(waiter, "gateway", self._too_much(call), self._until(call))
            finally:
                self._outside.leave(waiter)

    async def slot(self, target: Target, call: Call, *, waits: bool) -> Slots[Waiter]:
        """A slot of a target, to be given back. Raises `LimitError`, at once unless it `waits`."""
        slots = self._slots_of(target, call)
        if slots.take():
            return slots
        full = _full(target.name, slots)
        if not waits:
            raise self._turned_away(call, "target", full)
        waiter = self._joined(slots.queue, call, "target", full)
        try:
            await self._turn(waiter, "target", full, self._until(call))
        except BaseException:
            if waiter.has_turn:
                self.give_back(slots)  # its client left in the moment in which it got one
            raise
        finally:
            slots.queue.leave(waiter)
        return slots

    def give_back(self, slots: Slots[Waiter]) -> None:
        """A slot is free again."""
        slots.give_back()
        while (waiter := slots.next()) is not None:
            if not waiter.wake():
                slots.give_back()

    async def in_line(self, call: Call, busy: BusyError, again: Callable[[], Awaitable[R]]) -> R:
        """Tries `again` when a call has ended that counts against the same limit. Raises `LimitError`, and what `again` raises."""
        line = self.lines.setdefault(busy.line, Line(call.snapshot.overload.most))
        waiter = self._joined(line, call, "limit", busy.error)
        until = self._until(call)
        line.users += 1
        try:
            while True:
                await self._turn(waiter, "limit", busy.error, until)
                try:
                    return await again()
                except BusyError as still:
                    if still.line != busy.line:
                        raise
                    busy = still
                waiter.turn = get_running_loop().create_future()
                line.back(waiter)
        finally:
            line.leave(waiter)
            line.users -= 1
            if not line.users:
                del self.lines[busy.line]

    def freed(self) -> None:
        """A call has ended that may have counted against limits: the next of each line tries again."""
        for line in self.lines.values():
            while (waiter := line.next()) is not None and not waiter.wake():
                pass

    def _until(self, call: Call) -> float:
        return self._clock.monotonic() + (call.patience or call.snapshot.overload.wait)

    def _make_room(self, call: Call) -> None:
        rules = call.snapshot.overload
        self._outside.most = self.ladder.room(rules.wait, rules.most)

    def _slots_of(self, target: Target, call: Call) -> Slots[Waiter]:
        rule, place = target.upstream.concurrency or UNBOUNDED, target.place
        slots = self._slots.get(place)
        if slots is None:
            if len(self._slots) >= MOST_PLACES:
                idle = next((name for name, found in self._slots.items() if not found.taken), None)
                if idle is not None:
                    del self._slots[idle]
            slots = self._slots[place] = Slots[Waiter](rule)
        slots.rule = rule
        slots.queue.most = call.snapshot.overload.most
        return slots

    def _joined(self, queue: FairQueue[Waiter], call: Call, what: str, full: Error) -> Waiter:
        has_patience = call.patience or call.snapshot.overload.wait
        waiter = joined(queue, call, self._clock.monotonic()) if has_patience else None
        if waiter is None:
            raise self._turned_away(call, what, full)
        return waiter

    async def _turn(self, waiter: Waiter, what: str, full: Error, until: float) -> None:
        """Raises `LimitError`."""
        had_turn = await waiter.has_come(max(0.0, until - self._clock.monotonic()))
        now = self._clock.monotonic()
        told(waiter.call, waiter, now)
        if not had_turn:
            raise self._turned_away(waiter.call, what, full)
        self.figures.had_turn(now - waiter.since)

    def _turned_away(self, call: Call, what: str, full: Error) -> LimitError:
        self.figures.turned_away[what, call.priority.name.lower()] += 1
        seconds, headers = come_back(call)
        if call.queued:
            headers.append((QUEUE, call.queued))
        message = f"{full.message} Come back in {seconds:.1f} s."
        return LimitError(msgspec.structs.replace(full, message=message, retry_after=seconds), headers)

    def _too_much(self, call: Call) -> Error:
        own = self._outside.waiting(call.key.org)
        message = (
            f"The gateway has more to do than it can at present: {len(self._outside)} calls wait for their turn, {own} of them of your "
            f"organisation (`{call.key.org}`)."
        )
        return Error(kind=ErrorKind.UNAVAILABLE, message=message, code="gateway_overloaded")


def _full(name: str, slots: Slots[Waiter]) -> Error:
    message = f"`{name}` has {slots.taken} calls running, as many as it may have at one time, and {len(slots.queue)} wait for their turn."
    return Error(kind=ErrorKind.UNAVAILABLE, message=message, code="target_busy")

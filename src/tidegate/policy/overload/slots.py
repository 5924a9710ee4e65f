"""How many calls a target may have at one time: a number of the operator's, or one that is found by how fast and how well it answers.

A slot that is given back goes to whoever is next in the queue, never to one that has just come. Pure; `proxy.door` holds and gives them.
"""

import math
from typing import Generic

import msgspec

from tidegate.policy.overload.queue import FairQueue, T

FEWEST = 4
"""What is found never goes below this."""
STARTS_AT = 64
MOST_FOUND = 1024
_SLOW = 3.0
"""A target is too busy where the first content of its streams takes so many times what it took at best."""
_QUICK = 0.1
"""Seconds: what answers within them is not slow, however quick it was before."""
_NEWEST = 0.2
"""The weight of the newest time in the mean."""
_FORGETS = 1.01
"""By which the best grows with every change, so that it follows a target that has become another one."""
_FEWER, _MORE = 0.8, 1.1
_STEP = 0.5
"""Seconds between two changes."""


class Concurrency(msgspec.Struct, frozen=True):
    """`most` calls at one time; `adapts`: fewer while it is slow or says that it is overloaded."""

    most: int
    adapts: bool = False


UNBOUNDED = Concurrency(MOST_FOUND)


class Slots(Generic[T]):
    """Of one credential and model. `queue` is of those that wait for one of them."""

    def __init__(self, rule: Concurrency) -> None:
        self.rule = rule
        self.taken = 0
        self.queue: FairQueue[T] = FairQueue(0)
        self._found = float(min(rule.most, STARTS_AT))
        self._used = 0
        self._mean = 0.0
        self._best = math.inf
        self._overloads = 0
        self._changed = -math.inf

    @property
    def limit(self) -> int:
        return int(self._found) if self.rule.adapts else self.rule.most

    def take(self) -> bool:
        """A slot for one that has just come; False where it has to wait for one."""
        if self.taken >= self.limit or self.queue:
            return False
        self._grew()
        return True

    def next(self) -> T | None:
        """Who gets a slot now, if one is free and somebody waits: it has been taken for it."""
        if self.taken >= self.limit:
            return None
        ticket = self.queue.next()
        if ticket is not None:
            self._grew()
        return ticket

    def give_back(self) -> None:
        self.taken -= 1

    def answered(self, now: float, first_content: float | None) -> None:
        """A call ended well. `first_content` is the time to it, in seconds, of a stream; None of a whole answer, whose time says how long
        it is."""
        if first_content is not None:
            self._mean = first_content if not self._mean else self._mean + _NEWEST * (first_content - self._mean)
            self._best = min(self._best, first_content)
        self._change(now)

    def overloaded(self, now: float) -> None:
        """The target said that it has too much to do, or did not answer in time."""
        self._overloads += 1
        self._change(now)

    def _grew(self) -> None:
        self.taken += 1
        self._used = max(self._used, self.taken)

    def _change(self, now: float) -> None:
        if not self.rule.adapts or now - self._changed < _STEP:
            return
        self._changed = now
        if self._overloads or self._mean > max(_QUICK, _SLOW * self._best):
            self._found = max(FEWEST, min(self._found, self._used) * _FEWER)
        elif self._used >= int(self._found):
            self._found = min(self.rule.most, self._found * _MORE)
        self._best *= _FORGETS
        self._overloads = 0
        self._used = self.taken

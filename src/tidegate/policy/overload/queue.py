"""A bounded queue that is fair: more important calls first, then organisations take turns, in each its keys, of a key who came first.

Whoever asks for much waits behind itself only. Pure; `proxy.door` lets callers wait in it, for whatever they wait.
"""

import enum
from collections import deque
from typing import Generic, TypeVar


class Priority(enum.IntEnum):
    """How important a call is; the smaller goes first. What people and their probes need to look after the gateway is never queued."""

    INTERACTIVE = 0
    BACKGROUND = 1
    BATCH = 2


LEAST = Priority.BATCH


class Ticket:
    """One that waits, of the key `key` of the organisation `org`, since `since`. `position` is what it was told: 1 is the next."""

    __slots__ = ("key", "org", "position", "priority", "since")

    def __init__(self, org: str, key: str, priority: Priority, since: float) -> None:
        self.org = org
        self.key = key
        self.priority = priority
        self.since = since
        self.position = 0


T = TypeVar("T", bound=Ticket)


class FairQueue(Generic[T]):
    """At most `most` wait in it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._levels: tuple[dict[str, dict[str, deque[T]]], ...] = tuple({} for _ in Priority)
        self._waiting: dict[tuple[Priority, str], int] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def join(self, ticket: T) -> T | None:
        """Takes it in and tells it its position. Where the queue is full, gives the one that has to go for it: the newest of whoever is
        less important, or asks for more; `ticket` itself where that is nobody else."""
        displaced: T | None = None
        if self._size >= self.most:
            displaced = self._newest_but_for(ticket)
            if displaced is None:
                return ticket
            self.leave(displaced)
        self._levels[ticket.priority].setdefault(ticket.org, {}).setdefault(ticket.key, deque()).append(ticket)
        self._count(ticket, 1)
        ticket.position = self._place(ticket)
        return displaced

    def next(self, least: Priority = LEAST) -> T | None:
        """Takes out the one whose turn it is, of those that are as important as `least` or more."""
        for level in self._levels[: least + 1]:
            if level:
                org, keys = next(iter(level.items()))
                key, queue = next(iter(keys.items()))
                del level[org], keys[key]
                ticket = queue.popleft()
                if queue:
                    keys[key] = queue
                if keys:
                    level[org] = keys
                self._count(ticket, -1)
                return ticket
        return None

    def back(self, ticket: T) -> None:
        """One that `next` gave, and that could not go after all, is the next again."""
        level = self._levels[ticket.priority]
        keys = level.pop(ticket.org, {})
        queue = keys.pop(ticket.key, deque[T]())
        queue.appendleft(ticket)
        keys = {ticket.key: queue, **keys}
        rest = dict(level)
        level.clear()
        level.update({ticket.org: keys, **rest})
        self._count(ticket, 1)

    def leave(self, ticket: T) -> bool:
        """It does not wait any longer. False where it had its turn already."""
        level = self._levels[ticket.priority]
        keys = level.get(ticket.org, {})
        queue = keys.get(ticket.key)
        if queue is None or ticket not in queue:
            return False
        queue.remove(ticket)
        if not queue:
            del keys[ticket.key]
        if not keys:
            del level[ticket.org]
        self._count(ticket, -1)
        return True

    def is_before(self, priority: Priority) -> bool:
        """Whether one waits that is as important, or more."""
        return any(self._levels[: priority + 1])

    def waiting(self, org: str) -> int:
        """How many calls of the organisation wait."""
        return sum(self._waiting.get((priority, org), 0) for priority in Priority)

    def has_room(self, org: str, priority: Priority) -> bool:
        """Whether another call of the organisation would be taken in."""
        return self._size < self.most or self._gives_way(org, priority) is not None

    def _gives_way(self, org: str, priority: Priority) -> tuple[Priority, str] | None:
        """Whose newest call has to go for one of `org`: the least important first, and of those whoever has most."""
        if not self._waiting:
            return None
        last, largest = max(self._waiting, key=lambda place: (place[0], self._waiting[place]))
        asks_for_more = last == priority and self._waiting[last, largest] > self._waiting.get((priority, org), 0) + 1
        return (last, largest) if last > priority or asks_for_more else None

    def _newest_but_for(self, ticket: T) -> T | None:
        found = self._gives_way(ticket.org, ticket.priority)
        if found is None:
            return None
        keys = self._levels[found[0]][found[1]]
        return max(keys.values(), key=len)[-1]

    def _place(self, ticket: T) -> int:
        """How many turns it takes until its own, if nobody else comes."""
        level = self._levels[ticket.priority]
        keys = level[ticket.org]
        own = len(keys[ticket.key])
        round_of_keys = own + sum(min(len(queue), own) for key, queue in keys.items() if key != ticket.key)
        others = (count for (priority, org), count in self._waiting.items() if priority == ticket.priority and org != ticket.org)
        before = sum(count for (priority, _), count in self._waiting.items() if priority < ticket.priority)
        return before + round_of_keys + sum(min(count, round_of_keys) for count in others)

    def _count(self, ticket: T, change: int) -> None:
        self._size += change
        place = (ticket.priority, ticket.org)
        count = self._waiting.get(place, 0) + change
        if count:
            self._waiting[place] = count
        else:
            del self._waiting[place]

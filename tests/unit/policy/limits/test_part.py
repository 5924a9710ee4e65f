"""Parts of limits over several processes, against one counter that has the whole: whatever they admit, it admits too."""

import random

import msgspec
import pytest

from tidegate.policy.limits.cells import Cell, new_cell
from tidegate.policy.limits.part import Part, PartAsk, PartStand, stand
from tidegate.policy.limits.rules import Limit, charge

MINUTE = 60_000_000
REQUESTS = Limit(id="rpm", kind="key", what="requests", per="minute", amount=60)
TOKENS = Limit(id="tpm", kind="key", what="tokens", per="minute", amount=10_000)
CONCURRENT = Limit(id="now", kind="key", what="concurrent", per="moment", amount=8)


class Store:
    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int]] = {}

    def exchange(self, owner: int, ask: PartAsk) -> PartStand:
        others = [row for other, row in self.rows.items() if other != owner]
        found = stand(ask, others)
        self.rows[owner] = (found.granted, ask.want)
        if not ask.want:
            del self.rows[owner]
        return found


class Process:
    """As `leases_parts` does it: a look each second, and a question for a call that lacks some."""

    def __init__(self, owner: int, limit: Limit, store: Store) -> None:
        self.owner = owner
        self.store = store
        self.part = Part(charge(limit, "k1"))
        self.cell: Cell = new_cell(limit)
        self.booked: list[tuple[int, int]] = []

    def limit(self) -> Limit:
        return msgspec.structs.replace(self.part.charge.limit, amount=self.part.cap)

    def level(self, now: int) -> int:
        return sum(self.cell.used(self.limit(), now, 0))

    def look(self, now: int) -> None:
        self._exchange(self.part.look(self.level(now)), now)

    def take(self, amount: int, now: int) -> bool:
        self.part.asked += amount
        if self._take(amount, now):
            return True
        self._exchange(self.part.need(self.level(now), amount), now)
        return self._take(amount, now)

    def _take(self, amount: int, now: int) -> bool:
        return self.cell.take(self.limit(), amount, now, 0, force=False) >= 0

    def _exchange(self, want: int, now: int) -> None:
        found = self.store.exchange(self.owner, PartAsk(self.part.charge.limit.amount, want, MINUTE))
        self.level(now)
        self.part.learn(found)


def processes(limit: Limit, count: int) -> tuple[Store, list[Process]]:
    store = Store()
    return store, [Process(owner, limit, store) for owner in range(count)]


@pytest.mark.parametrize("limit", [REQUESTS, TOKENS, CONCURRENT], ids=lambda limit: limit.id)
@pytest.mark.parametrize("seed", range(8))
def test_all_together_never_admit_what_one_would_not(limit: Limit, seed: int) -> None:
    rng = random.Random(seed)
    store, made = processes(limit, rng.choice((2, 3, 4)))
    whole = new_cell(limit)
    looks = [rng.randrange(1_000_000) for _ in made]
    now, rate = 10 * MINUTE, rng.choice((5_000, 50_000, 400_000))
    favoured = made[0]
    running: list[tuple[Process, int]] = []
    admitted = 0
    for step in range(3000):
        now += rng.randrange(2 * rate)
        if step % 300 == 0:
            favoured = rng.choice(made)
        for number, one in enumerate(made):
            while looks[number] <= now:
                one.look(now)
                looks[number] = max(looks[number] + 1_000_000, now - 2_000_000)
        if limit is CONCURRENT and running and rng.random() < 0.4:
            one, amount = running.pop(rng.randrange(len(running)))
            one.cell.settle(one.cell.row, one.limit(), amount, 0, now)
            whole.settle(whole.row, limit, amount, 0, now)
        one = favoured if rng.random() < 0.8 else rng.choice(made)
        amount = rng.randrange(1, 900) if limit is TOKENS else 1
        if one.take(amount, now):
            admitted += amount
            assert whole.take(limit, amount, now, 0, force=False) >= 0, "more than the limit"
            running.append((one, amount))
        assert sum(granted for granted, _ in store.rows.values()) <= limit.amount
    assert admitted


def test_one_that_is_asked_alone_has_all_of_it() -> None:
    _, (busy, idle) = processes(REQUESTS, 2)
    now = 10 * MINUTE
    assert [busy.take(1, now) for _ in range(61)] == [True] * 60 + [False]
    for second in range(1, 61):
        now += 1_000_000
        idle.look(now)
        busy.look(now)
        assert busy.take(1, now), second
    assert not idle.take(1, now)


def test_what_an_idle_one_has_goes_to_the_busy_one_within_two_seconds() -> None:
    store, (first, second) = processes(REQUESTS, 2)
    now = 10 * MINUTE
    while first.take(1, now):
        pass
    now += 50_000_000
    # It has all of it, of which fifty are free.
    first.look(now)
    assert store.rows[0][0] == 60
    assert not second.take(1, now)
    first.look(now + 1_000_000)
    second.look(now + 1_000_000)
    first.look(now + 2_000_000)
    assert sum(second.take(1, now + 2_000_000) for _ in range(60)) >= 48


def test_two_that_both_want_all_come_to_a_half_each() -> None:
    store, made = processes(REQUESTS, 2)
    now = 10 * MINUTE
    taken = [0, 0]
    for step in range(6000):
        now += 50_000
        if step % 20 == 0:
            for one in made:
                one.look(now)
        for number, one in enumerate(made if step % 2 else made[::-1]):
            taken[number if step % 2 else 1 - number] += one.take(1, now) and step > 3600
    assert sum(taken) >= 0.9 * 60 * 2
    assert min(taken) >= 0.4 * sum(taken)
    assert {granted for granted, _ in store.rows.values()} == {30}


def test_a_part_that_nobody_needs_is_given_back() -> None:
    store, (one, _) = processes(REQUESTS, 2)
    now = 10 * MINUTE
    assert one.take(1, now)
    for _ in range(80):
        now += 1_000_000
        one.look(now)
    assert not store.rows

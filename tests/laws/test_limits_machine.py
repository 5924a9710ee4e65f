"""T-LG-1: limits and budgets against a model that remembers everything and sums it up anew each time.

Whatever is reserved, settled (twice, late, for more than was reserved), voided or left to expire, over windows that roll, limits that are
edited and restarts from the ledger: both give the same answers, a hard budget is passed by nothing but what calls used beyond what they
had reserved, and nothing stays reserved. The same rules run on every store: memory, SQLite, PostgreSQL, and each database with Redis.
"""

import datetime
import math
import os
from collections.abc import Coroutine, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.laws import limit_backends as backends

from tidegate.policy.limits.rules import (
    SPEND,
    TOKENS,
    Actual,
    Charge,
    Claim,
    Limit,
    Past,
    Refusal,
    asked,
    claim,
)
from tidegate.policy.limits.windows import window
from tidegate.ports.limits import Counters

T = TypeVar("T")
EXAMPLES = int(os.environ.get("TIDEGATE_LIMIT_EXAMPLES", "500"))
STORED_EXAMPLES = max(1, EXAMPLES // 60)
STORED_STEPS = 30
"""On databases every step waits for commits: fewer of them, and more where `TIDEGATE_LIMIT_EXAMPLES` says so."""
LEASE = 100
PIECE = 3
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime.datetime(2026, 10, 24, 20, tzinfo=BERLIN).timestamp()
"""The evening before the clock goes back, a week before the month ends."""

LIMITS = (
    Limit(id="rpm", kind="key", what="requests", per="minute", amount=6),
    Limit(id="tpm", kind="key", what="tokens", per="minute", amount=900),
    Limit(id="tpd", kind="team", what="tokens", per="day", amount=5000, zone=BERLIN),
    Limit(id="usd", kind="team", what="spend", per="month", amount=4000, zone=BERLIN),
    Limit(id="soft", kind="organisation", what="spend", per="week", amount=1000, hard=False, alerts=(50, 100)),
    Limit(id="all", kind="organisation", what="spend", per="total", amount=9000),
    Limit(id="run", kind="key", what="concurrent", per="moment", amount=3),
    Limit(id="seen", kind="model", what="requests", per="day", amount=5, mode="observe"),
)


class Clock:
    """Wall and monotonic time that move together."""

    def __init__(self) -> None:
        self.passed = 0

    def now(self) -> float:
        return START + self.passed

    def monotonic(self) -> float:
        return float(self.passed)


class Entry(msgspec.Struct):
    """One booking: `amount` of a limit at a second. `running` = not settled yet."""

    limit: str
    at: int
    amount: int
    running: bool = True


class Attempt(msgspec.Struct):
    claim: Claim
    entries: dict[str, Entry]
    until: int
    at: int
    charged: Actual | None = None


class Model:
    """Every entry ever made; a question is answered by going through all of them. The bucket is a level that sinks."""

    def __init__(self) -> None:
        self.now = 0
        self.entries: list[Entry] = []
        self.level = Fraction(0)

    def counts(self, limit: Limit, entry: Entry) -> bool:
        if limit.per == "minute":
            return entry.at // PIECE >= self.now // PIECE - 20
        return limit.per == "moment" or window(limit.per, START + entry.at, limit.zone) == window(limit.per, START + self.now, limit.zone)

    def taken(self, limit: Limit) -> Fraction | int:
        if limit.id == "rpm":
            return self.level
        return sum(entry.amount for entry in self.entries if entry.limit == limit.id and self.counts(limit, entry))

    def reserved(self, limit: Limit) -> int:
        own = (entry for entry in self.entries if entry.limit == limit.id and entry.running and self.counts(limit, entry))
        return sum(entry.amount for entry in own)

    def refuses(self, claim: Claim) -> bool:
        enforced = [(charge.limit, asked(claim, charge)) for charge in claim.charges if charge.enforced]
        return any(wanted and self.taken(limit) + wanted > limit.amount for limit, wanted in enforced)

    def take(self, claim: Claim) -> dict[str, Entry]:
        entries = {charge.limit.id: Entry(charge.limit.id, self.now, asked(claim, charge)) for charge in claim.charges}
        self.entries += entries.values()
        self.level += entries["rpm"].amount
        return entries

    def settle(self, attempt: Attempt, actual: Actual, *, void: bool = False) -> None:
        for c in attempt.claim.charges:
            entry = attempt.entries[c.limit.id]
            before, entry.running = entry.amount, False
            if c.limit.per == "moment" or (void and c.limit.what == "requests"):
                entry.amount = 0
            elif c.limit.what != "requests":
                charged = attempt.charged
                after = actual.tokens if c.measure == TOKENS else actual.nano
                if charged is not None:
                    before = charged.tokens if c.measure == TOKENS else charged.nano
                if self.counts(c.limit, entry) or c.limit.per != "minute":
                    entry.amount += after - before
                elif after > before:
                    self.entries.append(Entry(c.limit.id, self.now, after - before, running=False))
        if void:
            self.level = max(Fraction(0), self.level - attempt.claim.amounts[0])


class LimitsMachine(RuleBasedStateMachine):
    """`kind` is the store below."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.clock = Clock()
        self.limits = {limit.id: limit for limit in LIMITS}
        self.open: dict[str, Attempt] = {}
        self.late: dict[str, Attempt] = {}
        self.done: list[str] = []
        self.count = 0
        self.on = backends.made(self.kind, self.clock, LEASE)

    @property
    def counters(self) -> Counters:
        return self.on.counters

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.on.run(coroutine)

    def charges(self) -> tuple[Charge, ...]:
        return tuple(self.on.charge(limit) for limit in self.limits.values())

    @rule(output=st.integers(0, 600), least=st.integers(0, 1000), nano=st.integers(0, 1500), attempt=st.sampled_from([1, 1, 1, 2]))
    def reserve(self, output: int, least: int, nano: int, attempt: int) -> None:
        self.count += 1
        wanted = claim(f"{self.on.name}r{self.count}", attempt, self.charges(), tokens=output + least, least_tokens=least, nano=nano)
        refused = self.model.refuses(wanted)
        answer = self.run(self.counters.reserve(wanted))
        assert isinstance(answer, Refusal) == refused
        if isinstance(answer, Refusal):
            assert answer.charge.enforced
            assert answer.wait is None or answer.wait > 0
        else:
            assert self.run(self.counters.reserve(wanted)) == answer
            self.open[wanted.request_id] = Attempt(wanted, self.model.take(wanted), self.clock.passed + LEASE, self.clock.passed)
            assert all(self.model.taken(self.limits[name]) <= self.limits[name].amount for name in ("usd", "all") if nano)

    @rule(data=st.data(), tokens=st.integers(0, 1500), nano=st.integers(0, 2000))
    def settle(self, data: st.DataObject, tokens: int, nano: int) -> None:
        if self.open:
            name = data.draw(st.sampled_from(sorted(self.open)))
            self.end(name, self.open.pop(name), Actual(tokens, nano))

    @rule(data=st.data(), tokens=st.integers(0, 1500), nano=st.integers(0, 2000))
    def settle_after_its_lease(self, data: st.DataObject, tokens: int, nano: int) -> None:
        if self.late:
            name = data.draw(st.sampled_from(sorted(self.late)))
            attempt = self.late.pop(name)
            if not self.on.corrects_rates:
                tokens = min(tokens, attempt.claim.amounts[TOKENS])
            self.end(name, attempt, Actual(tokens, nano))

    def end(self, name: str, attempt: Attempt, actual: Actual) -> None:
        self.model.settle(attempt, actual)
        self.on.now(lambda: self.counters.settle(name, attempt.claim.attempt, actual))
        self.on.ended(attempt.claim, START + attempt.at, actual)
        self.done.append(name)

    @rule(data=st.data())
    def settle_again(self, data: st.DataObject) -> None:
        if self.done:
            name = data.draw(st.sampled_from(self.done))
            for attempt in (1, 2):
                self.on.now(partial(self.counters.settle, name, attempt, Actual(1000, 1000)))
                self.on.now(partial(self.counters.void, name, attempt))

    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        if self.open:
            name = data.draw(st.sampled_from(sorted(self.open)))
            attempt = self.open.pop(name)
            self.model.settle(attempt, Actual(0, 0), void=True)
            self.on.now(lambda: self.counters.void(name, attempt.claim.attempt))
            self.done.append(name)

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        if self.open:
            name = data.draw(st.sampled_from(sorted(self.open)))
            self.open[name].until = self.clock.passed + LEASE
            self.on.now(lambda: self.counters.renew(name, self.open[name].claim.attempt))

    @rule(data=st.data(), void=st.booleans())
    def renew_or_void_after_its_lease(self, data: st.DataObject, void: bool) -> None:
        """What has ended is not begun anew; what was never sent costs nothing, however late that is known."""
        if self.late:
            name = data.draw(st.sampled_from(sorted(self.late)))
            attempt = self.late[name].claim.attempt
            self.on.now(lambda: self.counters.renew(name, attempt))
            if void:
                self.model.settle(self.late.pop(name), Actual(0, 0))
                self.on.now(lambda: self.counters.void(name, attempt))
                self.done.append(name)

    @rule(seconds=st.sampled_from([1, 2, 3, 10, 58, 61, 101, 3600, 18_000, 86_400, 400_000, 2_700_000]))
    def wait(self, seconds: int) -> None:
        self.clock.passed += seconds
        self.model.now += seconds
        self.model.level = max(Fraction(0), self.model.level - Fraction(self.limits["rpm"].amount * seconds, 60))
        for name, attempt in list(self.open.items()):
            if attempt.until <= self.clock.passed:
                self.expire(name, attempt)

    def expire(self, name: str, attempt: Attempt) -> None:
        charged = Actual(attempt.claim.amounts[TOKENS], attempt.claim.amounts[SPEND])
        self.model.settle(attempt, charged)
        attempt.charged = charged
        self.late[name] = self.open.pop(name)

    @rule(which=st.sampled_from(sorted(limit.id for limit in LIMITS)), percent=st.sampled_from([0, 50, 100, 200]))
    def edit(self, which: str, percent: int) -> None:
        first = next(limit for limit in LIMITS if limit.id == which)
        self.limits[which] = msgspec.structs.replace(first, amount=first.amount * percent // 100)

    @rule()
    def restart(self) -> None:
        """What ran is booked in full. The ledger knows what was used, and not what ran in the last minute."""
        running = list(self.open.items())
        for name, attempt in running:
            self.expire(name, attempt)
        unposted = [attempt for name, attempt in self.late.items()]
        self.late.clear()
        lasting = {limit.id for limit in LIMITS if limit.per not in ("minute", "moment")}
        self.model.entries = [entry for entry in self.model.entries if entry.limit in lasting]
        self.model.level = Fraction(0)
        past = [Past(self.on.charge(self.limits[e.limit]), START + e.at, e.amount) for e in self.model.entries]
        self.on.restart(past, [(attempt.claim, START + attempt.at, attempt.charged or Actual(0, 0)) for attempt in unposted])

    @invariant()
    def both_count_the_same(self) -> None:
        assert self.run(self.counters.open_reservations()) == len(self.open)
        for standing in self.run(self.counters.quota(self.charges())):
            limit = standing.charge.limit
            assert standing.used + standing.reserved == math.ceil(self.model.taken(limit)), limit.id
            if limit.id != "rpm" and (self.on.corrects_rates or limit.id != "tpm"):
                assert standing.reserved == self.model.reserved(limit), limit.id
            assert standing.used >= 0
            assert standing.reserved >= 0

    @invariant()
    def alerts_are_told_once(self) -> None:
        assert len(self.on.alerts) == len(set(self.on.alerts))

    def teardown(self) -> None:
        self.clock.passed += LEASE + 1
        self.model.now += LEASE + 1
        assert self.run(self.counters.open_reservations()) == 0
        assert (
            sum(standing.reserved for standing in self.run(self.counters.quota(self.charges())) if standing.charge.limit.id != "tpm") == 0
        )
        self.on.close()


class OnSqlite(LimitsMachine):
    kind = "sqlite"


class OnSqliteAndRedis(LimitsMachine):
    kind = "sqlite+redis"


class OnPostgres(LimitsMachine):
    kind = "postgres"


class OnPostgresAndRedis(LimitsMachine):
    kind = "postgres+redis"


def _settings(examples: int, steps: int, phases: Sequence[Phase] = tuple(Phase)) -> settings:
    return settings(
        max_examples=max(1, examples),
        stateful_step_count=steps,
        phases=phases,
        deadline=None,
        derandomize=True,
        suppress_health_check=(HealthCheck.too_slow,),
    )


@pytest.fixture(autouse=True, scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    """The stores that examples share; each example has an organisation of its own."""
    base = tmp_path_factory.getbasetemp()
    kinds = [machine.kind for machine in (OnSqlite, OnSqliteAndRedis, OnPostgres, OnPostgresAndRedis)]
    with backends.grounds(kinds, base if worker_id == "master" else base.parent, tmp_path_factory.mktemp("machine")):
        yield


TestLimits = LimitsMachine.TestCase
TestLimits.settings = _settings(EXAMPLES, 50)
TestLimitsOnSqlite = OnSqlite.TestCase
TestLimitsOnSqliteAndRedis = OnSqliteAndRedis.TestCase
TestLimitsOnPostgres = OnPostgres.TestCase
TestLimitsOnPostgresAndRedis = OnPostgresAndRedis.TestCase
for _case in (TestLimitsOnSqlite, TestLimitsOnSqliteAndRedis, TestLimitsOnPostgres, TestLimitsOnPostgresAndRedis):
    # A failure is told as it was found: to make it smaller takes thousands of examples, and so many commits do not end in bounded time.
    _case.settings = _settings(STORED_EXAMPLES, STORED_STEPS, (Phase.explicit, Phase.generate))

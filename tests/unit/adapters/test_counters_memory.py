import pytest
from tests.unit.policy.limits.values import charged

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.policy.limits.rules import Actual, Alert, Charge, Claim, Past, Refusal, Reservation, claim


class Clock:
    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def granted(counters: MemoryCounters, name: str, *charges: Charge, attempt: int = 1, tokens: int = 0, nano: int = 0) -> Reservation:
    found = await counters.reserve(claim(name, attempt, charges, tokens=tokens, nano=nano))
    assert isinstance(found, Reservation)
    return found


async def refused(counters: MemoryCounters, name: str, *charges: Charge, tokens: int = 0, nano: int = 0) -> Refusal:
    found = await counters.reserve(claim(name, 1, charges, tokens=tokens, nano=nano))
    assert isinstance(found, Refusal)
    return found


async def used(counters: MemoryCounters, *charges: Charge) -> list[tuple[int, int]]:
    return [(standing.used, standing.reserved) for standing in await counters.quota(charges)]


async def test_a_refused_claim_takes_nothing_and_names_the_limit_that_opens_last(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    minute, day, slots = charged(amount=2), charged("tokens", "day", 100), charged("concurrent", "moment", 5)
    await granted(counters, "a", minute, day, slots, tokens=60)
    found = await refused(counters, "b", slots, minute, day, tokens=50)
    assert found.charge is day
    assert found.wait == 86_400 - 1_000_000 % 86_400
    assert found.opens == clock.at + found.wait
    assert (found.used, found.reserved, found.wanted) == (0, 60, 50)
    assert found.requests is not None
    assert found.requests.left == 1
    assert await used(counters, minute, day, slots) == [(1, 0), (0, 60), (0, 1)]
    assert await counters.open_reservations() == 1


async def test_the_tightest_limit_of_each_kind_is_told(clock: Clock) -> None:
    wide, tight, watched = charged(amount=9), charged(id="tight", amount=3), charged(id="w", amount=1, mode="observe")
    found = await granted(MemoryCounters(clock), "a", wide, tight, watched, charged("tokens", amount=50), tokens=20)
    assert found.requests is not None
    assert found.tokens is not None
    assert (found.requests.charge, found.requests.left, found.requests.reset) == (tight, 2, 20.0)
    assert found.tokens.left == 30


async def test_observed_limits_and_soft_budgets_refuse_nothing_and_say_so(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    watched, soft = charged(amount=1, mode="observe"), charged("spend", "day", 10, hard=False)
    assert (await granted(counters, "a", watched, soft, nano=10)).observed == ()
    assert (await granted(counters, "b", watched, soft, nano=10)).observed == (watched, soft)
    assert await used(counters, watched, soft) == [(2, 0), (0, 20)]


async def test_a_later_attempt_is_no_new_request_but_at_its_model(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    key, model = charged(amount=9), charged(kind="model", id="m", amount=9)
    await granted(counters, "a", key, model)
    counters.settle("a", 1, Actual(0, 0))
    await granted(counters, "a", key, model, attempt=2)
    assert await used(counters, key, model) == [(1, 0), (2, 0)]


async def test_a_call_larger_than_its_limit_goes_alone_if_its_prompt_fits(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    tokens = charged("tokens", amount=100)
    large = claim("a", 1, (tokens,), tokens=5000, least_tokens=40)
    assert isinstance(await counters.reserve(large), Reservation)
    assert (await refused(counters, "b", tokens, tokens=1)).wait is not None
    assert isinstance(await counters.reserve(claim("c", 1, (tokens,), tokens=5000, least_tokens=101)), Refusal)


async def test_busy_budgets_are_told_from_used_up_ones(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    budget = charged("spend", "day", 100)
    await granted(counters, "a", budget, nano=90)
    assert (await refused(counters, "b", budget, nano=20)).busy
    counters.settle("a", 1, Actual(0, 90))
    found = await refused(counters, "c", budget, nano=20)
    assert not found.busy
    assert found.wait == 86_400 - 1_000_000 % 86_400


async def test_more_than_was_reserved_is_charged_in_full(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    budget = charged("spend", "day", 100)
    await granted(counters, "a", budget, nano=0)
    counters.settle("a", 1, Actual(0, 150))
    counters.settle("a", 1, Actual(0, 150))
    assert await used(counters, budget) == [(150, 0)]
    assert (await granted(counters, "b", budget)).observed == ()


async def test_thresholds_are_told_once_in_each_window(clock: Clock) -> None:
    alerts: list[Alert] = []
    counters = MemoryCounters(clock, on_alert=alerts.append)
    budget = charged("spend", "day", 100, alerts=(50, 80, 100))
    for number, nano in enumerate((49, 1, 35, 0, 20)):
        await granted(counters, f"r{number}", budget)
        counters.settle(f"r{number}", 1, Actual(0, nano))
    assert [(alert.percent, alert.used) for alert in alerts] == [(50, 50), (80, 85), (100, 105)]
    clock.at += 86_400
    await granted(counters, "next", budget)
    counters.settle("next", 1, Actual(0, 130))
    assert [alert.percent for alert in alerts[3:]] == [50, 80, 100]
    assert alerts[0].window != alerts[3].window
    assert alerts[0].charge is budget


async def test_what_nobody_settles_is_taken_as_used_and_corrected_when_it_comes(clock: Clock) -> None:
    expired: list[tuple[Claim, Actual]] = []
    counters = MemoryCounters(clock, lease=30, on_expired=lambda claim, actual: expired.append((claim, actual)))
    budget, slots = charged("spend", "month", 100), charged("concurrent", "moment", 2)
    for name in ("kept", "lost"):
        await granted(counters, name, budget, slots, nano=40)
    clock.at += 29
    counters.renew("kept", 1)
    clock.at += 2
    assert await counters.open_reservations() == 1
    assert await used(counters, budget, slots) == [(40, 40), (0, 1)]
    assert [(claim.request_id, actual.nano) for claim, actual in expired] == [("lost", 40)]
    counters.settle("lost", 1, Actual(0, 15))
    counters.settle("lost", 1, Actual(0, 15))
    assert await used(counters, budget, slots) == [(15, 40), (0, 1)]


async def test_a_void_gives_everything_back(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    charges = (charged(amount=5), charged("requests", "day"), charged("tokens"), charged("spend", "day"), charged("concurrent", "moment"))
    await granted(counters, "a", *charges, tokens=3, nano=3)
    counters.void("a", 1)
    counters.void("a", 1)
    assert await used(counters, *charges) == [(0, 0)] * 5


async def test_a_restart_begins_with_what_the_ledger_knows(clock: Clock) -> None:
    alerts: list[Alert] = []
    counters = MemoryCounters(clock, on_alert=alerts.append)
    day, total = charged("spend", "day", 100, alerts=(50,)), charged("spend", "total", 500)
    counters.seed([Past(day, clock.at - 10, 60), Past(day, clock.at - 86_400, 30), Past(total, clock.at - 9e5, 70)])
    assert await used(counters, day, total) == [(60, 0), (70, 0)]
    await granted(counters, "a", day)
    counters.settle("a", 1, Actual(0, 5))
    assert alerts == []


async def test_looking_makes_no_counters(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    end_user = charged(kind="end_user", subject="new")
    assert await used(counters, end_user, charged("concurrent", "moment")) == [(0, 0), (0, 0)]
    (standing,) = await counters.quota([end_user])
    assert standing.opens == clock.at


async def test_nothing_limited_is_always_granted(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    assert (await granted(counters, "a")).requests is None
    counters.settle("a", 1, Actual(5, 5))
    counters.settle("never", 1, Actual(5, 5))

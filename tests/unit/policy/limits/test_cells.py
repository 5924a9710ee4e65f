import pytest
from tests.unit.policy.limits.values import limit

from tidegate.policy.limits.cells import PERIODS, Bucket, Calendar, Sliding, Slots, new_cell

SECOND = 1_000_000


def test_a_bucket_gives_back_evenly() -> None:
    cell, rule = Bucket(PERIODS["minute"]), limit(amount=3)
    assert [cell.take(rule, 1, 0, 0, force=False) for _ in range(4)] == [2, 1, 0, -1]
    assert cell.wait(rule, 1, 0, 0) == 20
    assert cell.take(rule, 1, 20 * SECOND - 1, 0, force=False) == -1
    assert cell.take(rule, 1, 20 * SECOND, 0, force=False) == 0
    assert cell.reset(rule, 20 * SECOND, 0) == 60
    assert cell.idle(rule, 80 * SECOND, 0)
    assert cell.take(rule, 1, 500 * SECOND, 0, force=False) == 2


def test_a_bucket_of_nothing_lets_nothing_through() -> None:
    cell, rule = Bucket(PERIODS["minute"]), limit(amount=0)
    assert cell.take(rule, 1, 10**12, 0, force=False) == -1
    assert cell.wait(rule, 1, 10**12, 0) is None


def test_an_edited_bucket_keeps_what_was_taken() -> None:
    cell = Bucket(PERIODS["minute"])
    cell.take(limit(amount=10), 8, 0, 0, force=False)
    assert cell.left(limit(amount=5), 0, 0) == -3
    assert cell.left(limit(amount=20), 0, 0) == 12


@pytest.mark.parametrize("phase", range(0, 3_000_000, 700_000))
def test_no_minute_admits_more_than_the_limit_and_hardly_less(phase: int) -> None:
    """T-LG-7 in small: three times the limit for five minutes."""
    cell, rule = Sliding(PERIODS["minute"]), limit("tokens", amount=1000)
    admitted: list[int] = []
    for step in range(1500):
        now = phase + step * 200_000
        if cell.take(rule, 10, now, 0, force=False) >= 0:
            cell.settle(cell.row, rule, 10, 10, now)
            admitted.append(now)
    for first in admitted:
        assert sum(10 for now in admitted if first <= now < first + 60 * SECOND) <= 1000
    assert len(admitted) * 10 >= 0.9 * 1000 * 5


def test_a_sliding_minute_gives_back_what_was_not_needed_and_keeps_debts() -> None:
    cell, rule = Sliding(PERIODS["minute"]), limit("tokens", amount=100)
    assert cell.take(rule, 80, 0, 0, force=False) == 20
    first = cell.row
    assert cell.used(rule, 0, 0) == (0, 80)
    cell.settle(first, rule, 80, 10, SECOND)
    assert cell.used(rule, SECOND, 0) == (10, 0)
    cell.take(rule, 90, 2 * SECOND, 0, force=False)
    cell.settle(cell.row, rule, 90, 250, 3 * SECOND)
    assert cell.left(rule, 3 * SECOND, 0) == -160
    assert cell.wait(rule, 1, 3 * SECOND, 0) == 60
    assert cell.wait(rule, 101, 3 * SECOND, 0) is None


def test_a_late_refund_does_not_reach_a_later_minute_but_a_debt_does() -> None:
    cell, rule = Sliding(PERIODS["minute"]), limit("tokens", amount=100)
    cell.take(rule, 50, 0, 0, force=False)
    first = cell.row
    cell.take(rule, 30, 100 * SECOND, 0, force=False)
    cell.settle(first, rule, 25, 0, 101 * SECOND)
    assert cell.left(rule, 101 * SECOND, 0) == 70
    cell.settle(first, rule, 25, 35, 101 * SECOND)
    assert cell.left(rule, 101 * SECOND, 0) == 60


def test_a_call_is_booked_in_the_window_in_which_it_began() -> None:
    cell, rule = Calendar("day"), limit("spend", "day", 100)
    cell.take(rule, 60, 0, 86_399, force=False)
    old = cell.row
    assert cell.take(rule, 100, 0, 86_400, force=False) == 0
    cell.settle(old, rule, 60, 70, 0)
    assert (old.index, old.used, old.reserved) == (0, 70, 0)
    assert cell.used(rule, 0, 86_401) == (0, 100)


@pytest.mark.parametrize("per", ["day", "total"])
def test_waiting_for_a_window(per: str) -> None:
    cell, rule = new_cell(limit("spend", per, 100)), limit("spend", per, 100)
    cell.take(rule, 100, 0, 86_300, force=False)
    assert cell.wait(rule, 1, 0, 86_300) == (100 if per == "day" else None)
    assert cell.wait(rule, 101, 0, 86_300) is None
    assert cell.wait(rule, 0, 0, 86_300) == 0


def test_slots_are_freed_by_settling() -> None:
    cell, rule = Slots(), limit("concurrent", "moment", 1)
    assert cell.take(rule, 1, 0, 0, force=False) == 0
    assert cell.take(rule, 1, 0, 0, force=False) == -1
    assert cell.wait(rule, 1, 0, 0) == 1
    cell.settle(cell.row, rule, 1, 0, 0)
    assert cell.take(rule, 1, 0, 0, force=False) == 0


@pytest.mark.parametrize(("what", "per"), [("requests", "minute"), ("tokens", "hour"), ("requests", "day"), ("spend", "month")])
def test_a_fork_begins_with_what_was_used(what: str, per: str) -> None:
    rule = limit(what, per, 10)
    cell = new_cell(rule)
    cell.take(rule, 7, 0, 0, force=False)
    fork = cell.fork()
    assert fork.left(rule, 0, 0) == 3
    fork.take(rule, 3, 0, 0, force=False)
    assert cell.left(rule, 0, 0) == 3


def test_there_is_no_minute_of_money() -> None:
    with pytest.raises(ValueError, match="no calendar minutes"):
        new_cell(limit("spend", "minute"))


@pytest.mark.parametrize(("what", "per"), [("requests", "minute"), ("tokens", "hour"), ("requests", "day"), ("spend", "month")])
def test_seeds_count_while_their_window_lasts(what: str, per: str) -> None:
    rule = limit(what, per, 100)
    now = 1_000_000
    for ago, counts in ((0, True), (1, True), (3_000_000, False)):
        cell = new_cell(rule)
        cell.seed(rule, 40, now - ago, 10**13, now)
        assert (cell.left(rule, 10**13, now) < 100) == counts

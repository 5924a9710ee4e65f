"""A slice is forgotten once the store knows all that was used of it, and never before."""

from tidegate.policy.limits.leased import Figures, Leased, Slice
from tidegate.policy.limits.rules import Limit

LIMIT = Limit(id="usd", kind="team", what="spend", per="day", amount=100)
SECOND = 1_000_000
LATER = 200 * SECOND


def used_up() -> Leased:
    """Everything that was granted is used, and the ledger does not have it yet."""
    cell = Leased("day", [])
    row = cell.slice(LIMIT, 0)
    row.learn(Figures(used=0, held=10, granted=10, posted=0))
    assert cell.take(LIMIT, 10, SECOND, 0, force=False) == 90
    cell.settle(row, LIMIT, 10, 10, SECOND)
    return cell


def test_what_the_store_does_not_know_yet_is_not_forgotten() -> None:
    cell = used_up()
    assert not cell.idle(LIMIT, LATER, 0)
    cell.row.post(10)
    assert cell.idle(LIMIT, LATER, 0)
    assert not cell.idle(LIMIT, 2 * SECOND, 0)


def test_one_that_comes_again_has_used_what_was_posted() -> None:
    row = Slice(0, 86_400)
    row.learn(Figures(used=30, held=5, granted=15, posted=10))
    assert (row.used, row.free, row.others, row.elsewhere) == (10, 5, 20, 0)


def test_what_may_have_been_granted_outlives_its_window() -> None:
    cell = used_up()
    cell.row.owes = True
    cell.row.granted = 0
    old = cell.row
    assert cell.slice(LIMIT, 86_400) is not old
    assert cell.past == [old]
    assert not cell.idle(LIMIT, LATER, 86_400)


def test_a_grant_ends_with_its_window() -> None:
    cell = Leased("day", [])
    cell.slice(LIMIT, 0).learn(Figures(used=0, held=50, granted=50, posted=0))
    assert cell.take(LIMIT, 1, SECOND, 86_400, force=False) < 0
    assert cell.row.granted == 0

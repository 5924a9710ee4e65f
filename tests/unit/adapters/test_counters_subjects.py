import random

import pytest
from tests.unit.adapters.test_counters_memory import Clock
from tests.unit.policy.limits.values import charged

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.counters_subjects import Subjects
from tidegate.policy.limits.cells import Cell, Slots
from tidegate.policy.limits.rules import Actual, Charge, Refusal, claim


def user(name: str, what: str = "requests", per: str = "day", amount: int = 3, **more: object) -> Charge:
    return charged(what, per, amount, subject=name, kind="end_user", **more)


def busy(subjects: Subjects, name: str) -> Cell:
    cell = subjects.cell(user(name), 0, 0)
    cell.take(user(name).limit, 1, 0, 0, force=False)
    return cell


def test_only_so_many_are_told_apart_and_the_rest_share() -> None:
    subjects = Subjects(2)
    first, second, third = (busy(subjects, name) for name in "abc")
    assert third not in (first, second)
    assert subjects.cell(user("d"), 0, 0) is third
    assert subjects.cell(user("a"), 0, 0) is first
    assert subjects.seen(user("e")) is third
    assert subjects.cell(user("x", amount=9, id="another"), 0, 0) is not third


def test_a_named_end_user_is_no_open_subject() -> None:
    subjects = Subjects(1)
    named = [charged(kind="end_user", subject="s", id=f"l{number}") for number in range(3)]
    cells = [subjects.cell(user("u"), 0, 0)] + [subjects.cell(charge, 0, 0) for charge in named]
    assert len(set(map(id, cells))) == 4


def test_who_does_nothing_makes_room() -> None:
    subjects = Subjects(2)
    for name in "abcdefgh":
        subjects.cell(user(name), 0, 0)
    assert len(subjects) <= 2


def test_a_counter_that_a_call_holds_is_not_forgotten() -> None:
    subjects = Subjects(1)
    held = subjects.cell(user("a"), 0, 0)
    held.held += 1
    assert subjects.cell(user("b"), 0, 0) is not held
    assert subjects.cell(user("a"), 0, 0) is held


def test_counters_of_keys_that_are_gone_are_forgotten() -> None:
    subjects = Subjects(10)
    for number in range(1000):
        cell = subjects.cell(charged(subject=f"key{number}"), number * 10**9, 0)
        cell.take(charged().limit, 1, number * 10**9, 0, force=False)
    assert len(subjects) < 20


def test_whoever_leaves_the_crowd_begins_with_what_it_used() -> None:
    subjects = Subjects(1)
    rule = user("a").limit
    first = subjects.cell(user("a", per="minute"), 0, 0)
    first.take(user("a", per="minute").limit, 1, 0, 0, force=False)
    crowd = subjects.cell(user("b", per="minute"), 0, 0)
    crowd.take(user("b", per="minute", amount=1).limit, 3, 0, 0, force=True)
    later = 25_000_000
    assert first.idle(user("a", per="minute").limit, later, 0)
    own = subjects.cell(user("b", per="minute"), later, 0)
    assert own is not crowd
    assert own.left(user("b", per="minute").limit, later, 0) == crowd.left(user("b", per="minute").limit, later, 0) < rule.amount


def test_calls_that_run_keep_a_crowd_together() -> None:
    subjects = Subjects(1)
    first = subjects.cell(user("a", "concurrent", "moment"), 0, 0)
    first.take(user("a", "concurrent", "moment").limit, 1, 0, 0, force=False)
    crowd = subjects.cell(user("b", "concurrent", "moment"), 0, 0)
    crowd.take(user("b", "concurrent", "moment").limit, 1, 0, 0, force=False)
    assert isinstance(crowd, Slots)
    first.settle(first.row, user("a", "concurrent", "moment").limit, 1, 0, 0)
    assert subjects.cell(user("b", "concurrent", "moment"), 0, 0) is crowd


@pytest.mark.parametrize("seed", range(20))
async def test_inventing_names_never_gives_more_than_a_counter_of_ones_own(seed: int) -> None:
    """Whatever comes in between, no end user gets more requests in a day than its limit."""
    dice = random.Random(seed)
    clock = Clock()
    counters = MemoryCounters(clock, subjects=3)
    admitted: dict[tuple[str, int], int] = {}
    for number in range(600):
        clock.at += dice.choice([0, 60, 3600])
        name = f"u{dice.randrange(8)}"
        answer = await counters.reserve(claim(f"r{number}", 1, (user(name),)))
        if not isinstance(answer, Refusal):
            day = (name, int(clock.at // 86_400))
            admitted[day] = admitted.get(day, 0) + 1
            counters.settle(f"r{number}", 1, Actual(0, 0))
    assert max(admitted.values()) == 3
    assert len(admitted) > 20

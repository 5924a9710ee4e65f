"""Slots: so many and no more, the next in the queue before who has just come, and a number that is found."""

from tidegate.policy.overload.queue import Priority, Ticket
from tidegate.policy.overload.slots import FEWEST, STARTS_AT, Concurrency, Slots


def slots(most: int, *, adapts: bool = False) -> Slots[Ticket]:
    made = Slots[Ticket](Concurrency(most, adapts))
    made.queue.most = 10
    return made


def ticket() -> Ticket:
    return Ticket("a", "k", Priority.INTERACTIVE, 0.0)


def test_so_many_and_no_more() -> None:
    made = slots(2)
    assert [made.take() for _ in range(3)] == [True, True, False]
    made.give_back()
    assert made.take()


def test_a_slot_goes_to_who_waits_before_who_has_just_come() -> None:
    made = slots(1)
    assert made.take()
    first = ticket()
    made.queue.join(first)
    assert made.next() is None
    made.give_back()
    assert not made.take()
    assert made.next() is first
    assert made.taken == 1
    assert made.next() is None


def test_a_number_of_the_operator_is_no_matter_of_finding() -> None:
    made = slots(8)
    for now in range(20):
        made.overloaded(float(now))
    assert made.limit == 8


def fill(made: Slots[Ticket]) -> None:
    while made.take():
        pass


def test_overload_at_the_target_leaves_it_fewer_and_good_answers_more() -> None:
    made = slots(1000, adapts=True)
    assert made.limit == STARTS_AT
    fill(made)
    for now in range(3):
        made.overloaded(float(now))
    fewer = made.limit
    assert FEWEST < fewer < 0.6 * STARTS_AT
    made.taken = 0
    for now in range(3, 40):
        fill(made)
        made.answered(float(now), 0.2)
        made.taken = 0
    assert made.limit > STARTS_AT


def test_a_target_that_has_become_slow_is_given_fewer_but_some() -> None:
    made = slots(1000, adapts=True)
    fill(made)
    for now in range(5):
        made.answered(float(now), 0.2)
    before = made.limit
    for now in range(5, 100):
        made.answered(float(now), 2.0)
    assert FEWEST <= made.limit < before / 2


def test_it_does_not_grow_where_nobody_needs_more() -> None:
    made = slots(1000, adapts=True)
    assert made.take()
    for now in range(50):
        made.answered(float(now), 0.2)
    assert made.limit == STARTS_AT


def test_times_of_whole_answers_say_nothing() -> None:
    made = slots(1000, adapts=True)
    fill(made)
    for now in range(50):
        made.answered(float(now), None)
    assert made.limit >= STARTS_AT

"""The fair queue as stories, and under any order of events against a plain account of who waits."""

from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.overload.queue import FairQueue, Priority, Ticket

Queue: TypeAlias = FairQueue[Ticket]


def ticket(org: str = "a", key: str = "k", priority: Priority = Priority.INTERACTIVE) -> Ticket:
    return Ticket(org, key, priority, 0.0)


def order(queue: Queue) -> list[str]:
    found: list[str] = []
    while (one := queue.next()) is not None:
        found.append(one.org + one.key)
    return found


def test_organisations_take_turns_and_so_do_the_keys_of_each() -> None:
    queue = Queue(100)
    for org, key in ("a1", "a1", "a1", "a2", "a2", "b1", "c1"):
        assert queue.join(ticket(org, key)) is None
    assert order(queue) == ["a1", "b1", "c1", "a2", "a1", "a2", "a1"]
    assert len(queue) == 0


def test_the_more_important_go_first_and_the_less_important_may_be_left_out() -> None:
    queue = Queue(100)
    for priority in (Priority.BATCH, Priority.INTERACTIVE, Priority.BACKGROUND):
        queue.join(ticket(priority.name, priority=priority))
    assert [one.org for one in iter(lambda: queue.next(Priority.BACKGROUND), None)] == ["INTERACTIVE", "BACKGROUND"]
    assert len(queue) == 1


def test_a_position_is_the_number_of_turns_until_its_own() -> None:
    queue = Queue(100)
    for _ in range(20):
        queue.join(ticket("noisy"))
    for org in "bc":
        queue.join(ticket(org))
    late = ticket("d")
    queue.join(late)
    assert late.position == 4
    order = [queue.next() for _ in range(4)]
    assert order[-1] is late


def test_where_it_is_full_the_newest_of_who_asks_for_most_has_to_go() -> None:
    queue = Queue(3)
    crowd = [ticket("a") for _ in range(3)]
    for one in crowd:
        assert queue.join(one) is None
    more = ticket("a")
    assert queue.join(more) is more
    assert not queue.has_room("a", Priority.INTERACTIVE)
    assert queue.has_room("b", Priority.INTERACTIVE)
    assert queue.join(ticket("b")) is crowd[-1]
    # Both have as much as the other, give or take one: nobody gives way.
    assert not queue.has_room("b", Priority.INTERACTIVE)
    late = ticket("b")
    assert queue.join(late) is late


def test_where_it_is_full_the_less_important_have_to_go() -> None:
    queue = Queue(1)
    batch = ticket("a", priority=Priority.BATCH)
    queue.join(batch)
    assert queue.join(ticket("a")) is batch
    again = ticket("b", priority=Priority.BATCH)
    assert queue.join(again) is again


def test_one_that_could_not_go_is_the_next_again() -> None:
    queue = Queue(10)
    for key in ("1", "1", "2"):
        queue.join(ticket("a", key))
    first = queue.next()
    assert first is not None
    queue.back(first)
    assert queue.next() is first
    assert queue.leave(first) is False


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(Priority), st.sampled_from("jnlb"))))
def test_nobody_is_lost_or_served_twice(events: list[tuple[str, str, Priority, str]]) -> None:
    queue = Queue(5)
    waiting: list[Ticket] = []
    for org, key, priority, what in events:
        if what == "j":
            new = ticket(org, key, priority)
            waiting.append(new)
            displaced = queue.join(new)
            if displaced is not None:
                waiting.remove(displaced)
        elif what == "n":
            one = queue.next(priority)
            expected = min((w.priority for w in waiting), default=None)
            assert (one is None) == (expected is None or expected > priority)
            if one is not None:
                assert one.priority == expected
                waiting.remove(one)
        elif what == "b":
            one = queue.next()
            if one is not None:
                queue.back(one)
                assert queue.next() is one
                queue.back(one)
        elif waiting:
            assert queue.leave(waiting.pop(0))
        assert len(queue) == len(waiting) <= 5
        for name in "abc":
            assert queue.waiting(name) == sum(w.org == name for w in waiting)
    assert len(order(queue)) == len(waiting)

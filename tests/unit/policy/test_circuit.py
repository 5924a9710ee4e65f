"""A circuit as a story, and under any order of events: one probe at a time, and no call before its time."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.circuit import COOL, FAILURES, FIRST_WAIT, LONGEST_WAIT, SPREAD, Circuit


def opened(at: float = 100.0) -> Circuit:
    circuit = Circuit()
    for _ in range(FAILURES):
        assert circuit.state(at) == "closed"
        assert circuit.allows(at)
        circuit.failed(at, at, 0.0)
    return circuit


def test_it_opens_after_failures_in_a_row() -> None:
    circuit = Circuit()
    for _ in range(10):
        for _ in range(FAILURES - 1):
            circuit.failed(1.0, 1.0, 0.0)
        circuit.succeeded(1.0)
    assert circuit.state(1.0) == "closed"
    assert opened().state(100.0) == "open"


def test_one_probe_is_let_through_and_decides() -> None:
    circuit = opened()
    assert not circuit.allows(100.0 + FIRST_WAIT - 0.1)
    now = 100.0 + FIRST_WAIT
    assert circuit.state(now) == "half_open"
    assert circuit.would_allow(now)
    assert circuit.allows(now)
    assert not circuit.would_allow(now)
    assert not circuit.allows(now)
    circuit.failed(now, now + 0.5, 0.0)
    assert not circuit.allows(now + 0.5 + 2 * FIRST_WAIT - 0.1)
    later = now + 0.5 + 2 * FIRST_WAIT
    assert circuit.allows(later)
    circuit.succeeded(later)
    assert (circuit.state(later), circuit.allows(later), circuit.allows(later)) == ("closed", True, True)


def test_a_probe_whose_client_left_leaves_its_place_to_another() -> None:
    circuit = opened()
    assert circuit.allows(102.0)
    circuit.left(102.0)
    assert circuit.allows(102.0)


def test_calls_from_before_it_opened_say_nothing() -> None:
    circuit = opened(100.0)
    circuit.succeeded(99.0)
    circuit.failed(99.0, 100.5, 0.0)
    assert circuit.state(100.5) == "open"
    assert circuit.allows(100.0 + FIRST_WAIT)


def test_waits_grow_up_to_a_bound() -> None:
    circuit, now = opened(0.5), 0.5
    for _ in range(20):
        now += circuit.rest(now)
        assert circuit.allows(now)
        circuit.failed(now, now, 0.999)
        assert circuit.rest(now) <= LONGEST_WAIT * (1 + SPREAD)
    assert circuit.rest(now) >= LONGEST_WAIT


def test_a_limit_cools_at_once_and_for_as_long_as_it_says() -> None:
    circuit = Circuit()
    circuit.limited(10.0, 7.0, 0.5)
    assert 7.0 <= circuit.rest(10.0) <= 7.0 * (1 + SPREAD)
    assert not circuit.allows(16.9)
    circuit.limited(10.0, None, 0.0)
    assert circuit.rest(10.0) >= 7.0
    other = Circuit()
    other.limited(10.0, None, 0.0)
    assert other.rest(10.0) == COOL
    free = Circuit()
    free.limited(10.0, 0.0, 0.0)
    assert free.allows(10.0)


@given(st.lists(st.tuples(st.sampled_from(["ask", "ok", "bad", "limited", "left"]), st.floats(0, 3), st.floats(0, 0.999)), max_size=60))
def test_there_is_never_a_second_probe_nor_one_too_early(events: list[tuple[str, float, float]]) -> None:
    circuit, now, running, floor = Circuit(), 1.0, [], 0.0
    for what, passed, draw in events:
        now += passed
        if what == "ask":
            was = circuit.state(now)
            if circuit.allows(now):
                assert now >= floor
                if was != "closed":
                    assert not any(probe for _, probe in running)
                running.append((now, was != "closed"))
            continue
        if not running:
            continue
        began, _ = running.pop()
        if what == "ok":
            circuit.succeeded(began)
        elif what == "bad":
            circuit.failed(began, now, draw)
        elif what == "limited":
            circuit.limited(now, 2.0, draw)
            running = [(at, False) for at, _ in running]
            floor = now + 2.0
        else:
            circuit.left(began)
        if circuit.state(now) == "closed":
            running = [(at, False) for at, _ in running]

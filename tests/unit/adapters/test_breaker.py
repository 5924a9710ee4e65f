"""When a server that does not answer is left alone, and when it is asked again."""

from tidegate.adapters.breaker import FAILURES, TIMEOUTS, Breaker


def opened() -> Breaker:
    breaker = Breaker()
    assert [breaker.failed(0) for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    return breaker


def test_three_failures_in_a_row_open_it() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0)
        breaker.failed(0)
        breaker.succeeded()
    assert not breaker.is_open
    assert opened().is_open


def test_timeouts_open_it_when_they_come_close_together() -> None:
    slow, rare = Breaker(), Breaker()
    assert [slow.failed(n / 100, timeout=True) for n in range(TIMEOUTS)][-1]
    assert not any(rare.failed(float(n), timeout=True) for n in range(100))


def test_one_try_at_a_time_and_longer_waits_after_each() -> None:
    breaker = opened()
    assert [breaker.allows(at) for at in (0.0, 0.9, 1.1, 1.2)] == [False, False, True, False]
    assert not breaker.failed(1.2)
    assert [breaker.allows(at) for at in (3.0, 3.3)] == [False, True]
    for _ in range(9):
        breaker.failed(3.3)
    assert [breaker.allows(at) for at in (6.0, 6.4)] == [False, True]


def test_it_tells_when_it_may_be_tried() -> None:
    assert Breaker().rest(5.0) == 0.0
    breaker = opened()
    assert [breaker.rest(at) for at in (0.25, 1.0, 2.0)] == [0.75, 0.0, 0.0]


def test_an_answer_closes_it() -> None:
    breaker = opened()
    assert breaker.succeeded()
    assert breaker.allows(0)
    assert not breaker.succeeded()

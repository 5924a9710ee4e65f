from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.pace import ENOUGH, SEEN, Hedge, Pace


def test_a_fixed_wait_is_known_at_once_and_one_of_its_own_once_enough_was_seen() -> None:
    assert Pace().began(Hedge(0.8)) == 0.8
    pace = Pace()
    for number in range(ENOUGH):
        assert pace.began(Hedge()) is None
        pace.took(number / 10)
    assert pace.began(Hedge()) == 1.9
    for _ in range(SEEN):
        pace.took(5.0)
    assert pace.began(Hedge()) == 5.0


@given(st.floats(0.01, 1.0), st.lists(st.booleans(), max_size=400))
def test_no_more_than_a_share_has_a_second_attempt(share: float, calls: list[bool]) -> None:
    pace, hedges = Pace(), 0
    for number, slow in enumerate(calls, 1):
        pace.began(Hedge(1.0, share))
        hedges += slow and pace.may_hedge()
        assert hedges <= share * number + 1 + 1e-6

from tidegate.policy.limits.rules import Limit
from tidegate.policy.limits.share import Share

MINUTE = 60_000_000
RPM = Limit(id="rpm", kind="key", what="requests", per="minute", amount=60)
RPH = Limit(id="rph", kind="key", what="requests", per="hour", amount=60)
CALLS = Limit(id="calls", kind="key", what="concurrent", per="moment", amount=60)


def test_whoever_is_alone_has_everything() -> None:
    share = Share()
    assert (share.of(RPM), share.meet(1, 5), share.of(RPM)) == (60, False, 60)


def test_who_comes_to_others_earns_its_share_over_the_period() -> None:
    share = Share()
    assert share.meet(2, 0)
    assert (share.of(RPM), share.of(RPH), share.of(CALLS)) == (1, 1, 30)
    assert share.meet(2, MINUTE // 2)
    assert (share.of(RPM), share.of(RPH)) == (15, 1)
    share.meet(2, MINUTE)
    assert (share.of(RPM), share.of(RPH)) == (30, 1)
    share.meet(2, 60 * MINUTE)
    assert (share.of(RPM), share.of(RPH)) == (30, 30)
    assert not share.meet(2, 61 * MINUTE)


def test_who_others_come_to_gives_at_once_and_gets_back_by_and_by() -> None:
    share = Share()
    share.meet(1, 0)
    share.meet(3, 10)
    assert (share.of(RPM), share.of(CALLS)) == (20, 20)
    share.meet(1, MINUTE)
    assert (share.of(RPM), share.of(CALLS)) == (20, 60)
    share.meet(1, MINUTE + MINUTE // 4)
    assert share.of(RPM) == 30
    share.meet(2, MINUTE + MINUTE // 4)
    assert share.of(RPM) == 30
    share.meet(1, 3 * MINUTE)
    share.meet(1, 4 * MINUTE)
    assert share.of(RPM) == 60


def test_a_limit_of_nothing_stays_one_and_a_small_one_admits_something() -> None:
    share = Share()
    share.meet(8, 0)
    assert [share.of(Limit(id="x", kind="key", what="requests", per="minute", amount=amount)) for amount in (0, 3)] == [0, 1]


def test_where_somebody_counts_for_all_a_share_is_had_at_once() -> None:
    share = Share(earns=False)
    share.meet(2, 0)
    assert (share.of(RPM), share.of(RPH)) == (30, 30)
    share.meet(1, MINUTE)
    assert share.of(RPM) == 60

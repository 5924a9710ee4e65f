from tidegate.app.roster import FIRST_PAUSE, LONGEST_PAUSE, SETTLED, Roster


def started(count: int = 2) -> Roster:
    """All of them run since the moment 0, with 101 and so on as their pids."""
    roster = Roster(count, 0)
    roster.began(1, 101, 0)
    roster.first_serves(0)
    for number in roster.due(0):
        roster.began(number, 100 + number, 0)
    return roster


def test_the_first_worker_is_started_alone_and_the_others_once_it_serves() -> None:
    roster = Roster(3, 5)
    assert roster.due(5) == [1]
    assert roster.is_new(1)
    roster.began(1, 101, 5)
    assert not roster.is_new(1)
    assert (roster.due(60), roster.next()) == ([], None)
    roster.first_serves(7)
    assert (roster.due(7), roster.next()) == ([2, 3], 7)


def test_a_worker_that_dies_is_started_again_after_a_pause_that_grows() -> None:
    roster = started()
    now, pauses = 1.0, list[float]()
    for pid in range(200, 208):
        roster.began(2, pid, now)
        assert roster.ended(pid, -9, now) == "again"
        due = roster.next()
        assert due is not None
        assert (roster.due(due - 0.01), roster.due(due)) == ([], [2])
        pauses.append(due - now)
        now = due
    assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    roster.began(2, 300, now)
    assert roster.ended(300, -9, now + SETTLED) == "again"
    assert roster.next() == now + SETTLED + FIRST_PAUSE


def test_one_that_cannot_start_ends_all_and_one_that_worked_before_is_tried_again() -> None:
    failed = started()
    assert failed.ended(102, 1, 1) == "hopeless"
    failed.stop()
    assert failed.pids == [101]
    assert failed.ended(101, 0, 2) == "ended"
    assert (failed.is_over, failed.code) == (True, 1)
    later = started()
    assert later.ended(102, 1, SETTLED) == "again"
    again = started()
    assert again.ended(102, -9, 1) == "again"
    again.began(2, 202, 2)
    assert again.ended(202, 1, 3) == "again"
    assert again.ended(101, 0, 3) == "again"


def test_a_stop_waits_for_all_of_them_and_starts_none() -> None:
    roster = started()
    roster.ended(102, -9, 1)
    roster.stop()
    assert (roster.due(100), roster.next(), roster.is_over) == ([], None, False)
    assert roster.ended(999, 0, 2) == "unknown"
    assert roster.ended(101, 0, 2) == "ended"
    assert (roster.is_over, roster.code) == (True, 0)
    killed = started()
    killed.stop()
    killed.ended(101, -9, 1)
    killed.ended(102, 0, 1)
    assert (killed.is_over, killed.code) == (True, 1)
    early = Roster(2, 0)
    early.began(1, 101, 0)
    early.stop()
    early.first_serves(1)
    assert early.due(1) == []

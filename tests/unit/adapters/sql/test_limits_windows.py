"""What can be granted of a window: never what others hold."""

from tidegate.adapters.sql.limits_windows import Window


def test_there_is_room_for_what_nobody_used_and_no_other_holds() -> None:
    window = Window(used=50, held=30, granted=25, posted=15)
    assert window.own == 10
    assert window.room(100, 20)
    assert not window.room(100, 21)
    window.grant(20)
    assert (window.held, window.own, window.granted) == (50, 30, 45)


def test_what_was_posted_beyond_a_grant_is_made_up_for_first() -> None:
    """A call that used more than it had reserved: what it lacks counts as used."""
    window = Window(used=50, held=0, granted=25, posted=35)
    assert window.room(100, 60)
    assert not window.room(100, 61)
    window.grant(12)
    assert (window.held, window.own) == (2, 2)

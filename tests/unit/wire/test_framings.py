import pytest

from tidegate.wire.frame import FrameTooLong
from tidegate.wire.framings import FRAMINGS


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_framer_gives_no_frame_for_nothing(name: str) -> None:
    framer = FRAMINGS[name].framer(100)
    assert framer.feed(b"") == []
    assert framer.end() == []


def test_server_sent_events_are_bounded_as_asked() -> None:
    framer = FRAMINGS["sse"].framer(8)
    with pytest.raises(FrameTooLong):
        framer.feed(b"data: longer than eight")

import pytest

from tidegate.wire.frame import Frame, FrameTooLong
from tidegate.wire.framings import FRAMINGS, Reframed


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_framer_gives_no_frame_for_nothing(name: str) -> None:
    framer = FRAMINGS[name].framer(100)
    assert framer.feed(b"") == []
    assert framer.end() == []


def test_server_sent_events_are_bounded_as_asked() -> None:
    framer = FRAMINGS["sse"].framer(8)
    with pytest.raises(FrameTooLong):
        framer.feed(b"data: longer than eight")


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_framing_reads_the_frames_that_it_writes(name: str) -> None:
    framing = FRAMINGS[name]
    body = framing.frame(b'{"type":"ping"}', "ping")
    framer = framing.framer(1000)
    assert framer.feed(body) + framer.end() == [Frame("ping", b'{"type":"ping"}', body)]


@pytest.mark.parametrize("to", FRAMINGS)
@pytest.mark.parametrize("name", FRAMINGS)
def test_frames_are_written_anew_in_another_framing(name: str, to: str) -> None:
    framing, other = FRAMINGS[name], FRAMINGS[to]
    framer = Reframed(framing.framer(1000), other)
    body = framing.frame(b'{"type":"ping"}', "ping") + framing.frame(b'{"type":"done"}', "done")
    raw = b"".join(found.raw for found in framer.feed(body) + framer.end())
    assert raw == other.frame(b'{"type":"ping"}', "ping") + other.frame(b'{"type":"done"}', "done")


def test_json_over_several_lines_stays_one_event() -> None:
    framer = Reframed(FRAMINGS["bedrock_invoke"].framer(1000), FRAMINGS["sse"])
    (found,) = framer.feed(FRAMINGS["bedrock_invoke"].frame(b'{"type":\n"ping"}', "ping"))
    assert found.raw == b'event: ping\ndata: {"type": "ping"}\n\n'


def test_comments_are_left_out() -> None:
    assert Reframed(FRAMINGS["sse"].framer(1000), FRAMINGS["sse"]).feed(b": note\n\n") == []

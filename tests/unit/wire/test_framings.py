import pytest

from tidegate.wire.frame import Frame, FrameTooLong
from tidegate.wire.framings import FRAMINGS, Framing, Reframed


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
    body = framing.first + framing.frame(b'{"type":"ping"}', "ping") + framing.last
    framer = framing.framer(1000)
    (found,) = [frame for frame in framer.feed(body) + framer.end() if frame.data is not None]
    assert found in (Frame("ping", b'{"type":"ping"}', body), Frame("", b'{"type":"ping"}', body.removesuffix(framing.last)))


@pytest.mark.parametrize("to", FRAMINGS)
@pytest.mark.parametrize("name", FRAMINGS)
def test_frames_are_written_anew_in_another_framing(name: str, to: str) -> None:
    framing, other = FRAMINGS[name], FRAMINGS[to]
    framer = Reframed(framing.framer(1000), other)
    body = _two(framing)
    raw = b"".join(found.raw for found in framer.feed(body) + framer.end())
    named = framing.first == b""
    assert raw == _two(other, named=named)


def _two(framing: Framing, *, named: bool = True) -> bytes:
    ping, done = framing.frame(b'{"type":"ping"}', "ping" if named else ""), framing.frame(b'{"type":"done"}', "done" if named else "")
    return framing.first + ping + framing.between + done + framing.last


def test_json_over_several_lines_stays_one_event() -> None:
    framer = Reframed(FRAMINGS["bedrock_invoke"].framer(1000), FRAMINGS["sse"])
    (found,) = framer.feed(FRAMINGS["bedrock_invoke"].frame(b'{"type":\n"ping"}', "ping"))
    assert found.raw == b'event: ping\ndata: {"type": "ping"}\n\n'


def test_comments_are_left_out() -> None:
    assert Reframed(FRAMINGS["sse"].framer(1000), FRAMINGS["sse"]).feed(b": note\n\n") == []

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.sse import Frame, FrameTooLong, SseParser, frame

pytestmark = pytest.mark.programme("T-ST-1", of="line ends of each kind, cut anywhere")


def parsed(*chunks: bytes) -> list[Frame]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.end()


def told(body: bytes) -> list[tuple[str, bytes | None]]:
    return [(event.event, event.data) for event in parsed(body)]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a\n\n", [("", b" a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"event: x\ndata: a\nid: 7\nretry: 1\n\n", [("x", b"a")]),
        (b"event:\xff\ndata\n\n", [("\ufffd", b"")]),
        (b": OPENROUTER PROCESSING\n\ndata: a\n\n", [("", None), ("", b"a")]),
        (b": note\ndata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"data: a\n\ndata: [DONE]", [("", b"a"), ("", b"[DONE]")]),
        (b"data: \xe2\x80\xa8x\n\n", [("", b"\xe2\x80\xa8x")]),
        (b"", []),
    ],
)
def test_events(body: bytes, events: list[tuple[str, bytes | None]]) -> None:
    assert told(body) == events


PIECES = st.sampled_from([b"data: a", b"data:", b"event: x", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"x"])


@given(st.lists(PIECES, max_size=20).map(b"".join), st.lists(st.integers(0, 60), max_size=6))
def test_any_split_gives_the_same_events_and_every_byte(body: bytes, cuts: list[int]) -> None:
    at = sorted({min(cut, len(body)) for cut in cuts})
    chunks = [body[start:end] for start, end in zip([0, *at], [*at, len(body)], strict=True)]
    whole = parsed(body)
    split = parsed(*chunks)
    assert b"".join(event.raw for event in split) == body
    assert [(event.event, event.data) for event in split if event.data is not None] == [
        (event.event, event.data) for event in whole if event.data is not None
    ]


def test_byte_by_byte() -> None:
    body = b"event: x\r\ndata: a\r\n\r\n: c\r\n\r\ndata: b\r\n\r\n"
    assert parsed(*[bytes([byte]) for byte in body]) == parsed(body)


def test_an_event_without_end_is_refused() -> None:
    parser = SseParser(limit=8)
    assert parser.feed(b"data: 1") == []
    with pytest.raises(FrameTooLong):
        parser.feed(b"23456789")


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_a_long_event_in_many_chunks(end: bytes) -> None:
    parser = SseParser()
    events = [event for chunk in [b"data: ", *[b"x" * 1000] * 1000, end, b"data: 2"] for event in parser.feed(chunk)]
    events += parser.end()
    assert [event.data for event in events] == [b"x" * 1_000_000, b"2"]


def test_frames_are_parsed_back() -> None:
    assert told(frame(b"a") + frame(b"b", "x")) == [("", b"a"), ("x", b"b")]

import itertools
import json
import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.eventstream import EXCEPTION, EventStreamParser, decode_headers, encode, frame
from tidegate.wire.frame import Frame, FrameError, FrameTooLong

FRAMES = [
    frame(b'{"role":"assistant"}', "messageStart"),
    frame(b'{"delta":{"text":"\xc3\xa4"},"p":"abcd"}', "contentBlockDelta"),
    frame(b"", "messageStop"),
    frame(b'{"message":"slow down"}', EXCEPTION + "throttlingException"),
]
BODY = b"".join(FRAMES)


def parsed(*chunks: bytes) -> list[Frame]:
    parser = EventStreamParser()
    return [found for chunk in chunks for found in parser.feed(chunk)] + parser.end()


def raw_frame(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def test_frames_are_read_with_their_events() -> None:
    assert [(found.event, found.data) for found in parsed(BODY)] == [
        ("messageStart", b'{"role":"assistant"}'),
        ("contentBlockDelta", b'{"delta":{"text":"\xc3\xa4"},"p":"abcd"}'),
        ("messageStop", None),
        ("exception:throttlingException", b'{"message":"slow down"}'),
    ]
    assert b"".join(found.raw for found in parsed(BODY)) == BODY


def test_an_error_without_a_model_is_told_by_its_headers() -> None:
    (found,) = parsed(encode({":message-type": "error", ":error-code": "InternalError", ":error-message": "it broke"}, b""))
    assert (found.event, json.loads(found.data or b"")) == ("exception:InternalError", {"message": "it broke"})


def test_botocore_reads_what_we_write() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(BODY)
    messages = list(buffer)
    assert [message.payload for message in messages] == [found.data or b"" for found in parsed(BODY)]
    assert messages[0].headers == {":event-type": "messageStart", ":content-type": "application/json", ":message-type": "event"}
    assert messages[3].headers[":exception-type"] == "throttlingException"
    assert messages[3].to_response_dict()["status_code"] == 400


_VALUES = st.one_of(
    st.booleans().map(lambda value: (bytes((0 if value else 1,)), value)),
    st.integers(-(2**7), 2**7 - 1).map(lambda value: (b"\x02" + struct.pack(">b", value), value)),
    st.integers(-(2**15), 2**15 - 1).map(lambda value: (b"\x03" + struct.pack(">h", value), value)),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: (b"\x04" + struct.pack(">i", value), value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (b"\x05" + struct.pack(">q", value), value)),
    st.binary(max_size=40).map(lambda value: (b"\x06" + struct.pack(">H", len(value)) + value, value)),
    st.text(max_size=20).map(lambda value: (b"\x07" + struct.pack(">H", len(value.encode())) + value.encode(), value)),
    st.integers(0, 2**40).map(lambda value: (b"\x08" + struct.pack(">q", value), value)),
    st.binary(min_size=16, max_size=16).map(lambda value: (b"\x09" + value, value)),
)


@given(st.dictionaries(st.text("abc:-", min_size=1, max_size=12), _VALUES, max_size=6), st.binary(max_size=60))
def test_typed_headers_are_read_as_botocore_reads_them(headers: dict[str, tuple[bytes, object]], payload: bytes) -> None:
    coded = b"".join(bytes((len(name),)) + name.encode() + value for name, (value, _) in headers.items())
    assert decode_headers(coded) == {name: value for name, (_, value) in headers.items()}
    buffer = EventStreamBuffer()
    buffer.add_data(raw_frame(coded, payload))
    (message,) = list(buffer)
    assert message.headers == decode_headers(coded)
    assert [found.raw for found in parsed(raw_frame(coded, payload))] == [raw_frame(coded, payload)]


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
def test_any_split_gives_the_same_frames(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    assert parsed(*(BODY[start:end] for start, end in itertools.pairwise(edges))) == parsed(BODY)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255), st.integers(1, 200))
def test_a_damaged_byte_never_passes_and_what_came_before_it_is_given_whatever_the_split(at: int, change: int, size: int) -> None:
    body = bytearray(BODY)
    body[at] ^= change
    whole = 0
    for good in FRAMES:
        if whole + len(good) > at:
            break
        whole += len(good)
    found: list[Frame] = []
    parser = EventStreamParser()
    with pytest.raises(FrameError):
        for start in range(0, len(body), size):
            found += parser.feed(bytes(body[start : start + size]))
        found += parser.end()
    assert b"".join(one.raw for one in found) == BODY[:whole]


@pytest.mark.parametrize("cut", [1, 11, 12, 40, len(BODY) - 1])
def test_a_stream_that_ends_within_a_frame(cut: int) -> None:
    with pytest.raises(FrameError, match="ends within a frame"):
        parsed(BODY[:cut])


def test_a_frame_over_the_limit_is_refused_by_its_prelude() -> None:
    long = frame(b"x" * 200, "chunk")
    with pytest.raises(FrameTooLong):
        EventStreamParser(100).feed(long[:12])


@pytest.mark.parametrize(("total", "headers"), [(15, 0), (0, 0), (40, 25), (40, 2**32 - 1)])
def test_impossible_lengths(total: int, headers: int) -> None:
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(FrameError):
        EventStreamParser().feed(prelude + struct.pack(">I", zlib.crc32(prelude)))


@pytest.mark.parametrize("headers", [b"\x05ab", b"\x01a\x0a", b"\x01a\x07\x00\x09a", b"\x01\xff\x00", b"\x01a", b"\x01a\x05\x00"])
def test_headers_that_cannot_be_read(headers: bytes) -> None:
    with pytest.raises(FrameError):
        parsed(raw_frame(headers, b"{}"))


def test_a_long_frame_in_many_pieces_is_put_together_once() -> None:
    long = frame(b"x" * (1 << 20), "chunk")
    parser = EventStreamParser()
    found = [one for at in range(0, len(long), 100) for one in parser.feed(long[at : at + 100])]
    assert [one.raw for one in found] == [long]

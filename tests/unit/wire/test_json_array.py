import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.frame import FrameError, FrameTooLong
from tidegate.wire.json_array import JsonArrayParser

ELEMENTS = st.lists(
    st.dictionaries(st.text(max_size=6), st.text('a"\\{}[],\n', max_size=8) | st.lists(st.integers(), max_size=3), max_size=3)
)


@given(ELEMENTS, st.integers(1, 9), st.sampled_from([None, 1]))
def test_any_split_gives_the_elements_and_every_byte(elements: list[object], size: int, indent: int | None) -> None:
    body = json.dumps(elements, indent=indent).encode()
    parser = JsonArrayParser(1 << 20)
    frames = [frame for at in range(0, len(body), size) for frame in parser.feed(body[at : at + size])] + parser.end()
    assert [json.loads(frame.data) for frame in frames if frame.data is not None] == elements
    assert b"".join(frame.raw for frame in frames) == body


def test_a_single_object_stands_for_its_element() -> None:
    parser = JsonArrayParser(100)
    (frame,) = parser.feed(b' {"error": {"code": 400}} ')
    assert frame.data == b'{"error": {"code": 400}}'
    assert [end.data for end in parser.end()] == [None]


@pytest.mark.parametrize("body", [b'"text"', b"[[1]]", b"{}{}", b"[]{}", b"[{}]]", b"}"])
def test_what_is_no_array_of_objects(body: bytes) -> None:
    with pytest.raises(FrameError):
        parser = JsonArrayParser(100)
        parser.feed(body)
        parser.end()


@pytest.mark.parametrize("body", [b"[{", b'[{"a": "', b"null", b"12"])
def test_a_cut_within_an_element(body: bytes) -> None:
    parser = JsonArrayParser(100)
    assert parser.feed(body) == []
    with pytest.raises(FrameError):
        parser.end()


def test_an_array_that_is_not_closed_has_its_elements() -> None:
    parser = JsonArrayParser(100)
    assert [frame.data for frame in parser.feed(b'[{"a": 1},')] == [b'{"a": 1}']
    assert [frame.raw for frame in parser.end()] == [b","]


def test_an_element_is_bounded() -> None:
    with pytest.raises(FrameTooLong):
        JsonArrayParser(10).feed(b'[{"a": "longer than ten"')

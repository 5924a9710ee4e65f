"""Events to an answer and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ir import events as ev
from tidegate.ir.content import Block, Citation, Image, Native, Origin, Refusal, Text, Thinking, ToolUse, UrlSource
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.fold import Fold, fold, unfold
from tidegate.ir.response import Response, Stop
from tidegate.ir.usage import Usage

ORIGIN = Origin("d", "p", "m")
_TEXT = st.text(max_size=6)
_CITATIONS = st.lists(_TEXT.map(lambda url: Citation("d", {"a": 1}, url=url)), max_size=2)
_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.tuples(_TEXT, _CITATIONS).map(lambda drawn: Text(*drawn, extras={"x": 1})),
    _TEXT.map(Refusal),
    st.tuples(_TEXT, st.none() | _TEXT).map(lambda drawn: Thinking(*drawn, origin=ORIGIN)),
    _TEXT.map(lambda data: Thinking("", redacted=data, origin=ORIGIN)),
    st.tuples(_TEXT, _TEXT, _TEXT).map(lambda drawn: ToolUse(*drawn)),
    st.tuples(_TEXT, _TEXT, _TEXT).map(lambda drawn: ToolUse(*drawn, kind="custom")),
    st.just(Native("d", {"type": "x"})),
    st.just(Image(UrlSource("u"))),
)


@st.composite
def _answers(draw: st.DrawFn) -> Response:
    return Response(
        dialect="d",
        id=draw(_TEXT),
        model=draw(_TEXT),
        blocks=draw(st.lists(_BLOCKS, max_size=4)),
        stop=Stop(draw(st.sampled_from(["end", "length", "unknown"])), draw(st.none() | _TEXT)),
        usage=draw(st.none() | st.integers(0, 9).map(lambda count: Usage(input=count))),
        created=draw(st.none() | st.integers(0, 9)),
        service_tier=draw(st.none() | _TEXT),
    )


@given(_answers())
def test_what_is_unfolded_folds_to_itself(answer: Response) -> None:
    assert fold(unfold(answer), "d") == answer


@given(_answers())
def test_an_unfolded_answer_is_well_formed(answer: Response) -> None:
    events = list(unfold(answer))
    assert isinstance(events[0], ev.Started)
    assert isinstance(events[-1], ev.Finished)
    assert [event.index for event in events if isinstance(event, ev.BlockStart)] == list(range(len(answer.blocks)))
    assert [event.index for event in events if isinstance(event, ev.BlockStop)] == list(range(len(answer.blocks)))


def test_interleaved_blocks_come_in_their_order() -> None:
    events: list[ev.Event] = [
        ev.Started("i", "m"),
        ev.BlockStart(0, ToolUse("a", "f", "")),
        ev.BlockStart(1, ToolUse("b", "g", "")),
        ev.ArgsDelta(1, "{"),
        ev.ArgsDelta(0, "[]"),
        ev.ArgsDelta(1, "}"),
        ev.BlockStop(1),
        ev.BlockStop(0),
        ev.NativeEvent("d", {}),
        ev.Finished(Stop("tool_calls")),
    ]
    assert fold(events, "d").blocks == [ToolUse("a", "f", "[]"), ToolUse("b", "g", "{}")]


def test_a_signature_in_pieces() -> None:
    events: list[ev.Event] = [
        ev.BlockStart(0, Thinking("", origin=ORIGIN)),
        ev.ThinkingDelta(0, "t", "a"),
        ev.ThinkingDelta(0, "", "b"),
    ]
    assert fold(events, "d").blocks == [Thinking("t", "ab", origin=ORIGIN)]


def test_the_last_usage_holds_and_the_fold_can_be_asked_at_any_point() -> None:
    folding = Fold("d")
    assert folding.response() == Response(dialect="d", id="", model="", blocks=[], stop=Stop("unknown"))
    folding.add(ev.UsageReport(Usage(input=1)))
    folding.add(ev.UsageReport(Usage(input=2)))
    assert folding.usage == Usage(input=2)
    assert not folding.finished
    folding.add(ev.Finished(Stop("end")))
    assert folding.finished


def test_the_events_are_not_changed() -> None:
    start = ev.BlockStart(0, Text(""))
    fold([start, ev.TextDelta(0, "a"), ev.CitationDelta(0, Citation("d", {}))], "d")
    assert start.block == Text("")


def test_a_failure_is_raised() -> None:
    error = Error(kind=ErrorKind.OVERLOADED, message="m")
    with pytest.raises(GatewayError) as failed:
        fold([ev.Failed(error)], "d")
    assert failed.value.error is error


def test_a_delta_that_does_not_fit_its_block() -> None:
    with pytest.raises(TypeError):
        fold([ev.BlockStart(0, Text("")), ev.ArgsDelta(0, "{")], "d")

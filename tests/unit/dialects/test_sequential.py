from tidegate.dialects.sequential import Sequential
from tidegate.ir import events as ev
from tidegate.ir.content import Text, ToolUse
from tidegate.ir.response import Stop


def ordered(*events: ev.Event) -> list[ev.Event]:
    order = Sequential()
    return [ready for event in events for ready in order.feed(event)]


def test_blocks_that_follow_each_other_pass_at_once() -> None:
    events = [
        ev.Started("", "m"),
        ev.BlockStart(0, Text("")),
        ev.TextDelta(0, "a"),
        ev.BlockStop(0),
        ev.BlockStart(1, Text("")),
        ev.BlockStop(1),
    ]
    order = Sequential()
    assert [order.feed(event) for event in events] == [[event] for event in events]


def test_a_later_block_waits_for_the_stop_of_the_one_before() -> None:
    first, second, third = (ev.BlockStart(at, ToolUse(str(at), "f", "")) for at in range(3))
    found = ordered(
        first,
        second,
        ev.ArgsDelta(1, "x"),
        third,
        ev.ArgsDelta(0, "a"),
        ev.BlockStop(1),
        ev.ArgsDelta(2, "z"),
        ev.BlockStop(0),
        ev.ArgsDelta(2, "!"),
    )
    assert found == [
        first,
        ev.ArgsDelta(0, "a"),
        ev.BlockStop(0),
        second,
        ev.ArgsDelta(1, "x"),
        ev.BlockStop(1),
        third,
        ev.ArgsDelta(2, "z"),
        ev.ArgsDelta(2, "!"),
    ]


def test_an_end_closes_what_is_open_and_gives_what_waits() -> None:
    found = ordered(ev.BlockStart(0, Text("")), ev.BlockStart(1, Text("")), ev.TextDelta(1, "b"), ev.Finished(Stop("end")))
    assert found == [
        ev.BlockStart(0, Text("")),
        ev.BlockStop(0),
        ev.BlockStart(1, Text("")),
        ev.TextDelta(1, "b"),
        ev.BlockStop(1),
        ev.Finished(Stop("end")),
    ]

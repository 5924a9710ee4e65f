"""The commit point: which events a client must have seen before no other target may be tried."""

import pytest

from tidegate.ir import events as ev
from tidegate.ir.content import Audio, Citation, Image, Native, Text, Thinking, ToolUse, UrlSource
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage


@pytest.mark.parametrize(
    ("event", "committed"),
    [
        (ev.Started("i", "m"), False),
        (ev.BlockStart(0, Text("")), False),
        (ev.BlockStart(0, Thinking("")), False),
        (ev.BlockStart(0, Thinking("", redacted="d")), True),
        (ev.BlockStart(0, ToolUse("i", "n", "")), True),
        (ev.BlockStart(0, Native("d", {})), True),
        (ev.BlockStart(0, Audio("", "wav")), True),
        (ev.BlockStart(0, Image(UrlSource("u"))), True),
        (ev.TextDelta(0, ""), False),
        (ev.TextDelta(0, "a"), True),
        (ev.ArgsDelta(0, ""), False),
        (ev.ArgsDelta(0, "{"), True),
        (ev.ThinkingDelta(0, ""), False),
        (ev.ThinkingDelta(0, "t"), True),
        (ev.ThinkingDelta(0, "", "s"), True),
        (ev.CitationDelta(0, Citation("d", {})), False),
        (ev.BlockStop(0), False),
        (ev.UsageReport(Usage()), False),
        (ev.NativeEvent("d", {}), False),
        (ev.Finished(Stop("end")), True),
        (ev.Failed(Error(kind=ErrorKind.UPSTREAM, message="m")), False),
    ],
)
def test_what_commits(event: ev.Event, committed: bool) -> None:
    assert ev.commits(event) is committed

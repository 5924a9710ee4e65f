"""Blocks one after the other: the events of a stream whose blocks interleave, for encoders that write one block at a time.

While a block is open, the events of later ones are held back; they come out when it has stopped, in the order in which the blocks began.
"""

from collections import OrderedDict

from tidegate.ir import events as ev

_DELTAS = (ev.TextDelta, ev.ThinkingDelta, ev.ArgsDelta, ev.CitationDelta, ev.BlockStop)


class Sequential:
    """One stream."""

    __slots__ = ("_current", "_held")

    def __init__(self) -> None:
        self._current: int | None = None
        self._held: OrderedDict[int, list[ev.Event]] = OrderedDict()

    def feed(self, event: ev.Event) -> list[ev.Event]:
        """The events that may be written now."""
        if isinstance(event, _DELTAS):
            if event.index != self._current:
                self._held[event.index].append(event)
                return []
            return [event, *self._next()] if isinstance(event, ev.BlockStop) else [event]
        if isinstance(event, ev.BlockStart):
            if self._current is not None:
                self._held[event.index] = [event]
                return []
            self._current = event.index
            return [event]
        if isinstance(event, ev.Finished):
            return [*self._rest(), event]
        return [event]

    def _next(self) -> list[ev.Event]:
        """What was held back, up to the end of it or the first block that is still open."""
        self._current = None
        out: list[ev.Event] = []
        while self._held and self._current is None:
            index, events = self._held.popitem(last=False)
            out += events
            if not isinstance(events[-1], ev.BlockStop):
                self._current = index
        return out

    def _rest(self) -> list[ev.Event]:
        """Everything, with the stops that are missing."""
        out: list[ev.Event] = []
        while self._current is not None:
            out.append(ev.BlockStop(self._current))
            out += self._next()
        return out

"""A stream that is one JSON array, incrementally: what Google sends where `alt=sse` is not asked for. Each element is a frame.

Only the structure is looked at (strings, braces, brackets), so that every byte passes as it came. A single object in place of the array
stands for its one element: errors come so.
"""

import re

from tidegate.wire.frame import Frame, FrameError, FrameTooLong

FIRST, BETWEEN, LAST = b"[", b",\r\n", b"]"
"""What stands around the elements where we write them."""
_STRUCTURE = re.compile(rb'["\[\]{}]')
_IN_STRING = re.compile(rb'["\\]')
_BLANKS = b" \t\r\n"


class JsonArrayParser:
    """A `Framer`. `limit` caps one element, in bytes. Elements that are whole before what is broken are given out; that is raised by the
    call after."""

    __slots__ = ("_array", "_at", "_broken", "_buffer", "_depth", "_ended", "_limit", "_start", "_string")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._broken: FrameError | None = None
        self._buffer = b""
        self._at = 0
        """How far the buffer was looked at."""
        self._start = -1
        """Where the open element begins."""
        self._depth = 0
        self._string = False
        self._array = False
        self._ended = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Raises `FrameError` for what is no array of objects."""
        if self._broken is not None:
            raise self._broken
        frames: list[Frame] = []
        try:
            self._find(self._buffer + chunk, frames)
        except FrameError as broken:
            self._broken = broken
            if not frames:
                raise
        return frames

    def _find(self, buffer: bytes, frames: list[Frame]) -> None:
        self._buffer = buffer
        done = 0
        while (found := (_IN_STRING if self._string else _STRUCTURE).search(buffer, self._at)) is not None:
            mark, place = found[0], found.start()
            self._at = place + 1
            if self._string:
                if mark == b"\\":
                    if place + 1 == len(buffer):
                        self._at = place
                        break
                    self._at = place + 2
                else:
                    self._string = False
            elif self._start < 0:
                self._outside(mark, place)
            elif mark == b'"':
                self._string = True
            elif mark in b"[{":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    frames.append(Frame("", buffer[self._start : place + 1], buffer[done : place + 1]))
                    done, self._start = place + 1, -1
        else:
            self._at = len(buffer)
        self._keep(done)

    def _outside(self, mark: bytes, place: int) -> None:
        """Between the elements."""
        if self._ended:
            raise FrameError("there is more after the end of the array")
        if mark == b"{":
            self._start, self._depth = place, 1
            self._ended = not self._array
        elif mark == b"[" and not self._array:
            self._array = True
        elif mark == b"]" and self._array:
            self._ended = True
        else:
            raise FrameError("this is not an array of objects")

    def _keep(self, done: int) -> None:
        self._buffer = self._buffer[done:]
        self._at -= done
        if self._start >= 0:
            self._start -= done
        if len(self._buffer) > self._limit:
            raise FrameTooLong(f"one element is longer than {self._limit} bytes")

    def end(self) -> list[Frame]:
        """Raises `FrameError` within an element."""
        if self._broken is not None:
            raise self._broken
        rest, self._buffer = self._buffer, b""
        if self._start >= 0:
            raise FrameError("the array ends within an element")
        if not self._array and rest.strip(_BLANKS):
            raise FrameError("this is not an array of objects")
        return [Frame("", None, rest)] if rest else []


def frame(data: bytes, event: str = "") -> bytes:
    """One element."""
    del event
    return data

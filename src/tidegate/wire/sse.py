"""Server-sent events, incrementally and byte for byte.

The parser gives every event with its raw bytes, so that a stream can be read and passed through untouched at once. Any split of the
same bytes gives the same events. Rules: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
(LF, CRLF and CR line ends, one leading BOM, comments, several `data:` lines), and one that providers need: a last event without its
blank line counts when the stream ends.
"""

import re

from tidegate.wire.frame import Frame, FrameTooLong

_BOM = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n|\r\n\r|\n\r")
_LINE = re.compile(rb"\r\n|\n|\r")
# Numbers, because `in` takes bytes for a number first and makes an error of that, which costs more than the search (CPython 3.11).
_LF, _CR = b"\n\r"


LIMIT = 16 << 20
"""Bytes of one event: images and search results come in one piece."""


class SseParser:
    """A `Framer`; comments and blank lines between events are in `raw` of the event that follows, or stand as an event without data when
    they end on their own. Feed it chunks as they come; ask `end` for the rest once the stream is over. `limit` caps one event, in bytes."""

    __slots__ = ("_begun", "_buffer", "_later", "_later_size", "_limit", "_scanned")

    def __init__(self, limit: int = LIMIT) -> None:
        self._buffer = b""
        self._later: list[bytes] = []
        self._later_size = 0
        self._scanned = 0
        self._begun = False
        self._limit = limit

    def feed(self, chunk: bytes) -> list[Frame]:
        """The events that are complete with this chunk. Raises `FrameTooLong`."""
        # What most providers write at once is one event of one or two lines.
        if not self._buffer and self._begun:
            only = _plain(chunk)
            if only is not None:
                return [only]
        if self._buffer:
            if _LF not in chunk and _CR not in chunk and _CR not in self._buffer:
                return self._put_off(chunk)
            chunk = b"".join((self._buffer, *self._later, chunk))
            self._later.clear()
            self._later_size = 0
        buffer = chunk
        if _CR not in buffer:
            return self._feed_plain(buffer)
        events: list[Frame] = []
        at = 0
        search = self._scanned
        while True:
            found = _BLANK_LINE.search(buffer, search)
            if found is None:
                break
            end = found.end()
            # A CR at the end of what has arrived may be half of a CRLF: wait for the next byte.
            if end == len(buffer) and buffer[end - 1] == 0x0D:
                break
            if buffer[end - 1] == 0x0D and buffer[end] == 0x0A:
                end += 1
            events.append(self._event(buffer[at:end]))
            at = search = end
        self._keep(buffer[at:])
        return events

    def _feed_plain(self, buffer: bytes) -> list[Frame]:
        """As `feed`, where every line ends in LF."""
        events: list[Frame] = []
        at = 0
        search = self._scanned
        while (end := buffer.find(b"\n\n", search)) >= 0:
            end += 2
            events.append(self._event(buffer[at:end]))
            at = search = end
        self._keep(buffer[at:] if at else buffer)
        return events

    def _put_off(self, chunk: bytes) -> list[Frame]:
        """Within a line: a long event is put together once its line ends, and not anew with each chunk."""
        self._later.append(chunk)
        self._later_size += len(chunk)
        if len(self._buffer) + self._later_size > self._limit:
            raise FrameTooLong(f"one event is longer than {self._limit} bytes")
        return []

    def _keep(self, rest: bytes) -> None:
        self._buffer = rest
        if len(rest) > self._limit:
            raise FrameTooLong(f"one event is longer than {self._limit} bytes")
        self._scanned = len(rest) - 3 if len(rest) > 3 else 0

    def end(self) -> list[Frame]:
        """What stood after the last blank line, as an event of its own (without data if it has none)."""
        rest, self._buffer, self._scanned = b"".join((self._buffer, *self._later)), b"", 0
        self._later.clear()
        return [self._event(rest)] if rest else []

    def _event(self, raw: bytes) -> Frame:
        if not self._begun:
            self._begun = True
            if raw.startswith(_BOM):
                parsed = _parse(raw[3:])
                return Frame(parsed.event, parsed.data, raw)
        return _parse(raw)


def _plain(raw: bytes) -> Frame | None:
    """The one event that `raw` is, where it has one of the two shapes that nearly every provider sends."""
    if raw.endswith(b"\n\n") and _CR not in raw:
        if raw.startswith(b"event: "):
            name, found, data = raw[7:-2].partition(b"\ndata: ")
            if found and _LF not in name and _LF not in data:
                return Frame(name.decode("utf-8", "replace"), data, raw)
        elif raw.startswith(b"data: ") and _LF not in (data := raw[6:-2]):
            return Frame("", data, raw)
    return None


def _parse(raw: bytes) -> Frame:
    plain = _plain(raw)
    if plain is not None:
        return plain
    event = ""
    data_lines: list[bytes] = []
    for line in _LINE.split(raw):
        name, colon, value = line.partition(b":")
        if not name:
            continue
        if colon and value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            data_lines.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
    return Frame(event, b"\n".join(data_lines) if data_lines else None, raw)


def frame(data: bytes, event: str = "") -> bytes:
    """One event on the wire; `data` is one line."""
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"

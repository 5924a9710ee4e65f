"""What every framing of a stream has in common: frames with their raw bytes, found incrementally, whatever way the bytes are cut."""

from typing import Protocol

import msgspec


class Frame(msgspec.Struct, frozen=True, gc=False):
    """`raw` is everything from the end of the frame before to the end of this one. `data` is None where a frame carries nothing (comments,
    blank lines). `event` is the frame's own name for what it carries, empty where it gives none."""

    event: str
    data: bytes | None
    raw: bytes


class FrameError(ValueError):
    """The stream is not of its framing."""


class FrameTooLong(FrameError):
    """One frame is longer than the framer's limit."""


class Framer(Protocol):
    """Bytes as they come in, whole frames out. Any split of the same bytes gives the same frames."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete with this chunk. Raises `FrameError`."""
        ...

    def end(self) -> list[Frame]:
        """The stream is over: what is left of it. Raises `FrameError` where it ends within a frame that cannot stand as it is."""
        ...

"""The process's own clock and randomness."""

import os
import time

_DRAWN = 4096


class SystemClock:
    now = staticmethod(time.time)
    """Unix time in seconds."""
    monotonic = staticmethod(time.monotonic)
    """Seconds for intervals."""


class SystemRandom:
    """Draws from the operating system in pieces, because each draw is a system call."""

    def __init__(self) -> None:
        self._drawn = ""
        self._at = 0

    def request_id(self) -> str:
        """32 hexadecimal digits."""
        at = self._at
        if at >= len(self._drawn):
            self._drawn = os.urandom(_DRAWN).hex()
            at = 0
        self._at = at + 32
        return self._drawn[at : at + 32]

"""When a target is left alone, and when it is tried again: pure state of one credential and model, told the time and what was drawn.

Three failures in a row open it for a second, and each failed try after that for twice as long, up to half a minute. A 429 cools it for as
long as its provider asks. Once the time is over one call is let through, and the others follow when that one has succeeded.
"""

from typing import Literal

FAILURES = 3
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds."""
COOL = 1.0
"""Seconds that a 429 cools where its provider does not say."""
LONGEST_COOL = 3600.0
"""Seconds that a provider's word is believed at most."""
SPREAD = 0.2
"""Waits are longer by up to this share, so that several gateways do not come back at once. Never shorter: a provider's word is a floor."""

State = Literal["closed", "open", "half_open"]


class Circuit:
    """`until` is when it lets a call through again, 0 while it is closed."""

    __slots__ = ("_failures", "_opened", "_probing", "_wait", "until")

    def __init__(self) -> None:
        self._failures = 0
        self.until = 0.0
        self._opened = 0.0
        self._wait = FIRST_WAIT
        self._probing = False

    def state(self, now: float) -> State:
        if not self.until:
            return "closed"
        return "open" if now < self.until else "half_open"

    def rest(self, now: float) -> float:
        """Seconds until a call may be let through."""
        return max(0.0, self.until - now)

    def allows(self, now: float) -> bool:
        """Whether a call may go there now. Whoever is told yes says how it ended: `succeeded`, `failed`, `limited` or `left`."""
        if not self.until:
            return True
        if now < self.until or self._probing:
            return False
        self._probing = True
        return True

    def would_allow(self, now: float) -> bool:
        """The same, for those who only ask."""
        return not self.until or (now >= self.until and not self._probing)

    def succeeded(self, began: float) -> None:
        """A call that began at `began` was answered. One from before it opened says nothing of now."""
        if self.until and began < self._opened:
            return
        self._failures = 0
        self.until = 0.0
        self._wait = FIRST_WAIT
        self._probing = False

    def failed(self, began: float, now: float, draw: float) -> None:
        """A call that began at `began` failed. `draw` is from [0, 1)."""
        if self.until:
            if began < self._opened:
                return
            self._probing = False
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        else:
            self._failures += 1
            if self._failures < FAILURES:
                return
        self._opens(now, self._wait, draw)

    def limited(self, now: float, seconds: float | None, draw: float) -> None:
        """The provider takes no more calls for `seconds`, if it says so."""
        self._probing = False
        wait = COOL if seconds is None else min(seconds, LONGEST_COOL)
        if wait:
            self._opens(now, wait, draw)

    def left(self, began: float) -> None:
        """The call ended without telling anything of the target."""
        if began >= self._opened:
            self._probing = False

    def _opens(self, now: float, wait: float, draw: float) -> None:
        self.until = max(self.until, now + wait * (1 + SPREAD * draw))
        self._opened = now

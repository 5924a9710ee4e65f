"""When to stop asking a server that does not answer, and when to try again: pure state that is told the time, in seconds.

Three failures in a row open it, or twenty timeouts within a second. Open, it lets one try through after a second, and after each failed one
waits twice as long, up to three seconds: what comes back is used again within five.
"""

from collections import deque

FAILURES = 3
TIMEOUTS = 20
FIRST_WAIT = 1.0
LONGEST_WAIT = 3.0


class Breaker:
    """`is_open` is for people and metrics; callers ask `allows`."""

    def __init__(self) -> None:
        self._failures = 0
        self._timeouts: deque[float] = deque(maxlen=TIMEOUTS)
        self._wait = FIRST_WAIT
        self._opens_at = 0.0
        self.is_open = False

    def allows(self, now: float) -> bool:
        """Whether to ask now. While it is open, whoever is told yes is the only one until the wait is over again."""
        if not self.is_open:
            return True
        if now < self._opens_at:
            return False
        self._opens_at = now + self._wait
        return True

    def rest(self, now: float) -> float:
        """Seconds until it may be tried."""
        return max(0.0, self._opens_at - now) if self.is_open else 0.0

    def succeeded(self) -> bool:
        """The server answered. True where that closes it."""
        self._failures = 0
        was_open, self.is_open = self.is_open, False
        self._wait = FIRST_WAIT
        if was_open:
            self._timeouts.clear()
        return was_open

    def failed(self, now: float, *, timeout: bool = False) -> bool:
        """It did not. True where that opens it."""
        if self.is_open:
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            self._opens_at = now + self._wait
            return False
        if timeout:
            self._timeouts.append(now)
        else:
            self._failures += 1
        slow = len(self._timeouts) == TIMEOUTS and now - self._timeouts[0] <= 1
        if self._failures < FAILURES and not slow:
            return False
        self.is_open = True
        self._opens_at = now + self._wait
        return True

"""The process's own clock and randomness."""

import secrets
import time


class SystemClock:
    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds for intervals."""
        return time.monotonic()


class SystemRandom:
    def request_id(self) -> str:
        """32 hexadecimal digits."""
        return secrets.token_hex(16)

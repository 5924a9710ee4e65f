"""A clock that stands until it is set."""


class FixedClock:
    """`at` is Unix time in seconds, and the monotonic time as well."""

    def __init__(self, at: float = 1_780_315_200.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

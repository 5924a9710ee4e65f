"""Messages for the world outside: what may become of one, and who sends it. They wait in the outbox of the store."""

from collections.abc import Awaitable, Callable

from tidegate.records import Message, Tenant


class NotDelivered(Exception):
    """A message was not taken. `again` says whether it may be taken later, and `not_before` (Unix microseconds) from when on. Its text
    names no secret."""

    def __init__(self, message: str, *, again: bool, not_before: int = 0) -> None:
        super().__init__(message)
        self.again = again
        self.not_before = not_before


Handler = Callable[[Tenant, Message], Awaitable[None]]
"""Sends one message, which may have arrived before. Raises `NotDelivered`."""

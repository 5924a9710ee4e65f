"""The client's side of a stream: what is held back until it is sure that no other target takes over."""

from tidegate.proxy.attempt import Attempt
from tidegate.proxy.headers import RawHeaders

HELD_LIMIT = 64 << 10
"""Bytes that are held back at most."""


class Gate:
    """While another target could follow, nothing goes out before the first content; on the last target the first byte opens the gate."""

    def __init__(self, attempt: Attempt, content_type: bytes, headers: RawHeaders) -> None:
        self._attempt = attempt
        self._content_type = content_type
        self._headers = headers
        self._held = b""
        self.is_open = False

    async def give(self, data: bytes, *, go: bool) -> None:
        """Sends `data`, or holds it. `go` opens the gate."""
        attempt = self._attempt
        if not self.is_open:
            self._held += data
            if not go and not (attempt.last and self._held) and len(self._held) < HELD_LIMIT:
                return
            data, self._held = self._held, b""
            self.is_open = True
            attempt.first_byte()
            attempt.status = 200
            await attempt.reply.start_stream(self._content_type, [*attempt.headers(), *self._headers])
        if data:
            attempt.log(data)
            await attempt.reply.piece(data)

    async def close(self) -> None:
        """The stream is complete."""
        await self._attempt.reply.end_stream()

"""The client's side of a stream: what is held back until it is sure that no other target takes over."""

from tidegate.ports import RawHeaders
from tidegate.proxy.attempt import Attempt

HELD_LIMIT = 64 << 10
"""Bytes that are held back at most."""


class Gate:
    """While another target could follow, nothing goes out before the first content; on the last target the first byte opens the gate."""

    def __init__(self, attempt: Attempt, content_type: bytes, headers: RawHeaders) -> None:
        self._attempt = attempt
        self._content_type = content_type
        self._headers = headers
        self._held = b""
        self.send = self._logged if attempt.logs else attempt.reply.piece
        """Sends more once the gate is open. False where the client reads too slowly."""
        self.is_open = False
        self.is_running = False
        """Open, and content has been given."""

    def give(self, data: bytes, *, go: bool) -> bool:
        """Sends `data`, or holds it. `go` opens the gate. False where the client reads too slowly for more."""
        attempt = self._attempt
        if go and not self.is_running:
            attempt.first_content()
            self.is_running = True
        if not self.is_open:
            self._held += data
            if not go and not (attempt.last and self._held) and len(self._held) < HELD_LIMIT:
                return True
            if not attempt.claims():
                return False
            data, self._held = self._held, b""
            self.is_open = True
            attempt.first_byte()
            attempt.status = 200
            attempt.reply.start_stream(self._content_type, [*attempt.headers(), *self._headers])
        return not data or self.send(data)

    def _logged(self, data: bytes) -> bool:
        self._attempt.log(data)
        return self._attempt.reply.piece(data)

    def close(self) -> None:
        """The stream is complete."""
        self._attempt.reply.end_stream()

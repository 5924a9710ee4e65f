"""The answer to the client: once its head is sent, the call is committed to it."""

from collections.abc import Callable

from tidegate.ports import Client, RawHeaders

JSON = b"application/json"
_STREAM_HEADERS = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
"""Proxies are asked not to buffer a stream."""


class Reply:
    """Sends one answer. `status` is what the client got, 0 before the head is sent. A stream is `start_stream`, any number of `piece`, and
    `end_stream`; none of them waits."""

    __slots__ = ("_client", "_extra", "content_type", "piece", "status")

    def __init__(self, client: Client, extra: RawHeaders) -> None:
        self._client = client
        self.piece = client.piece
        """Sends a part of a stream. False where the client reads too slowly: wait for `drained` before the next."""
        self._extra = extra
        self.status = 0
        self.content_type = b""

    def through(self, wrap: Callable[[Client], Client]) -> None:
        """From now on the answer goes to what `wrap` makes of the client."""
        self._client = wrap(self._client)
        self.piece = self._client.piece

    async def whole(self, status: int, content_type: bytes, body: bytes, headers: RawHeaders) -> None:
        """An answer with a known length."""
        self.status = status
        self._client.whole(status, [(b"content-type", content_type), *headers, *self._extra], body)

    def start_stream(self, content_type: bytes, headers: RawHeaders) -> None:
        """The head of a streamed answer."""
        self.status = 200
        self.content_type = content_type
        self._client.begin(200, [(b"content-type", content_type), *_STREAM_HEADERS, *headers, *self._extra])

    def start_file(self, headers: RawHeaders, content_type: bytes = b"application/octet-stream") -> None:
        """The head of a file whose bytes follow in pieces."""
        self.status = 200
        self._client.begin(200, [(b"content-type", content_type), *headers, *self._extra])

    async def drained(self) -> None:
        """Until the client has read enough of what was sent."""
        await self._client.drained()

    def end_stream(self) -> None:
        """The stream is complete."""
        self._client.end()

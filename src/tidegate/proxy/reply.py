"""The answer to the client, as ASGI messages: once its head is sent, the call is committed to it."""

from collections.abc import Awaitable, Callable
from typing import Any

from tidegate.proxy.headers import RawHeaders

Send = Callable[[dict[str, Any]], Awaitable[None]]

JSON = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"


class Reply:
    """Sends one answer. `status` is what the client got, 0 before the head is sent."""

    __slots__ = ("_extra", "_send", "body_bytes", "status")

    def __init__(self, send: Send, extra: RawHeaders) -> None:
        self._send = send
        self._extra = extra
        self.status = 0
        self.body_bytes = 0

    async def whole(self, status: int, content_type: bytes, body: bytes, headers: RawHeaders) -> None:
        """An answer with a known length."""
        self.status = status
        self.body_bytes = len(body)
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", content_type),
                    (b"content-length", str(len(body)).encode()),
                    *headers,
                    *self._extra,
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def start_stream(self, content_type: bytes, headers: RawHeaders) -> None:
        """The head of a streamed answer. Proxies are asked not to buffer it."""
        self.status = 200
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", content_type),
                    (b"cache-control", b"no-cache"),
                    (b"x-accel-buffering", b"no"),
                    *headers,
                    *self._extra,
                ],
            }
        )

    async def piece(self, data: bytes) -> None:
        self.body_bytes += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end_stream(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

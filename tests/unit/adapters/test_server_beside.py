"""The second listener: it serves while its context lasts, and leaves the signals alone."""

import asyncio
import signal
from typing import Any

from tidegate.adapters.server_beside import serving_beside
from tidegate.adapters.server_http import listener


async def hello(scope: Any, _receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_it_serves_while_its_context_lasts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    sock = listener("127.0.0.1", 0)
    port = sock.getsockname()[1]
    async with serving_beside(hello, sock):
        answer = await asyncio.wait_for(get(port), 10)
        assert answer.endswith(b"\r\n\r\nhello")
        assert signal.getsignal(signal.SIGTERM) is before
    try:
        await get(port)
    except OSError:
        return
    raise AssertionError("it still listens")

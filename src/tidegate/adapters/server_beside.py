"""A second listener of the process, beside the one of `server_http`, which owns the signals. `app` ends it with its context."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator

from tidegate.adapters.server_asgi import AsgiApp, asgi
from tidegate.adapters.server_http import BACKLOG
from tidegate.adapters.server_hub import Hub, Times
from tidegate.adapters.server_protocol import Protocol

TIMES = Times(keep_alive=5.0)
"""Idle connections are kept shortly: the process does not wait long for people's tools when it ends."""
GRACE = 5
"""Seconds that open requests may take when it ends."""


@contextlib.asynccontextmanager
async def serving_beside(app: AsgiApp, sock: socket.socket) -> AsyncGenerator[None]:
    """Serves on the listening socket while the context lasts."""
    hub = Hub(asgi(app), TIMES)
    server = await hub.loop.create_server(lambda: Protocol(hub), sock=sock, backlog=BACKLOG)
    try:
        yield
    finally:
        server.close()
        hub.retire()
        await asyncio.wait((hub.quiet,), timeout=GRACE)
        if not hub.quiet.done():
            await hub.break_off()
        hub.cut()

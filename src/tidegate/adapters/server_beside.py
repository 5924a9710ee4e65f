"""A second listener of the process, beside the one of `server_uvicorn`, which owns the signals. `app` ends it with its context."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import uvicorn

KEEP_ALIVE = 5
"""Seconds that an idle connection is kept: the process does not wait long for people's tools when it ends."""
GRACE = 5
"""Seconds that open requests may take when it ends."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def serving_beside(app: Callable[..., Any], sock: socket.socket) -> AsyncGenerator[None]:
    """Serves on the listening socket while the context lasts."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await running

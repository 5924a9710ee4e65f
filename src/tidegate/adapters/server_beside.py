"""A second listener of the process, beside the one of `server_uvicorn`, which owns the signals. `app` ends it with its context."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate.adapters.server_head import flaw_of_head, flaw_of_scheme

KEEP_ALIVE = 5
"""Seconds that an idle connection is kept: the process does not wait long for people's tools when it ends."""
GRACE = 5
"""Seconds that open requests may take when it ends."""


class _Protocol(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        parser = cast("httptools.HttpRequestParser", self.parser)
        flaw = flaw_of_head(self.headers, dict(self.headers), parser.get_http_version())
        if not flaw and not self.url.startswith(b"/"):
            flaw = flaw_of_scheme(httptools.parse_url(self.url).schema)
        if flaw:
            raise ValueError(flaw.decode())  # httptools makes an error of its own of it, and uvicorn a 400
        super().on_headers_complete()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def serving_beside(app: Callable[..., Any], sock: socket.socket) -> AsyncGenerator[None]:
    """Serves on the listening socket while the context lasts."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
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

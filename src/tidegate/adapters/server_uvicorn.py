"""The HTTP server: uvicorn with our protocol, a listener that is ready-made, and signals that end it with exit code 0."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from tidegate.adapters.server_protocol import Protocol

KEEP_ALIVE = 75
"""Seconds that an idle client connection is kept."""
BACKLOG = 2048


def listener(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `OSError` where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


async def serve(app: Callable[..., Any], sock: socket.socket, started: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT; open calls may end (a second signal cuts them). `started` is called once it accepts."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        backlog=BACKLOG,
    )
    server = _Server(config, started)
    await server.serve(sockets=[sock])
    await server.cut()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """A signal ends the server; uvicorn's own version raises it once more afterwards, and the process would not exit with 0."""
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in HANDLED_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in HANDLED_SIGNALS:
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the server, any second one its calls."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    async def cut(self) -> None:
        """Cancels the calls that a forced end has left, and waits until they have told what they used."""
        calls = list(self.server_state.tasks)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

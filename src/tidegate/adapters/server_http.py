"""The HTTP server of the data port: a listener that is ready-made, connections of `server_protocol`, and signals that end it with exit
code 0."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator

from tidegate.adapters.server_hub import Handle, Hub, Times
from tidegate.adapters.server_protocol import Protocol

BACKLOG = 2048
TIMES = Times()
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


async def serve(handle: Handle, sock: socket.socket, started: Callable[[], None], times: Times = TIMES) -> None:
    """Serves until SIGTERM or SIGINT; open calls may end (a second signal cuts them). `started` is called once it accepts."""
    hub = Hub(handle, times)
    end, cut = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        """The first signal ends the server, any second one its calls."""
        (cut if end.is_set() else end).set()

    with _signals(on_signal):
        server = await hub.loop.create_server(lambda: Protocol(hub), sock=sock, backlog=BACKLOG)
        try:
            started()
            await end.wait()
            server.close()
            await hub.close(cut)
        finally:
            server.close()
            hub.cut()


@contextlib.contextmanager
def _signals(handler: Callable[[], None]) -> Generator[None]:
    """Signals belong to the main thread; elsewhere the server does without them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        # SIGTERM's stays for as long as the loop: a repeated one, while what is behind the server ends, must not kill the process.
        loop.remove_signal_handler(signal.SIGINT)

"""The HTTP server of the data port: a listener that is ready-made, connections of `server_protocol`, and signals that end it with exit
code 0."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator
from typing import Any

from tidegate.adapters.server_hub import Handle, Hub, Times
from tidegate.adapters.server_protocol import Protocol

BACKLOG = 2048
TIMES = Times()


def ending_signals() -> tuple[signal.Signals, ...]:
    """Those that end a server. SIGHUP, of a terminal that closes, is not among them where it is ignored, as under `nohup`."""
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *hangup)


def listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket. Connections go to one of all those that are `shared`. Raises `OSError` where the address is taken."""
    sock = _bound(host, port, shared=shared)
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def reservation(host: str, port: int) -> socket.socket:
    """A socket that keeps the address for those that are `shared`, and takes no connection. Raises `OSError` where the address is taken."""
    return _bound(host, port, shared=True)


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _nothing() -> None:
    """Nobody wants to know."""


class Signals:
    """Those that have come and were not asked for yet."""

    def __init__(self) -> None:
        self._come: asyncio.Queue[int] = asyncio.Queue()

    def put(self, number: int) -> None:
        self._come.put_nowait(number)

    async def first(self) -> int:
        """The number of the next one."""
        return await self._come.get()

    async def within(self, seconds: float, unless: "asyncio.Future[Any] | None" = None) -> bool:
        """Whether one comes within so many seconds, and before `unless` is done."""
        coming = asyncio.ensure_future(self._come.get())
        await asyncio.wait([coming] if unless is None else [coming, unless], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            return False
        return unless is None or not unless.done()


async def serve(
    handle: Handle,
    sock: socket.socket,
    started: Callable[[], None],
    times: Times = TIMES,
    *,
    ending: Callable[[], None] = _nothing,
    cutting: Callable[[], None] = _nothing,
) -> None:
    """Serves until a signal ends it. `started` is called once it accepts, `ending` at the first signal, and `cutting` before the calls
    that still run are cancelled: when `times.drain` is over, or `times.hurry` after a second signal."""
    hub, signals = Hub(handle, times), Signals()
    with _signals(signals.put):
        server = await hub.loop.create_server(lambda: Protocol(hub), sock=sock, backlog=BACKLOG)
        try:
            started()
            number = await signals.first()
            ending()
            # Whoever balances load has to see first that this one takes no more; nobody waits for that at a terminal.
            is_hurried = number == signal.SIGTERM and await signals.within(times.pre_stop)
            server.close()
            hub.retire()
            if is_hurried or await signals.within(times.drain, hub.quiet):
                await signals.within(times.hurry, hub.quiet)
            if not hub.quiet.done():
                cutting()
                await hub.break_off()
        finally:
            server.close()
            hub.cut()


@contextlib.contextmanager
def _signals(handler: Callable[[int], None]) -> Generator[None]:
    """Signals belong to the main thread; elsewhere the server does without them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, handler, number)
    try:
        yield
    finally:
        # SIGTERM's stays for as long as the loop: a repeated one, while what is behind the server ends, must not kill the process.
        loop.remove_signal_handler(signal.SIGINT)

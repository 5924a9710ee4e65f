"""Puts the sandbox on a port of its own: uvicorn with a protocol that counts, and that lets a script cut the TCP connection.

`serve` is what `tidegate sandbox` calls; `running` is for tests: a server in a thread, on a free port.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate.sandbox.app import EXTENSION, Sandbox, Settings, Stats, create_app

# SO_LINGER on with zero seconds: closing such a socket sends a reset.
_RESET = struct.pack("ii", 1, 0)
_START_SECONDS = 10.0


class Running:
    """A sandbox that serves. `url` is `http://host:port`, without a path; `app` gives its counters."""

    def __init__(self, app: Sandbox, host: str, port: int) -> None:
        self.app = app
        self.host = host
        self.port = port
        self.url = f"http://{host}:{port}"


def serve(
    host: str = "127.0.0.1",
    port: int = 8089,
    truth_log: Path | None = None,
    *,
    seed: int = 0,
    lenient: bool = False,
    fsync: bool = True,
    log_headers: bool = False,
    keep: int = 200,
) -> None:
    """Serves until SIGINT or SIGTERM. Port 0 takes a free one; the address is printed once it listens. Raises OSError for a taken port."""
    settings = Settings(truth_log=truth_log, seed=seed, lenient=lenient, fsync=fsync, log_headers=log_headers, keep=keep)
    with _listening(host, port) as bound:
        app = create_app(settings)
        print(f"tidegate sandbox listens on http://{host}:{bound.getsockname()[1]}", flush=True)
        try:
            _server(app).run(sockets=[bound])
        finally:
            app.close()


@contextlib.contextmanager
def running(settings: Settings | None = None, host: str = "127.0.0.1", port: int = 0) -> Generator[Running]:
    """A sandbox in a thread of this process, for the length of the `with`; what is still open at its end is cut."""
    app = create_app(settings)
    with _listening(host, port) as bound:
        server = _server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="sandbox", daemon=True)
        thread.start()
        try:
            # The socket listens already: a client that connects now waits in its queue until the server accepts.
            yield Running(app, host, bound.getsockname()[1])
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(_START_SECONDS)
            app.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound


def _server(app: Sandbox) -> uvicorn.Server:
    stats = app.stats

    class Counted(_Protocol):
        sandbox_stats = stats

    config = uvicorn.Config(
        app,
        http=Counted,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        backlog=2048,
    )
    return uvicorn.Server(config)


class _Connection:
    """The connection of a request, as `deliver.Wire`."""

    def __init__(self, number: int, transport: Any) -> None:
        self.id = number
        self._transport = transport

    def reset(self) -> None:
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()

    def write(self, data: bytes) -> None:
        self._transport.write(data)


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which also counts and hands its connection to the application."""

    sandbox_stats: Stats

    def connection_made(self, transport: Any) -> None:
        stats = self.sandbox_stats
        stats.connections += 1
        stats.connections_open += 1
        self._sandbox_wire = _Connection(stats.connections, transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.sandbox_stats.connections_open -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.sandbox_stats.bytes_in += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)["extensions"] = {EXTENSION: self._sandbox_wire}

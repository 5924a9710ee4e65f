"""The process: from settings to a gateway that listens, and down again. `serve` is what the command line calls."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys

import msgspec
import uvloop

from tidegate.adapters.server_http import listener, reservation
from tidegate.adapters.server_http import serve as serve_http
from tidegate.adapters.server_hub import Times
from tidegate.adapters.spool.spool import SpoolError
from tidegate.app.gateway import running
from tidegate.app.started import Started
from tidegate.app.watching import warn
from tidegate.app.workers import Lifeline, supervise
from tidegate.control.greeting import greeting
from tidegate.control.problems import ConfigError, Problem
from tidegate.control.settings import Settings

_COLLECT = (50_000, 20, 100)


def serve(settings: Settings) -> int:
    """Runs until a signal ends it. The exit code: 0, or 1 where it could not start (stderr says why)."""
    if settings.workers == 1:
        return _serve(settings)
    try:
        with contextlib.ExitStack() as opened:
            # Bound and never listening: it keeps the port for the workers, and shows before anything starts that it is free.
            kept = opened.enter_context(_reserved(settings.host, settings.port, shared=settings.share_port))
            admin = opened.enter_context(_listening(settings.admin_host, settings.admin_port, "TIDEGATE_ADMIN_PORT"))
            return supervise(msgspec.structs.replace(settings, port=kept.getsockname()[1]), admin, _serve)
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 1


def _serve(settings: Settings, line: Lifeline | None = None) -> int:
    """One process: a worker where there is a line to who started it."""
    try:
        # First the port: a start that fails must not use up the one showing of the first key.
        with contextlib.ExitStack() as opened:
            sock = opened.enter_context(_listening(settings.host, settings.port, "TIDEGATE_PORT", shared=settings.share_port))
            if line is None:
                admin = opened.enter_context(_listening(settings.admin_host, settings.admin_port, "TIDEGATE_ADMIN_PORT"))
            else:
                admin = line.admin
            started = Started(settings)
            opened.pop_all()
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {settings.home} cannot be used: {error}", file=sys.stderr)
        return 1
    if line is None or line.greets:
        warn(started.loaded.warnings)

    failures: list[str] = []

    def failed(reason: str) -> None:
        failures.append(reason)
        signal.raise_signal(signal.SIGTERM)

    times = Times(pre_stop=settings.pre_stop, drain=settings.drain)

    async def main() -> None:
        serving = asyncio.Event()

        def accepting() -> None:
            if line is None or line.greets:
                print(greeting(settings, started.loaded.snapshot, started.first_token), flush=True)
            if line is not None:
                line.serves()
            serving.set()

        async with running(started, admin=admin, serving=serving, failed=failed) as gateway:
            await serve_http(gateway, sock, accepting, times, ending=gateway.ending, cutting=gateway.cutting)

    # What start-up made stays for ever: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    # Calls leave few cycles: looking for them after every 700 objects, as is the default, costs more than it finds.
    gc.set_threshold(*_COLLECT)
    try:
        uvloop.run(main())
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    except (SpoolError, OSError) as error:
        failures.append(str(error))
    for reason in failures:
        print(f"error: {reason}", file=sys.stderr)
    return 1 if failures else 0


def _reserved(host: str, port: int, *, shared: bool) -> socket.socket:
    """Raises `ConfigError` where the address is taken, also by workers of another gateway unless the port is `shared` with them."""
    with contextlib.nullcontext() if shared else _listening(host, port, "TIDEGATE_PORT") as probe:
        found = port if probe is None else probe.getsockname()[1]
    try:
        return reservation(host, found)
    except OSError as error:
        raise ConfigError((_taken(host, found, "TIDEGATE_PORT", error),)) from error


def _listening(host: str, port: int, variable: str, *, shared: bool = False) -> socket.socket:
    """Raises `ConfigError` where the address is taken."""
    try:
        return listener(host, port, shared=shared)
    except OSError as error:
        raise ConfigError((_taken(host, port, variable, error),)) from error


def _taken(host: str, port: int, variable: str, error: OSError) -> Problem:
    return Problem(variable, 0, "", f"{host}:{port} cannot be used ({error.strerror or error}): free it, or choose another one")

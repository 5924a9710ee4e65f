"""The composition root: the only place that names concrete adapters. From settings to a running gateway, and down again.

`serve` is what the command line calls; `build` gives the ASGI application of one gateway to whoever runs the loop (tests too).
"""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncGenerator

import structlog
import uvloop

from tidegate.adapters import logs
from tidegate.adapters.asgi_upstream import AsgiUpstream
from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.events_file import FileEvents
from tidegate.adapters.http import HttpUpstream
from tidegate.adapters.keystore import KeyStore
from tidegate.adapters.metrics_prometheus import PrometheusMetrics
from tidegate.adapters.server_uvicorn import listener
from tidegate.adapters.server_uvicorn import serve as serve_http
from tidegate.adapters.system import SystemClock, SystemRandom
from tidegate.adapters.thinking_memory import MemoryThinkingCache
from tidegate.adapters.tokens_splintr import SplintrCounter
from tidegate.control.catalogue import read_catalogue
from tidegate.control.greeting import greeting
from tidegate.control.load import Loaded, Loader
from tidegate.control.problems import ConfigError, Problem
from tidegate.control.settings import Settings
from tidegate.control.watch import Watcher
from tidegate.policy.limits.rules import Alert
from tidegate.policy.route import SANDBOX, Planner
from tidegate.proxy.app import App, Live
from tidegate.proxy.server import Gateway
from tidegate.sandbox.app import Settings as Sandbox
from tidegate.sandbox.app import create_app

USAGE_FILE = "usage.jsonl"
"""Under `TIDEGATE_HOME`: one JSON line for each attempt."""

_COLLECT = (50_000, 20, 100)

_LOG = structlog.get_logger("tidegate")


class Started:
    """A loaded configuration and what its first start made."""

    def __init__(self, settings: Settings) -> None:
        store = KeyStore(settings.home)
        self.settings = settings
        self.first_token: str | None = None
        self.loader = Loader(settings, read_catalogue(), store.read, store.path)
        self.loaded = self.loader.load(1)
        if not (self.loaded.snapshot.keys_by_id or self.loaded.snapshot.keys_by_digest):
            made = store.bootstrap()
            if made is not None:
                self.first_token = made[1]
                self.loaded = self.loader.load(1)


@contextlib.asynccontextmanager
async def running(started: Started) -> AsyncGenerator[Gateway]:
    """The gateway with its adapters and its watcher; both end with the context. Needs the running loop."""
    events = FileEvents(started.settings.home / USAGE_FILE)
    upstream = AsgiUpstream(SANDBOX, create_app(Sandbox(keep=0, lenient=True)), HttpUpstream())
    live = Live(Planner(started.loaded.snapshot))
    clock = SystemClock()
    app = App(
        live=live,
        upstream=upstream,
        events=events,
        metrics=PrometheusMetrics(),
        clock=clock,
        random=SystemRandom(),
        thinking=MemoryThinkingCache(),
        tokens=SplintrCounter(),
        counters=MemoryCounters(clock, on_alert=_alert),
    )

    def publish(loaded: Loaded) -> None:
        live.current = Planner(loaded.snapshot)
        _LOG.info("configuration is live", generation=loaded.snapshot.generation)
        _warn(loaded.warnings)

    def refused(problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            _LOG.error("configuration refused; the old one stays", problem=str(problem))

    watcher = asyncio.create_task(Watcher(started.loader, started.loaded, publish=publish, refused=refused).run())
    try:
        yield Gateway(app)
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        await upstream.aclose()
        await events.aclose()


def serve(settings: Settings) -> int:
    """Runs until a signal ends it. The exit code: 0, or 1 where it could not start (stderr says why)."""
    logs.set_up()
    try:
        # First the port: a start that fails must not use up the one showing of the first key.
        with contextlib.ExitStack() as opened:
            sock = opened.enter_context(listener(settings.host, settings.port))
            started = Started(settings)
            opened.pop_all()
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {settings.host}:{settings.port} or {settings.home} cannot be used: {error}", file=sys.stderr)
        return 1
    _warn(started.loaded.warnings)

    async def main() -> None:
        async with running(started) as gateway:
            await serve_http(gateway, sock, lambda: print(greeting(settings, started.loaded.snapshot, started.first_token), flush=True))

    # What start-up made stays for ever: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    # Calls leave few cycles: looking for them after every 700 objects, as is the default, costs more than it finds.
    gc.set_threshold(*_COLLECT)
    uvloop.run(main())
    return 0


def _alert(alert: Alert) -> None:
    _LOG.warning(
        "budget threshold passed", budget=alert.charge.limit.id, whose=alert.charge.whose, percent=alert.percent, used_nano=alert.used
    )


def _warn(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        _LOG.warning("configuration", problem=str(problem))

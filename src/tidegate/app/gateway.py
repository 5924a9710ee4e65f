"""One gateway, put together out of its adapters: `running` gives what answers requests to whoever runs the loop (tests too)."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.metrics_prometheus import PrometheusMetrics
from tidegate.adapters.system import SystemClock, SystemRandom
from tidegate.adapters.thinking_memory import MemoryThinkingCache
from tidegate.adapters.tokens_splintr import SplintrCounter
from tidegate.app.access import access_tokens
from tidegate.app.limits import counters
from tidegate.app.started import Started
from tidegate.app.upstream import upstreams
from tidegate.app.usage import usage_events
from tidegate.app.watching import watching
from tidegate.policy.route import Planner
from tidegate.proxy.app import App, Live
from tidegate.proxy.server import Gateway


@contextlib.asynccontextmanager
async def running(started: Started) -> AsyncGenerator[Gateway]:
    """The gateway with its adapters and its loops; all end with the context. Needs the running loop."""
    live = Live(Planner(started.loaded.snapshot))
    clock = SystemClock()
    async with usage_events(started.settings) as events, upstreams() as upstream, watching(started, live):
        app = App(
            live=live,
            upstream=upstream,
            events=events,
            metrics=PrometheusMetrics(),
            clock=clock,
            random=SystemRandom(),
            thinking=MemoryThinkingCache(),
            tokens=SplintrCounter(),
            counters=counters(clock),
            access=access_tokens(clock),
        )
        yield Gateway(app)

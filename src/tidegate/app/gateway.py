"""One gateway, put together out of its adapters: `running` gives what answers requests to whoever runs the loop (tests too)."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable

from tidegate.adapters.free_memory import MemoryFreeQuota
from tidegate.adapters.kept_behind import WriteBehind
from tidegate.adapters.limits_file import LimitsFile
from tidegate.adapters.metrics_overload import DrainMetrics, OverloadMetrics
from tidegate.adapters.metrics_prometheus import PrometheusMetrics
from tidegate.adapters.metrics_state import ClockMetrics, LimitMetrics, SpoolMetrics, TaskMetrics
from tidegate.adapters.metrics_targets import TargetMetrics
from tidegate.adapters.scratch import FileScratch
from tidegate.adapters.system import SystemClock, SystemRandom
from tidegate.adapters.thinking_memory import MemoryThinkingCache
from tidegate.adapters.tokens_splintr import SplintrCounter
from tidegate.app.access import access_tokens
from tidegate.app.background import in_background, told
from tidegate.app.batches import running_batches
from tidegate.app.limits import counters, limits_as_kept, owner
from tidegate.app.model_lists import reading_lists
from tidegate.app.noticed import Noticed
from tidegate.app.overload import watched_door
from tidegate.app.started import Started
from tidegate.app.upstream import upstreams
from tidegate.app.usage import usage_spool
from tidegate.app.watching import watching
from tidegate.policy.route import Planner
from tidegate.proxy.app import App, Late, Live
from tidegate.proxy.drains import Drains
from tidegate.proxy.onces import Onces
from tidegate.proxy.server import Gateway

SCRATCH = "scratch"
"""Under `TIDEGATE_HOME`: room for uploads on their way, in files without a name."""


@contextlib.asynccontextmanager
async def running(
    started: Started,
    *,
    admin: socket.socket | None = None,
    serving: asyncio.Event | None = None,
    failed: Callable[[str], None] = told,
) -> AsyncGenerator[Gateway]:
    """The gateway with its adapters and its loops; all end with the context. Needs the running loop. Raises `SpoolError`.

    What takes long is loaded once `serving` is set, or in the background at once where nobody will set it. The control API listens on
    `admin`, if anywhere. `failed` is told what can never work.
    """
    if serving is None:
        serving = asyncio.Event()
        serving.set()
    live = Live(Planner(started.loaded.snapshot, started.directory))
    limits_as_kept(LimitsFile(started.settings.home, started.loaded.snapshot.pepper), live.rows)
    late = Late()
    noticed = Noticed()
    clock = SystemClock()
    conversations = WriteBehind(clock)
    drains = Drains()
    access = access_tokens(clock)
    async with (
        usage_spool(started.settings) as spool,
        counters(started.settings, clock, failed, noticed) as limits,
        watching(started, live) as watcher,
        in_background(
            started,
            spool,
            limits,
            admin,
            serving,
            failed,
            live=live,
            late=late,
            noticed=noticed,
            conversations=conversations,
            watcher=watcher,
        ),
        upstreams() as upstream,
        watched_door(live, clock) as door,
        reading_lists(started, live, upstream, watcher, clock, access, serving),
    ):
        app = App(
            live=live,
            upstream=upstream,
            events=spool,
            metrics=PrometheusMetrics(
                TargetMetrics(live.health, clock.monotonic),
                SpoolMetrics(lambda: spool.state, spool.folder),
                LimitMetrics(lambda: limits.redis_up),
                ClockMetrics(lambda: live.clock_offset),
                TaskMetrics(lambda: len(asyncio.all_tasks())),
                OverloadMetrics(lambda: door.standing),
                DrainMetrics(lambda: (len(drains), drains.begun, drains.refused)),
                worker=started.settings.worker if started.settings.workers > 1 else None,
            ),
            clock=clock,
            random=SystemRandom(),
            thinking=MemoryThinkingCache(),
            tokens=SplintrCounter(),
            counters=limits,
            access=access,
            conversations=conversations,
            late=late,
            free=MemoryFreeQuota(clock),
            scratch=FileScratch(started.settings.home / SCRATCH),
            door=door,
            drains=drains,
            onces=Onces(await asyncio.to_thread(owner, spool.folder)),
        )
        try:
            async with running_batches(app):
                yield Gateway(app)
        finally:
            await app.onces.aclose()
            await app.drains.aclose()

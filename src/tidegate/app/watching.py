"""Edits go live: the files behind the configuration are watched, and each new snapshot is swapped in."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.app.beside import beside
from tidegate.app.started import Started
from tidegate.control.load import Loaded
from tidegate.control.problems import Problem
from tidegate.control.watch import Watcher
from tidegate.logs import Log
from tidegate.policy.route import Planner
from tidegate.proxy.app import Live

_LOG = Log("tidegate")


@contextlib.asynccontextmanager
async def watching(started: Started, live: Live) -> AsyncGenerator[Watcher]:
    """The watcher ends with the context."""
    ready: Planner | None = None

    def prepare(loaded: Loaded) -> None:
        nonlocal ready
        ready = Planner(loaded.snapshot, started.directory)
        ready.models()

    def publish(loaded: Loaded) -> None:
        before = live.snapshot.generation
        live.current = ready if ready is not None and ready.snapshot is loaded.snapshot else Planner(loaded.snapshot, started.directory)
        if loaded.snapshot.generation == before:
            return  # only what the providers say of their models
        _LOG.info("configuration is live", generation=loaded.snapshot.generation)
        warn(loaded.warnings)

    def refused(problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            _LOG.error("configuration refused; the old one stays", problem=str(problem))

    watcher = Watcher(started.loader, started.loaded, publish=publish, refused=refused, prepare=prepare)
    async with beside(watcher.run()):
        yield watcher


def warn(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        _LOG.warning("configuration", problem=str(problem))

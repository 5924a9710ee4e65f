"""PostgreSQL and Redis for `--stores`: those of the tests, with throw-away data, on the core of the load."""

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from tests.support import databases, servers

from bench.gateways import LOAD_CORE


@contextlib.contextmanager
def stores(say: Callable[[str], None]) -> Iterator[dict[str, str] | None]:
    """What a gateway needs to find them; nothing where one of them is not installed, and `say` tells how to."""
    with contextlib.ExitStack() as stack:
        try:
            environ = {
                "TIDEGATE_DATABASE_URL": databases.url_of(
                    _started(stack, databases.postgres_with_template), databases.TEMPLATE
                ).render_as_string(hide_password=False),
                "TIDEGATE_REDIS_URL": _started(stack, servers.redis)["url"],
            }
        except pytest.skip.Exception as missing:
            say(str(missing))
            yield None
        else:
            yield environ


def _started(stack: contextlib.ExitStack, start: Callable[[], tuple[dict[str, str], int, str]]) -> dict[str, str]:
    facts, pid, home = start()
    stack.callback(servers.end, pid, home)
    os.sched_setaffinity(pid, {LOAD_CORE})
    return facts

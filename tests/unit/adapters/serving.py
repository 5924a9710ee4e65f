"""A server of the data port for tests, in a task of the test's loop; a signal ends it, as it does outside."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from tidegate.adapters import server_http
from tidegate.adapters.server_hub import Handle, Times


@asynccontextmanager
async def serving(
    handle: Handle, times: Times | None = None, ending: Callable[[], None] | None = None, cutting: Callable[[], None] | None = None
) -> AsyncGenerator[int]:
    """Gives the port."""
    sock = server_http.listener("127.0.0.1", 0)
    started = asyncio.Event()
    told = {name: call for name, call in (("ending", ending), ("cutting", cutting)) if call is not None}
    task = asyncio.create_task(server_http.serve(handle, sock, started.set, times or Times(), **told))
    await asyncio.wait_for(started.wait(), 5)
    try:
        yield sock.getsockname()[1]
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 5)

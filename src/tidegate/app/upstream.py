"""How calls leave: over HTTP, and the built-in sandbox without a socket."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.asgi_upstream import AsgiUpstream
from tidegate.adapters.http import HttpUpstream
from tidegate.policy.route import SANDBOX
from tidegate.ports import Upstream
from tidegate.sandbox.app import Settings, create_app


@contextlib.asynccontextmanager
async def upstreams() -> AsyncGenerator[Upstream]:
    """Connections are closed with the context."""
    upstream = AsgiUpstream(SANDBOX, create_app(Settings(keep=0, lenient=True)), HttpUpstream())
    try:
        yield upstream
    finally:
        await upstream.aclose()

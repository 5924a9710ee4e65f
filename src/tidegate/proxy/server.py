"""The data port as an ASGI application: a scope becomes a `Call`, and whatever goes wrong becomes an error in the client's dialect.

A plain callable with its own route table; the server underneath gives the connection in `scope["state"]["connection"]`, so that a client
that leaves cancels its call at once.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from tidegate.dialects.base import Head
from tidegate.dialects.table import DIALECTS
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ports import Connection
from tidegate.proxy import pipeline
from tidegate.proxy.app import App
from tidegate.proxy.attempt import CLIENT_GONE
from tidegate.proxy.body import ClientGone, Receive, received
from tidegate.proxy.call import Call
from tidegate.proxy.cors import allowed, preflight
from tidegate.proxy.headers import own
from tidegate.proxy.paths import Surface
from tidegate.proxy.reply import JSON, Reply, Send
from tidegate.proxy.surfaces import SURFACES, spoken_dialect

_LOG = structlog.get_logger("tidegate.proxy")


class Gateway:
    """The ASGI application of one `App`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: bytes = scope["raw_path"]
        if scope["method"] == "OPTIONS":
            await preflight(self._app.live.snapshot.server.cors, scope, send)
        elif path == b"/health/live":
            await Reply(send, []).whole(200, JSON, b'{"status":"ok"}', [])
        elif path == b"/health/ready":
            await Reply(send, []).whole(200, JSON, b'{"status":"ok","generation":%d}' % self._app.live.snapshot.generation, [])
        elif path == b"/metrics":
            page, content_type = self._app.metrics.render()
            await Reply(send, []).whole(200, content_type.encode(), page, [])
        else:
            await self._call(scope, receive, send, path)

    async def _call(self, scope: Mapping[str, Any], receive: Receive, send: Send, path: bytes) -> None:
        app = self._app
        headers = dict[bytes, bytes](scope["headers"])
        call = Call(
            id=app.random.request_id(),
            started=app.clock.monotonic(),
            at=app.clock.now(),
            planner=app.live.current,
            dialect=DIALECTS[spoken_dialect(path, headers)],
            headers=headers,
            path=path,
            query=scope["query_string"],
        )
        reply = Reply(send, own(call) + allowed(call.snapshot.server.cors, headers))
        connection: Connection | None = scope["state"].get("connection")
        task = asyncio.current_task()
        if connection is not None and task is not None:
            connection.on_lost = task.cancel
        app.metrics.in_flight(1)
        try:
            await self._answer(call, scope, receive, reply)
        except (asyncio.CancelledError, ClientGone):
            if not call.attempts:
                app.metrics.refused(call.surface, CLIENT_GONE)
        finally:
            app.metrics.in_flight(-1)
            if connection is not None:
                connection.on_lost = None

    async def _answer(self, call: Call, scope: Mapping[str, Any], receive: Receive, reply: Reply) -> None:
        try:
            surface, call.params = SURFACES.match(scope["method"], call.path)
            await self._handle(surface, call, scope, receive, reply)
        except GatewayError as refused:
            await self._refuse(call, reply, refused.error)
        except Exception:  # the last net: a client gets an error in its dialect, whatever we did wrong
            _LOG.exception("call failed", request_id=call.request_id, surface=call.surface)
            error = Error(
                kind=ErrorKind.INTERNAL, message="The gateway failed on this request; its log has the details under this request id."
            )
            await self._refuse(call, reply, error)

    async def _handle(self, surface: Surface, call: Call, scope: Mapping[str, Any], receive: Receive, reply: Reply) -> None:
        call.surface = surface.name
        if surface.stream is not None:
            call.head = Head(call.params["model"], surface.stream)
        pipeline.identified(call, scope["headers"])
        if surface.body:
            call.body = await received(receive, call.headers, call.snapshot.server.body_limit)
        await surface.handle(self._app, call, reply)

    async def _refuse(self, call: Call, reply: Reply, error: Error) -> None:
        self._app.metrics.refused(call.surface, error.http_status)
        if reply.status == 0:
            extra = [(b"retry-after", b"%d" % max(1, round(error.retry_after)))] if error.retry_after else []
            await reply.whole(error.http_status, JSON, call.dialect.encode_error(error, call.request_id), extra)
        else:
            await reply.piece(call.dialect.encode_stream_error(error, call.request_id))
            await reply.end_stream()

"""The data port: a client's request becomes a `Call`, and whatever goes wrong becomes an error in the client's dialect.

The server underneath runs this in a task for each request, and cancels it where the client leaves.
"""

import asyncio

import structlog

from tidegate.dialects.base import Head
from tidegate.dialects.table import SPOKEN
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ports import Client, StorageUnavailable
from tidegate.proxy import pipeline
from tidegate.proxy.app import App
from tidegate.proxy.attempt import CLIENT_GONE
from tidegate.proxy.body import received
from tidegate.proxy.call import Call
from tidegate.proxy.cors import allowed, preflight
from tidegate.proxy.headers import own
from tidegate.proxy.relay import BrokenOff
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.surfaces import SURFACES, spoken_dialect

_LOG = structlog.get_logger("tidegate.proxy")
NO_STORAGE = Error(
    kind=ErrorKind.UNAVAILABLE,
    message="What is kept cannot be read now: the gateway's database does not answer. Try again in a moment.",
    code="storage_unavailable",
    retry_after=1.0,
)


class Gateway:
    """What answers the requests of one `App`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, client: Client) -> None:
        path = client.path
        if client.method == "OPTIONS":
            await preflight(self._app.live.snapshot.server.cors, client)
        elif path == b"/health/live":
            await Reply(client, []).whole(200, JSON, b'{"status":"ok"}', [])
        elif path == b"/health/ready":
            await self._ready(client)
        elif path == b"/metrics":
            page, content_type = self._app.metrics.render()
            await Reply(client, []).whole(200, content_type.encode(), page, [])
        else:
            await self._call(client)

    async def _ready(self, client: Client) -> None:
        """Not before the keys of the database are known, from it or from what was kept of it."""
        live = self._app.live
        status, word = (200, b"ok") if live.current.callers.ready else (503, b"waiting for the database")
        await Reply(client, []).whole(status, JSON, b'{"status":"%s","generation":%d}' % (word, live.snapshot.generation), [])

    async def _call(self, client: Client) -> None:
        app = self._app
        headers = client.fields
        call = Call(
            id=app.random.request_id(),
            started=app.clock.monotonic(),
            at=app.clock.now(),
            planner=app.live.current,
            dialect=SPOKEN[spoken_dialect(client.path, headers)],
            headers=headers,
            path=client.path,
            query=client.query,
        )
        reply = Reply(client, own(call) + allowed(call.snapshot.server.cors, headers))
        try:
            surface, call.params = SURFACES.match(client.method, client.path)
            call.surface = surface.name
            if surface.stream is not None:
                call.head = Head(call.params["model"], surface.stream)
            pipeline.identified(call, client)
            if surface.form:
                call.client = client
            elif surface.body:
                call.body = await received(client, headers, call.snapshot.server.body_limit)
            pipeline.proved(call, surface.method)
            await surface.handle(app, call, reply)
        except GatewayError as refused:
            await self._refuse(call, reply, refused.error)
        except StorageUnavailable:
            await self._refuse(call, reply, NO_STORAGE)
        except BrokenOff:
            pass  # the server closes the connection of an answer that was not ended
        except asyncio.CancelledError:
            if not call.attempts:
                app.metrics.refused(call.surface, CLIENT_GONE)
            raise
        except Exception:  # the last net: a client gets an error in its dialect, whatever we did wrong
            _LOG.exception("call failed", request_id=call.request_id, surface=call.surface)
            error = Error(
                kind=ErrorKind.INTERNAL, message="The gateway failed on this request; its log has the details under this request id."
            )
            await self._refuse(call, reply, error)

    async def _refuse(self, call: Call, reply: Reply, error: Error) -> None:
        self._app.metrics.refused(call.surface, error.http_status)
        if reply.status == 0:
            extra = [(b"retry-after", b"%d" % max(1, round(error.retry_after)))] if error.retry_after else []
            await reply.whole(error.http_status, JSON, call.dialect.encode_error(error, call.request_id), extra)
        else:
            reply.piece(call.dialect.encode_stream_error(error, call.request_id))
            reply.end_stream()

"""The data port: a client's request becomes a `Call`, and whatever goes wrong becomes an error in the client's dialect.

The server underneath runs this in a task for each request, and cancels it where the client leaves.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tidegate.dialects.base import Head
from tidegate.dialects.table import SPOKEN
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.logs import Log
from tidegate.policy.identify import NotKnown, away
from tidegate.ports import Client, RawHeaders, StorageUnavailable, Unsealable
from tidegate.proxy import pipeline
from tidegate.proxy.app import App
from tidegate.proxy.attempt import CLIENT_GONE
from tidegate.proxy.body import received, scanned
from tidegate.proxy.call import Call
from tidegate.proxy.cors import allowed, preflight
from tidegate.proxy.facts import GENERATIONS
from tidegate.proxy.failure import DRAINING, BrokenOff, LimitError
from tidegate.proxy.headers import own
from tidegate.proxy.once import HEADER, once, shared
from tidegate.proxy.paths import Surface
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.surfaces import SURFACES, spoken_dialect
from tidegate.proxy.transcript import Transcript
from tidegate.wire.framings import FRAMINGS

_LOG = Log("tidegate.proxy")
MOST_OFF = 30.0
"""Seconds by which the clock may be wrong while calls are still wanted: keys end and windows of the calendar begin by it."""
NO_STORAGE = Error(
    kind=ErrorKind.UNAVAILABLE,
    message="What is kept cannot be read now: the gateway's database does not answer. Try again in a moment.",
    code="storage_unavailable",
    retry_after=1.0,
)
SEALED = Error(
    kind=ErrorKind.UNAVAILABLE,
    message="What is kept was sealed with a key that this gateway does not have; its operator finds more in the log.",
    code="storage_sealed",
)


class Gateway:
    """What answers the requests of one `App`."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, client: Client) -> Coroutine[Any, Any, None]:
        path = client.path
        if client.method == "OPTIONS":
            return preflight(self._app.live.snapshot.server.cors, client)
        if path == b"/health/live":
            return Reply(client, []).whole(200, JSON, b'{"status":"ok"}', [])
        if path == b"/health/ready":
            return self._ready(client)
        if path == b"/metrics":
            page, content_type = self._app.metrics.render()
            return Reply(client, []).whole(200, content_type.encode(), page, [])
        return self._call(client)

    def ending(self) -> None:
        """No new calls are wanted: whoever balances load is told so."""
        self._app.live.is_ending = True

    def cutting(self) -> None:
        """Calls are about to be cancelled because the process ends."""
        self._app.live.cuts = True

    async def _ready(self, client: Client) -> None:
        """Not before the keys of the database are known, from it or from what was kept of it, and not when the process ends."""
        live = self._app.live
        status, word = (200, b"ok") if live.current.callers.ready else (503, b"waiting for the database")
        if abs(live.clock_offset) > MOST_OFF:
            status, word = 503, b"the clock is wrong"
        if live.is_ending:
            status, word = 503, b"ending"
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
        app.door.calls += 1
        try:
            surface, call.params = SURFACES.match(client.method, client.path)
            call.surface = surface.name
            if surface.stream is not None:
                call.head = Head(call.params["model"], surface.stream)
            try:
                pipeline.identified(call, client)
            except NotKnown:
                await self._asked(call, client)
            if app.door.is_busy:
                app.door.refuse_early(call)
            if surface.form:
                call.client = client
            elif surface.body:
                call.body = await received(client, headers, call.snapshot.server.body_limit)
            pipeline.proved(call, client, surface.method)
            if call.planner.shares or HEADER in headers:
                await self._perhaps_shared(call, client, surface, reply)
            else:
                await surface.handle(app, call, reply)
        except asyncio.CancelledError:
            await self._cancelled(call, client, reply)
            raise
        except Exception as error:
            await self._failed(call, reply, error)
        finally:
            app.door.calls -= 1

    async def _asked(self, call: Call, client: Client) -> None:
        """A key that is not known may have been made a moment ago, and while the database is away nobody can say: its word is waited for.
        Raises `GatewayError`."""
        fresh = self._app.late.fresh_keys
        if fresh is not None and not await fresh():
            raise away()
        pipeline.identified(call, client)

    async def _perhaps_shared(self, call: Call, client: Client, surface: Surface, reply: Reply) -> None:
        """A call that is made once for its key, or is one with an equal call that runs. Raises `GatewayError`."""
        app = self._app

        async def run(transcript: Transcript) -> None:
            answer = Reply(transcript, own(call) + allowed(call.snapshot.server.cors, call.headers))
            try:
                await surface.handle(app, call, answer)
            except asyncio.CancelledError:
                await self._cancelled(call, transcript, answer)
                raise
            except Exception as error:
                await self._failed(call, answer, error)

        if surface.name not in GENERATIONS:
            await surface.handle(app, call, reply)
        elif HEADER in call.headers:
            await once(app, call, client, run)
        else:
            model = call.head.model or call.dialect.head(scanned(call.body)).model
            if call.planner.plan(call.key, model).rules.single_flight:
                await shared(app, call, client, run)
            else:
                await surface.handle(app, call, reply)

    async def _cancelled(self, call: Call, client: Client, reply: Reply) -> None:
        """The client has left, or the process ends before the call does. An answer that is no stream of events cannot say so: its
        connection is closed."""
        if not self._app.live.cuts:
            if not call.attempts:
                self._app.metrics.refused(call.surface, CLIENT_GONE)
        elif not client.is_begun:
            await self._refuse(call, reply, DRAINING)
        elif not reply.status or any(framing.media_type.encode() in reply.content_type for framing in FRAMINGS.values()):
            client.piece(call.dialect.encode_stream_error(DRAINING, call.request_id))
            client.end()

    async def _failed(self, call: Call, reply: Reply, error: Exception) -> None:
        if isinstance(error, LimitError):
            await self._refuse(call, reply, error.error, error.headers)
        elif isinstance(error, GatewayError):
            await self._refuse(call, reply, error.error)
        elif isinstance(error, StorageUnavailable):
            await self._refuse(call, reply, NO_STORAGE)
        elif isinstance(error, Unsealable):
            _LOG.error("what is kept does not open: all gateways of a database need the same TIDEGATE_KEK", reason=str(error))
            await self._refuse(call, reply, SEALED)
        elif not isinstance(error, BrokenOff):  # the server closes the connection of an answer that was not ended
            # The last net: a client gets an error in its dialect, whatever we did wrong.
            _LOG.error("call failed", request_id=call.request_id, surface=call.surface, exc_info=error)
            message = "The gateway failed on this request; its log has the details under this request id."
            await self._refuse(call, reply, Error(kind=ErrorKind.INTERNAL, message=message))

    async def _refuse(self, call: Call, reply: Reply, error: Error, headers: RawHeaders | None = None) -> None:
        self._app.metrics.refused(call.surface, error.http_status)
        if reply.status == 0:
            extra = [(b"retry-after", b"%d" % max(1, round(error.retry_after)))] if error.retry_after and headers is None else headers or []
            await reply.whole(error.http_status, JSON, call.dialect.encode_error(error, call.request_id), extra)
        else:
            reply.piece(call.dialect.encode_stream_error(error, call.request_id))
            reply.end_stream()

"""The events of a response in the background that was asked for as a stream: written down while it is made, numbered from 0 on, and told to
whoever follows, on any gateway of the database, from any number on. They stay as long as the response."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.json import JsonObject
from tidegate.ports import RawHeaders
from tidegate.ports.kept import Append, Kept, KeptStore
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.inside import NobodysClient
from tidegate.proxy.kept import held
from tidegate.proxy.reply import Reply
from tidegate.records import Tenant
from tidegate.wire.sse import SseParser

ACTIVE = "active"
"""The state of a response that is still made."""
LOOK = 0.2
"""Seconds between two looks for new events."""
GATHER = 0.2
"""Seconds in which events are gathered before they are written."""
ASKED = 0
"""The part that is the request; events are those after it."""
_LONGEST = 64 << 20
_OURS = ("id", "created_at", "background", "store", "previous_response_id", "metadata")
"""What the response has from the beginning, whatever the call says that made it."""
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def frame(event: JsonObject, number: int) -> bytes:
    kind = text_or_empty(event.get("type"))
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), dump({**event, "sequence_number": number}))


def first(response: JsonObject) -> bytes:
    """What is told at once: the response waits for its turn."""
    return b"".join(
        frame({"type": kind, "response": response}, number) for number, kind in enumerate(("response.created", "response.queued"))
    )


FIRST = 2
"""Events that are told at once."""


class Recorder(NobodysClient):
    """The client of the call that makes the response: what it is told is rewritten as events of `row`, and waits in `gathered`. `made` is
    the id of that call, which the ids of its items have in them. `ended` is the response as the last event tells it."""

    def __init__(self, row: Kept, response: JsonObject, made: str) -> None:
        super().__init__()
        self._ours = {name: response.get(name) for name in _OURS}
        self._ids = (made.encode(), row.id.removeprefix("resp_").encode())
        self._parser = SseParser(_LONGEST)
        self.number = FIRST
        self.gathered = bytearray()
        self.ended: JsonObject | None = None
        self._is_stream = False
        self.over = asyncio.Event()

    def begin(self, status: int, headers: RawHeaders) -> None:
        super().begin(status, headers)
        self._is_stream = any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)

    def piece(self, data: bytes) -> bool:
        if not self._is_stream:
            return super().piece(data)
        for found in self._parser.feed(data):
            if found.data is not None:
                self.tell(object_or_empty(parse(found.data)))
        return True

    def tell(self, event: JsonObject) -> None:
        """One more event. Those with which the response began were told already."""
        if event.get("type") in ("response.created", "response.queued"):
            return
        response = event.get("response")
        if type(response) is dict:
            event = {**event, "response": {**response, **self._ours}}
            if event.get("type") in _ENDS:
                self.ended = object_or_empty(parse(dump(event["response"]).replace(*self._ids)))
        self.gathered += frame(event, self.number).replace(*self._ids)
        self.number += 1

    async def write(self, store: KeptStore, row: Kept) -> None:
        """What was gathered, part by part, until it is `over`. A write that is under way is never cut: what it had would be lost."""
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER):
                    await self.over.wait()
            await self.flush(store, row)

    async def flush(self, store: KeptStore, row: Kept) -> None:
        if self.gathered:
            data = bytes(self.gathered)
            self.gathered.clear()
            await store.write(Tenant(row.org), [Append(row.org, row.id, data, row.expires)])


async def has_events(store: KeptStore, row: Kept) -> bool:
    return bool(await store.parts(Tenant(row.org), row.id, after=ASKED, limit=1))


async def counted(store: KeptStore, row: Kept) -> int:
    """How many events were told."""
    parser, number, place = SseParser(_LONGEST), 0, ASKED
    while found := await store.parts(Tenant(row.org), row.id, after=place):
        number += sum(len(parser.feed(data)) for _, data in found)
        place = found[-1][0]
    return number


async def follow(app: App, call: Call, reply: Reply, row: Kept, after: int) -> None:
    """Tells the events of a response behind the number `after`, as they are made. A client that leaves disturbs nothing."""
    reply.start_stream(call.dialect.stream_type, [])
    number, last = 0, b""
    parser = SseParser(_LONGEST)
    async for data in _parts(app, row):
        frames = parser.feed(data)
        told = b"".join(found.raw for place, found in enumerate(frames, number) if place > after)
        number += len(frames)
        last = frames[-1].data or b"" if frames else last
        if told and not reply.piece(told):
            await reply.drained()
    if object_or_empty(parse(last or b"{}")).get("type") not in _ENDS:
        store = await app.conversations.store()
        found = await store.get(Tenant(row.org), row.id)
        status = "deleted" if found is None else text_or_empty(held(found.body).response.get("status"))
        message = f"The response was {status}."
        reply.piece(frame({"type": "error", "code": f"response_{status}", "message": message, "param": None}, number))
    reply.end_stream()


async def _parts(app: App, row: Kept) -> AsyncGenerator[bytes]:
    """The parts with events, until the response has ended."""
    store, tenant, place = await app.conversations.store(), Tenant(row.org), ASKED
    while True:
        now = await store.get(tenant, row.id)
        found = await store.parts(tenant, row.id, after=place)
        for _, data in found:
            yield data
        if found:
            place = found[-1][0]
        elif now is None or now.state != ACTIVE:
            return
        else:
            await asyncio.sleep(LOOK)

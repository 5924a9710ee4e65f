"""`Idempotency-Key`: a generation with a key is made once. A repetition gets the answer of the first: from its beginning and live while
that runs, afterwards again for a day, also after a restart and at another gateway where there is a database. And single flight: equal calls
at the same time are one, on routes that say so.

The first call goes on when its client leaves, so that the client can come back for it, but not for long without anybody.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ports import Client, StorageUnavailable
from tidegate.ports.kept import Kept, Put
from tidegate.proxy.admission import end_user
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.onces import MOST_ALONE, Entry
from tidegate.proxy.transcript import MOST_KEPT, Said, Transcript
from tidegate.records import Tenant

HEADER = b"idempotency-key"
LASTS = 86_400
"""Seconds for which an answer is kept."""
ALONE = 60.0
"""Seconds that a call goes on without any client."""
WAIT = 300.0
"""Seconds that a repetition waits for the beginning of an answer."""
_LONGEST_KEY = 255
_RUNNING, _ENDED = "running", "ended"
_AGAIN = [(b"idempotency-replayed", b"true")]

Run: TypeAlias = Callable[[Transcript], Awaitable[None]]


class _Row(msgspec.Struct, frozen=True):
    """As it is kept in the database."""

    print: bytes
    said: Said | None = None


async def once(app: App, call: Call, client: Client, run: Run) -> None:
    """Answers the client of a call that has an idempotency key: `run` makes the call, if it was not made before. Raises `GatewayError` for
    a key that was used for another request."""
    key = call.headers[HEADER]
    if not 0 < len(key) <= _LONGEST_KEY or not all(0x21 <= byte < 0x7F for byte in key):
        raise bad_request(f"`Idempotency-Key` has 1 to {_LONGEST_KEY} printable characters without spaces.", code="invalid_idempotency_key")
    name = hashlib.sha256(b"\0".join((call.key.org.encode(), call.key.id.encode(), key))).digest()
    mark = _print(call)
    entry = app.onces.find(name, call.at)
    if entry is None:
        kept = await _kept(app, call, name)
        entry = app.onces.find(name, call.at)
        if entry is None and kept is not None:
            entry = _from_kept(app, name, kept, client, mark, call.at)
    if entry is not None and entry.is_free:
        entry = None
    if entry is not None:
        if entry.print != mark:
            raise _another()
        await _again(app, entry, client)
        return
    entry = Entry(name=name, print=mark, transcript=Transcript(client, held=True), until=call.at + LASTS, is_once=True)
    await _begin(app, call, name, entry, run)
    await _follow(app, entry, client, first=True)


async def shared(app: App, call: Call, client: Client, run: Run) -> None:
    """Answers the client of a call on a route that shares equal calls: one that runs for the same key is followed."""
    mark = _print(call)
    name = hashlib.sha256(b"shared\0" + call.key.id.encode() + b"\0" + mark).digest()
    entry = app.onces.find(name, call.at)
    if entry is None or not entry.transcript.can_join:
        entry = Entry(name=name, print=mark, transcript=Transcript(client), until=0.0, is_once=False)
        await _begin(app, call, name, entry, run)
        await _follow(app, entry, client, first=True)
    else:
        await _follow(app, entry, client, first=False)


def _print(call: Call) -> bytes:
    """What makes two requests one. The query and the client's own provider key belong to what is asked."""
    parts = (call.surface.encode(), call.path, call.query, call.headers.get(b"x-tidegate-provider-key", b""), call.body)
    return hashlib.sha256(b"\0".join(parts)).digest()


async def _begin(app: App, call: Call, name: bytes, entry: Entry, run: Run) -> None:
    app.onces.add(entry)

    async def made() -> None:
        try:
            if entry.is_once:
                await _write(app, call, name, _Row(entry.print), _RUNNING)
            await run(entry.transcript)
        finally:
            entry.transcript.stopped()
            entry.is_free = not call.was_sent
            said = entry.transcript.said()
            try:
                # First this, then the end for the client: who has an answer gets it again, also after a `kill -9`.
                if entry.is_once:
                    await (_free(app, call, name) if entry.is_free else _write(app, call, name, _Row(entry.print, said), _ENDED))
            finally:
                entry.transcript.release()
            entry.task = None
            if entry.is_free or not entry.is_once:
                app.onces.forget(entry)
            else:
                app.onces.keep(entry, len(said.body) if said is not None else 0)

    entry.task = asyncio.create_task(made())


async def _again(app: App, entry: Entry, client: Client) -> None:
    transcript = entry.transcript
    if not transcript.can_join:
        message = f"The answer to this `Idempotency-Key` is longer than {MOST_KEPT >> 20} MiB, and is not kept: use a new key."
        raise GatewayError(Error(kind=ErrorKind.BAD_REQUEST, status=422, message=message, code="idempotent_answer_too_long"))
    if transcript.is_broken:
        raise _unknown()
    try:
        await _follow(app, entry, client, first=False)
    except TimeoutError:
        message = "The call with this `Idempotency-Key` still runs: try again in a moment."
        raise GatewayError(Error(kind=ErrorKind.CONFLICT, message=message, code="idempotent_call_in_progress", retry_after=1.0)) from None


async def _follow(app: App, entry: Entry, client: Client, *, first: bool) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
        entry.timer = None
        app.onces.alone -= 1
    try:
        await (entry.transcript.follow(client, []) if first else entry.transcript.follow(client, _AGAIN, WAIT))
    finally:
        _left_alone(app, entry)


def _left_alone(app: App, entry: Entry) -> None:
    """A call that nobody follows ends soon; one that can be asked for again later goes on for a while."""
    task = entry.task
    if task is None or entry.transcript.followers or entry.timer is not None:
        return
    if not entry.is_once or app.onces.alone >= MOST_ALONE:
        if not entry.is_once:
            app.onces.forget(entry)  # whoever comes now makes a call of its own
        task.cancel()
        return

    def give_up() -> None:
        entry.timer = None
        app.onces.alone -= 1
        task.cancel()

    app.onces.alone += 1
    entry.timer = asyncio.get_running_loop().call_later(ALONE, give_up)
    task.add_done_callback(lambda _: _stop(app, entry))


def _stop(app: App, entry: Entry) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
        entry.timer = None
        app.onces.alone -= 1


async def _kept(app: App, call: Call, name: bytes) -> _Row | None:
    """What the database has. While that is away, what this process knows has to do."""
    try:
        store = await app.conversations.store()
        row = await store.get(Tenant(call.key.org), _id(name))
    except StorageUnavailable:
        return None
    if row is None or row.kind != "answer" or (row.expires is not None and row.expires <= call.at):
        return None
    return msgspec.msgpack.decode(row.body, type=_Row)


def _from_kept(app: App, name: bytes, kept: _Row, client: Client, mark: bytes, now: float) -> Entry:
    """An answer of an earlier process, or of another gateway. Raises `GatewayError` where it was never known how that ended."""
    if kept.print != mark:
        raise _another()
    if kept.said is None:
        raise _unknown()
    transcript = Transcript(client)
    said = kept.said
    if said.streamed:
        transcript.begin(said.status, said.headers)
        transcript.piece(said.body)
        transcript.end()
    else:
        transcript.whole(said.status, said.headers, said.body)
    entry = Entry(name=name, print=kept.print, transcript=transcript, until=now + LASTS, is_once=True)
    app.onces.add(entry)
    app.onces.keep(entry, len(said.body))
    return entry


async def _free(app: App, call: Call, name: bytes) -> None:
    """Nothing reached a provider, or nothing that it has begun."""
    try:
        await (await app.conversations.store()).remove(Tenant(call.key.org), _id(name))
    except StorageUnavailable:
        return


async def _write(app: App, call: Call, name: bytes, row: _Row, state: str) -> None:
    """The claim, before anything is sent, and what it has become. While the database is away, what this process knows has to do."""
    try:
        store = await app.conversations.store()
        await store.write(Tenant(call.key.org), [Put(_row(call, name, row, state))])
    except StorageUnavailable:
        return


def _row(call: Call, name: bytes, row: _Row, state: str) -> Kept:
    body = msgspec.msgpack.encode(row)
    expires = call.at + LASTS
    return Kept(
        org=call.key.org,
        id=_id(name),
        key=call.key.id,
        kind="answer",
        upstream="",
        at=call.at,
        expires=expires,
        body=body,
        state=state,
        end_user=end_user(call.fields, call.dialect.name),
    )


def _id(name: bytes) -> str:
    return "once_" + name.hex()


def _another() -> GatewayError:
    message = "This `Idempotency-Key` was used for another request: take a new one for this."
    return GatewayError(Error(kind=ErrorKind.BAD_REQUEST, status=422, message=message, code="idempotency_key_reused"))


def _unknown() -> GatewayError:
    message = "The call with this `Idempotency-Key` was broken off, and may have been made and charged: take a new key to make it again."
    return GatewayError(Error(kind=ErrorKind.BAD_REQUEST, status=422, message=message, code="idempotent_call_broken_off"))

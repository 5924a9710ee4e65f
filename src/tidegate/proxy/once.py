"""`Idempotency-Key`: a generation with a key is made once. A repetition gets the answer of the first: from its beginning and live while
that runs, afterwards again for a day, also after a restart and at another gateway where there is a database. And single flight: equal calls
at the same time are one, on routes that say so.

The first call goes on when its client leaves, so that the client can come back for it, but not for long without anybody.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ports import Client
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.failure import BrokenOff
from tidegate.proxy.once_rows import LASTS, WAIT, Claim, Row, in_progress, known
from tidegate.proxy.onces import MOST_ALONE, Entry
from tidegate.proxy.transcript import MOST_KEPT, Transcript

HEADER = b"idempotency-key"
ALONE = 60.0
"""Seconds that a call goes on without any client."""
_LONGEST_KEY = 255
_BETAS = (b"anthropic-beta", b"openai-beta")
_AGAIN = [(b"idempotency-replayed", b"true")]

Run: TypeAlias = Callable[[Transcript], Awaitable[None]]


async def once(app: App, call: Call, client: Client, run: Run) -> None:
    """Answers the client of a call that has an idempotency key: `run` makes the call, if it was not made before. Raises `GatewayError` for
    a key that was used for another request."""
    key = call.headers[HEADER]
    if not 0 < len(key) <= _LONGEST_KEY or not all(0x21 <= byte < 0x7F for byte in key):
        raise bad_request(f"`Idempotency-Key` has 1 to {_LONGEST_KEY} printable characters without spaces.", code="invalid_idempotency_key")
    name = hashlib.sha256(b"\0".join((call.key.org.encode(), call.key.id.encode(), key))).digest()
    while not await _answered(app, call, client, run, name):
        pass


async def _answered(app: App, call: Call, client: Client, run: Run, name: bytes) -> bool:
    """False where another gateway took the call in the same instant: its answer is to be found. Raises `GatewayError`."""
    mark = _print(call)
    entry = app.onces.find(name, call.at)
    if entry is None:
        kept = await known(app, call, name, mark)
        entry = app.onces.find(name, call.at)
        if entry is None and kept is not None:
            entry = _from_kept(app, name, kept, client, mark, call.at)
    if entry is not None and entry.is_free:
        entry = None
    if entry is not None and entry.print != mark:
        raise _another()
    follow = _again
    if entry is None:
        entry = Entry(name=name, print=mark, transcript=Transcript(client, held=True), until=call.at + LASTS, is_once=True)
        _begin(app, call, entry, run)
        follow = _first
    try:
        await follow(app, entry, client)
    except BrokenOff:
        if not entry.is_elsewhere:
            raise
        return False
    return True


async def shared(app: App, call: Call, client: Client, run: Run) -> None:
    """Answers the client of a call on a route that shares equal calls: one that runs for the same key is followed."""
    mark = _print(call)
    name = hashlib.sha256(b"shared\0" + call.key.id.encode() + b"\0" + mark).digest()
    entry = app.onces.find(name, call.at)
    if entry is None or not entry.transcript.can_join:
        entry = Entry(name=name, print=mark, transcript=Transcript(client), until=0.0, is_once=False)
        _begin(app, call, entry, run)
        await _first(app, entry, client)
    else:
        await _follow(app, entry, client, first=False)


def _print(call: Call) -> bytes:
    """What makes two requests one. The query, the client's own provider key and the betas that it switches on belong to what is asked."""
    parts = [call.surface.encode(), call.path, call.query, call.headers.get(b"x-tidegate-provider-key", b""), call.body]
    parts += [name + value for name in _BETAS if (value := call.headers.get(name)) is not None]
    return hashlib.sha256(b"\0".join(parts)).digest()


def _begin(app: App, call: Call, entry: Entry, run: Run) -> None:
    app.onces.add(entry)
    claim = Claim(app, call, entry.name, entry.print) if entry.is_once else None

    async def made() -> None:
        try:
            entry.is_elsewhere = claim is not None and not await claim.take()
            if not entry.is_elsewhere:
                await run(entry.transcript)
        finally:
            entry.transcript.stopped()
            entry.is_free = not call.was_sent
            said = entry.transcript.said()
            try:
                # First this, then the end for the client: who has an answer gets it again, also after a `kill -9`.
                if claim is not None and not entry.is_elsewhere:
                    await (claim.free() if entry.is_free else claim.ended(said, is_long=said is None and entry.transcript.is_ended))
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
        raise _too_long()
    if transcript.is_broken and not entry.is_elsewhere:
        raise _unknown()
    try:
        await _follow(app, entry, client, first=False)
    except TimeoutError:
        raise in_progress() from None


async def _first(app: App, entry: Entry, client: Client) -> None:
    await _follow(app, entry, client, first=True)


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


def _from_kept(app: App, name: bytes, kept: Row, client: Client, mark: bytes, now: float) -> Entry:
    """An answer of an earlier process, or of another gateway. Raises `GatewayError` where it was never known how that ended."""
    if kept.print != mark:
        raise _another()
    if kept.said is None:
        raise _too_long() if kept.is_long else _unknown()
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


def _another() -> GatewayError:
    message = "This `Idempotency-Key` was used for another request: take a new one for this."
    return GatewayError(Error(kind=ErrorKind.BAD_REQUEST, status=422, message=message, code="idempotency_key_reused"))


def _too_long() -> GatewayError:
    message = f"The answer to this `Idempotency-Key` is longer than {MOST_KEPT >> 20} MiB, and is not kept: use a new key."
    return GatewayError(Error(kind=ErrorKind.BAD_REQUEST, status=422, message=message, code="idempotent_answer_too_long"))


def _unknown() -> GatewayError:
    message = "The call with this `Idempotency-Key` was broken off, and may have been made and charged: take a new key to make it again."
    return GatewayError(Error(kind=ErrorKind.BAD_REQUEST, status=422, message=message, code="idempotent_call_broken_off"))

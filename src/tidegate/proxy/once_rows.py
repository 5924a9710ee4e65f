"""What the database has of calls that are made once: which gateway makes one, and what was answered. Used by `once`.

A gateway that makes a call says again and again that it still does. Where its last word is too old, and where the gateway itself has been
started anew, the call was broken off. While the database is away, what this process knows has to do.
"""

import asyncio
from asyncio import TimerHandle

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ports import StorageUnavailable
from tidegate.ports.kept import Kept, Put
from tidegate.proxy.admission import end_user
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.transcript import Said
from tidegate.records import Tenant

LASTS = 86_400
"""Seconds for which an answer is kept."""
WAIT = 300.0
"""Seconds that a repetition waits for the beginning of an answer, and for the whole of one that another gateway makes."""
HELD, AGAIN = 30.0, 10.0
"""Seconds for which a word that a call is being made is believed, and between two of them."""
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 1.0
_RUNNING, _ENDED = "running", "ended"


class Row(msgspec.Struct, frozen=True):
    """As it is kept in the database. `owner` is who makes the call, `until` in Unix seconds how long that is believed."""

    print: bytes
    said: Said | None = None
    owner: str = ""
    until: float = 0.0
    is_long: bool = False
    """It was answered, with more than is kept."""


class Claim:
    """The row of one call, for the gateway that makes it."""

    def __init__(self, app: App, call: Call, name: bytes, mark: bytes) -> None:
        self._app = app
        self._call = call
        self._name = name
        self._mark = mark
        self._timer: TimerHandle | None = None
        self._telling: asyncio.Task[None] | None = None
        self._is_over = False

    async def take(self) -> bool:
        """Says that this gateway makes the call, before anything is sent. False where another one does, or has."""
        try:
            store = await self._app.conversations.store()
            taken = await store.make(self._tenant, self._running())
        except StorageUnavailable:
            return True
        if taken:
            self._later()
        return taken

    async def ended(self, said: Said | None, *, is_long: bool) -> None:
        """What has become of it."""
        await self._over()
        await self._write(self._row(Row(self._mark, said, is_long=is_long), _ENDED))

    async def free(self) -> None:
        """Nothing reached a provider, or nothing that it has begun."""
        await self._over()
        try:
            await (await self._app.conversations.store()).remove(self._tenant, id_of(self._name))
        except StorageUnavailable:
            return

    @property
    def _tenant(self) -> Tenant:
        return Tenant(self._call.key.org)

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(AGAIN, self._tell)

    def _tell(self) -> None:
        self._telling = asyncio.create_task(self._told())

    async def _told(self) -> None:
        await self._write(self._running())
        if not self._is_over:
            self._later()

    async def _over(self) -> None:
        """Nothing more is told of its running, that would come after its end."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._telling is not None:
            await asyncio.wait((self._telling,))

    async def _write(self, row: Kept) -> None:
        try:
            await (await self._app.conversations.store()).write(self._tenant, [Put(row)])
        except StorageUnavailable:
            return

    def _running(self) -> Kept:
        return self._row(Row(self._mark, owner=self._app.onces.owner, until=self._app.clock.now() + HELD), _RUNNING)

    def _row(self, row: Row, state: str) -> Kept:
        call = self._call
        return Kept(
            org=call.key.org,
            id=id_of(self._name),
            key=call.key.id,
            kind="answer",
            upstream="",
            at=call.at,
            expires=call.at + LASTS,
            body=msgspec.msgpack.encode(row),
            state=state,
            end_user=end_user(call.fields, call.dialect.name),
        )


async def known(app: App, call: Call, name: bytes, mark: bytes) -> Row | None:
    """What the database has of a call. One with the same `mark` that another gateway makes is waited for. Raises `GatewayError` where that
    takes too long."""
    ends, look, waits = app.clock.monotonic() + WAIT, _FIRST_LOOK, False
    while True:
        try:
            row = await _found(app, call, name)
        except StorageUnavailable:
            if not waits:
                return None
        else:
            if row is None or row.print != mark or not _runs_elsewhere(app, row):
                return row
        if app.clock.monotonic() >= ends:
            raise in_progress()
        waits = True
        await asyncio.sleep(look)
        look = min(2 * look, _LONGEST_LOOK)


def _runs_elsewhere(app: App, row: Row) -> bool:
    return row.said is None and not row.is_long and row.owner != app.onces.owner and row.until > app.clock.now()


async def _found(app: App, call: Call, name: bytes) -> Row | None:
    """Raises `StorageUnavailable`."""
    store = await app.conversations.store()
    row = await store.get(Tenant(call.key.org), id_of(name))
    if row is None or row.kind != "answer" or (row.expires is not None and row.expires <= call.at):
        return None
    return msgspec.msgpack.decode(row.body, type=Row)


def in_progress() -> GatewayError:
    message = "The call with this `Idempotency-Key` still runs: try again in a moment."
    return GatewayError(Error(kind=ErrorKind.CONFLICT, message=message, code="idempotent_call_in_progress", retry_after=1.0))


def id_of(name: bytes) -> str:
    return "once_" + name.hex()

"""What calls keep, before the database has it: taken at once, and written in the order in which it came.

A process that is killed loses what it took in the last moments; one that ends writes everything first. While the database is away, the
newest 256 MiB wait for it.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from tidegate.logs import Log
from tidegate.ports import Clock, StorageUnavailable
from tidegate.ports.kept import Append, Drop, Kept, KeptStore, Put, Write
from tidegate.records import Tenant

LIMIT = 256 << 20
"""Bytes that may wait."""
BATCH = 64
"""Writes in one transaction."""
SECOND_LOOK = 0.1
"""Seconds until what is not there is looked for once more: the gateway that just gave the id to the client may still be writing it."""
START = 10.0
"""Seconds that a call waits for the database of a gateway that has just started: it is opened once calls are served."""
_RETRY = 1.0
_WRITE = 500
"""Bytes that a write counts besides its data."""

_LOG = Log("tidegate.kept")


class WriteBehind:
    """Implements `ports.kept.Conversations`. `ready` gives it the store, `run` writes."""

    def __init__(self, clock: Clock, *, limit: int = LIMIT, second_look: float = SECOND_LOOK, start: float = START) -> None:
        self._clock = clock
        self._limit = limit
        self._second_look = second_look
        self._start = start
        self._store: KeptStore | None = None
        self._there = asyncio.Event()
        self._waiting: list[Write] = []
        self._by_id: dict[tuple[str, str], list[Write]] = {}
        self._size = 0
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()

    def ready(self, store: KeptStore) -> None:
        """From now on there is a database."""
        self._store = store
        self._there.set()
        self._wake.set()

    async def store(self) -> KeptStore:
        if self._store is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._start):
                    await self._there.wait()
        if self._store is None:
            raise StorageUnavailable("the database has not been reached yet")
        return self._store

    def put(self, row: Kept) -> None:
        self._take(Put(row))

    def add(self, org: str, id: str, data: bytes, expires: float | None, end_user: str = "") -> None:
        self._take(Append(org, id, data, expires, end_user))

    def remove(self, org: str, id: str) -> None:
        self._take(Drop(org, id))

    async def get(self, org: str, id: str) -> Kept | None:
        for one in reversed(self._by_id.get((org, id), ())):
            if isinstance(one, Put):
                expires = one.row.expires
                return one.row if expires is None or expires > self._clock.now() else None
            if isinstance(one, Drop):
                return None
        store = await self.store()
        found = await store.get(Tenant(org), id)
        if found is None and self._second_look:
            await asyncio.sleep(self._second_look)
            found = await store.get(Tenant(org), id)
        return found

    async def parts(self, org: str, id: str) -> list[tuple[int, bytes]]:
        await self.flush()
        store, found = await self.store(), list[tuple[int, bytes]]()
        while page := await store.parts(Tenant(org), id, after=found[-1][0] if found else -1):
            found += page
        return found

    async def run(self) -> None:
        """For ever. A database that is away is asked again."""
        told = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
            except StorageUnavailable as error:
                if not told:
                    _LOG.error("what is kept of responses waits for the database", error=str(error))
                told = True
                await asyncio.sleep(_RETRY)
                self._wake.set()
            else:
                told = False

    async def flush(self) -> None:
        """Writes everything that was taken before. Raises `StorageUnavailable`."""
        async with self._turn:
            while self._waiting:
                first = _org(self._waiting[0])
                batch = [one for one in self._waiting[:BATCH] if _org(one) == first]
                await self._written(Tenant(first), batch)

    async def _written(self, tenant: Tenant, batch: Sequence[Write]) -> None:
        """Writes the batch and forgets it. A cancellation waits for that: what was added but not forgotten would be added again."""
        writing = asyncio.ensure_future(self._write(tenant, batch))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait((writing,))
            if writing.exception() is None:
                self._forget(batch)
            raise
        self._forget(batch)

    async def _write(self, tenant: Tenant, batch: Sequence[Write]) -> None:
        store = await self.store()
        try:
            await store.write(tenant, batch)
        except StorageUnavailable:
            raise
        except Exception as error:
            if len(batch) == 1:
                _LOG.exception("something that was to be kept cannot be stored", kind=type(batch[0]).__name__, error=type(error).__name__)
                return
            for one in batch:
                await self._write(tenant, [one])

    def _take(self, one: Write) -> None:
        self._waiting.append(one)
        self._by_id.setdefault((_org(one), _id(one)), []).append(one)
        self._size += _size(one)
        if self._size > self._limit and len(self._waiting) > BATCH and not self._turn.locked():
            oldest = self._waiting[0]
            _LOG.error("too much waits for the database: the oldest is not kept", id=_id(oldest))
            self._forget([oldest])
        self._wake.set()

    def _forget(self, batch: Sequence[Write]) -> None:
        done = set(batch)
        self._waiting = [one for one in self._waiting if one not in done]
        for one in batch:
            place = (_org(one), _id(one))
            left = [other for other in self._by_id[place] if other is not one]
            if left:
                self._by_id[place] = left
            else:
                del self._by_id[place]
            self._size -= _size(one)


def _org(one: Write) -> str:
    return one.row.org if isinstance(one, Put) else one.org


def _id(one: Write) -> str:
    return one.row.id if isinstance(one, Put) else one.id


def _size(one: Write) -> int:
    return _WRITE + (len(one.row.body) if isinstance(one, Put) else len(one.data) if isinstance(one, Append) else 0)

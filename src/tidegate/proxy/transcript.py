"""What a call answers, written down while it runs, so that several clients can have it: those that are there follow it live, from its
beginning, and those that come later get it again.

Bounded: of an answer that is longer than may be kept, the beginning is let go once all that follow have it, and nobody can join any more.
"""

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from tidegate.ports import Client, RawHeaders
from tidegate.proxy.failure import BrokenOff

MOST_KEPT = 1 << 20
"""Bytes of an answer that are kept."""
AHEAD = 256 << 10
"""Bytes that a call may be ahead of its slowest client, beyond what is kept."""


class Said(msgspec.Struct, frozen=True):
    """A whole answer as it was given. `streamed`: without a length."""

    status: int
    headers: RawHeaders
    body: bytes
    streamed: bool


class Transcript:
    """Stands for the client of a call (see `ports.Client`), of which it has the request from `client`. Of one that is `held`
    nobody hears the end before `release`."""

    def __init__(self, client: Client, *, held: bool = False) -> None:
        self.method = client.method
        self.path = client.path
        self.query = client.query
        self.headers = client.headers
        self.fields = client.fields
        self.peer = client.peer
        self.status = 0
        self.is_ended = False
        self.is_broken = False
        self.followers = 0
        self._held = held
        self._head: RawHeaders = []
        self._streamed = False
        self._pieces: list[bytes] = []
        self._gone = 0
        self._size = 0
        self._places: dict[int, int] = {}
        self._moved: asyncio.Future[None] | None = None

    @property
    def can_join(self) -> bool:
        """Whether its beginning is still there."""
        return not self._gone and self._size <= MOST_KEPT

    @property
    def is_begun(self) -> bool:
        return self.status != 0

    async def body(self, limit: int) -> bytes:
        """The request was read before."""
        raise RuntimeError("the body of this request was read already")

    async def pieces(self, limit: int) -> AsyncGenerator[bytes]:
        """The same."""
        yield await self.body(limit)

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.status, self._head, self.is_ended = status, headers, True
        self._take(body)

    def begin(self, status: int, headers: RawHeaders) -> None:
        self.status, self._head, self._streamed = status, headers, True
        self._wake()

    def piece(self, data: bytes) -> bool:
        self._take(data)
        return self._size - self._read() < AHEAD + MOST_KEPT

    async def drained(self) -> None:
        while self.followers and self._size - self._read() >= AHEAD + MOST_KEPT:
            await self._change()

    def end(self) -> None:
        self.is_ended = True
        self._wake()

    def stopped(self) -> None:
        """The call is over. Where it has not ended its answer, that is broken off."""
        self.is_broken = not self.is_ended
        self._wake()

    def said(self) -> Said | None:
        """The whole answer, where it has ended and is not too long to be kept."""
        if not self.is_ended or not self.can_join:
            return None
        return Said(self.status, self._head, b"".join(self._pieces), self._streamed)

    def release(self) -> None:
        """What has ended may be told to its end."""
        self._held = False
        self._wake()
        self._forget()

    async def follow(self, client: Client, told: RawHeaders, wait: float | None = None) -> None:
        """Gives the answer to a client, from its beginning; `told` are further headers. Raises `BrokenOff` where it breaks off, and
        `TimeoutError` where it does not begin within `wait` seconds."""
        number = self._join()
        try:
            async with asyncio.timeout(wait):
                while not self.status or (self._held and not self._streamed):
                    if self.is_broken:
                        raise BrokenOff
                    await self._change()
            if not self._streamed:
                client.whole(self.status, [*self._head, *told], b"".join(self._pieces))
                return
            client.begin(self.status, [*self._head, *told])
            await self._give(client, number)
        finally:
            self._leave(number)

    async def _give(self, client: Client, number: int) -> None:
        while True:
            at = self._places[number]
            if at < self._gone + len(self._pieces):
                self._places[number] = at + 1
                data = self._pieces[at - self._gone]
                self._let_go()
                if not client.piece(data):
                    await client.drained()
                    self._wake()
            elif self.is_ended and not self._held:
                client.end()
                return
            elif self.is_broken:
                raise BrokenOff
            else:
                await self._change()

    def _join(self) -> int:
        number = max(self._places, default=0) + 1
        self._places[number] = 0
        self.followers += 1
        return number

    def _leave(self, number: int) -> None:
        del self._places[number]
        self.followers -= 1
        self._wake()
        self._forget()

    def _forget(self) -> None:
        """What nobody can have again, once the last has it: an answer that broke off, or is too long to be kept."""
        if not self._held and not self.followers and (self.is_broken or (self.is_ended and not self.can_join)):
            self._pieces.clear()

    def _take(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        self._let_go()
        self._wake()

    def _let_go(self) -> None:
        """Of an answer that is not kept, what all have read."""
        if self._size <= MOST_KEPT or not self._streamed:
            return
        read = min(self._places.values(), default=self._gone + len(self._pieces))
        if read > self._gone:
            del self._pieces[: read - self._gone]
            self._gone = read

    def _read(self) -> int:
        """Bytes that the slowest client has, where there is one."""
        if not self._places:
            return self._size
        ahead = min(self._places.values()) - self._gone
        return self._size - sum(map(len, self._pieces[max(0, ahead) :]))

    def _wake(self) -> None:
        moved, self._moved = self._moved, None
        if moved is not None and not moved.done():
            moved.set_result(None)

    async def _change(self) -> None:
        if self._moved is None:
            self._moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._moved)

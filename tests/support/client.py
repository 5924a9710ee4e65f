"""The port `Client` in memory: a request as the test gives it, and what was answered."""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from tidegate.ports import BodyTooLong, BrokenBody, RawHeaders


class MemoryClient:
    """`status` is 0 until an answer begins; `headers_sent` and `sent` are what it holds, `complete` that it has ended. `congested_after`
    is how many pieces it takes before it reads too slowly, until somebody waits."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes | Exception = b"") -> None:
        path, _, query = target.partition("?")
        self.method = method
        self.path = path.encode("latin-1")
        self.query = query.encode()
        self.headers: RawHeaders = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.fields: Mapping[bytes, bytes] = dict(self.headers)
        self.peer = "127.0.0.1"
        self.status = 0
        self.headers_sent: dict[str, str] = {}
        self.sent = b""
        self.complete = False
        self.is_broken = isinstance(body, BrokenBody)
        self.congested_after = 1 << 30
        self.waits = 0
        self.piece_size = 1000
        self._body = body
        self._pieces = 0

    @property
    def is_begun(self) -> bool:
        return self.status != 0

    async def body(self, limit: int) -> bytes:
        if isinstance(self._body, Exception):
            raise self._body
        if len(self._body) > limit:
            raise BodyTooLong
        return self._body

    async def pieces(self, limit: int) -> AsyncGenerator[bytes]:
        body = await self.body(limit)
        for at in range(0, len(body), self.piece_size):
            yield body[at : at + self.piece_size]

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.begin(status, [*headers, (b"content-length", str(len(body)).encode())])
        self.sent = body
        self.complete = True

    def begin(self, status: int, headers: RawHeaders) -> None:
        assert not self.status, "the answer has been begun already"
        self.status = status
        self.headers_sent = {name.decode(): value.decode() for name, value in headers}

    def piece(self, data: bytes) -> bool:
        assert self.status
        assert not self.complete
        self.sent += data
        self._pieces += 1
        return self._pieces < self.congested_after

    async def drained(self) -> None:
        self.waits += 1
        self._pieces = 0

    def end(self) -> None:
        assert self.status
        assert not self.complete
        self.complete = True

    def json(self) -> Any:
        """The answer's body."""
        return json.loads(self.sent)

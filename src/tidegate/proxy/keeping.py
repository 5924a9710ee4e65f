"""The client's side of a response that is to be kept: what goes out is read on its way, and handed over before the client has all of it."""

from collections.abc import AsyncGenerator, Callable, Mapping

from tidegate.dialects.values import object_or_empty, parse
from tidegate.ir.json import JsonObject
from tidegate.ports import Client, RawHeaders
from tidegate.wire.sse import SseParser

Keep = Callable[[JsonObject], None]
_STATES = (b'"response.created"', b'"response.completed"', b'"response.incomplete"', b'"response.failed"')
"""In a text of the model the quotes are escaped."""
_LONGEST = 64 << 20


class KeepingClient:
    """See `ports.Client`. `keep` gets the response object when it begins and when it ends."""

    def __init__(self, client: Client, keep: Keep) -> None:
        self._client = client
        self._keep = keep

    @property
    def method(self) -> str:
        return self._client.method

    @property
    def path(self) -> bytes:
        return self._client.path

    @property
    def query(self) -> bytes:
        return self._client.query

    @property
    def headers(self) -> RawHeaders:
        return self._client.headers

    @property
    def fields(self) -> Mapping[bytes, bytes]:
        return self._client.fields

    @property
    def peer(self) -> str:
        return self._client.peer

    @property
    def is_begun(self) -> bool:
        return self._client.is_begun

    async def body(self, limit: int) -> bytes:
        return await self._client.body(limit)

    def pieces(self, limit: int) -> AsyncGenerator[bytes]:
        return self._client.pieces(limit)

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        if status == 200:
            self._read(body)
        self._client.whole(status, headers, body)

    def begin(self, status: int, headers: RawHeaders) -> None:
        self._client.begin(status, headers)

    def piece(self, data: bytes) -> bool:
        if any(state in data for state in _STATES):
            parser = SseParser(_LONGEST)
            for frame in [*parser.feed(data), *parser.end()]:
                if frame.data is not None and any(state in frame.data for state in _STATES):
                    self._read(frame.data)
        return self._client.piece(data)

    def _read(self, body: bytes) -> None:
        try:
            value = object_or_empty(parse(body))
        except ValueError:
            return
        response = object_or_empty(value.get("response")) or value
        if response.get("object") == "response" and type(response.get("id")) is str:
            self._keep(response)

    async def drained(self) -> None:
        await self._client.drained()

    def end(self) -> None:
        self._client.end()

"""An answer that came compressed. Nobody asked for that, but there are servers and proxies that do it all the same. What is
compressed in a way that is not known here stays as it is. Made by `http` only."""

from collections.abc import Callable, Iterator, Mapping

from tidegate.adapters.http_connection import joined
from tidegate.ports import UpstreamAnswer, UpstreamFailure
from tidegate.wire.inflate import ENCODINGS, InflateError, Inflater

_MOST_TIMES = 1000
"""How many times its size an answer may become, past the first MiB: gzip makes a thousandth of one event that repeats itself."""
_UNTESTED = 1 << 20
_OF_THE_WIRE = frozenset(("content-encoding", "content-length"))


def inflated(answer: UpstreamAnswer) -> UpstreamAnswer:
    """The same answer as it was before it was compressed."""
    encoding = answer.headers["content-encoding"].strip().lower().encode("latin-1")
    return InflatedAnswer(answer, Inflater(encoding)) if encoding in ENCODINGS else answer


class InflatedAnswer:
    """As the port says."""

    def __init__(self, answer: UpstreamAnswer, inflater: Inflater) -> None:
        self._answer = answer
        self._inflater = inflater
        self._steps: Iterator[bytes] = iter(())
        self._came = self._made = 0
        self.status = answer.status
        self.headers: Mapping[str, str] = {name: value for name, value in answer.headers.items() if name not in _OF_THE_WIRE}

    async def read(self, limit: int) -> bytes:
        return await joined(self.piece, limit)

    async def piece(self) -> bytes:
        while (made := next(self._steps, None)) is None:
            data = await self._answer.piece()
            if not data:
                self._end()
                return b""
            self._steps = self._inflate(data)
        return made

    async def pump(self, give: Callable[[bytes], bool]) -> bool:
        def take(data: bytes) -> bool:
            self._steps = self._inflate(data)
            return all(map(give, self._steps))

        if not all(map(give, self._steps)) or not await self._answer.pump(take):
            return False
        self._end()
        return True

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        self._came += len(data)
        try:
            for piece in self._inflater.feed(data):
                self._made += len(piece)
                if self._made > _UNTESTED and self._made > _MOST_TIMES * self._came:
                    raise UpstreamFailure("body", f"the answer becomes more than {_MOST_TIMES} times as large as it was sent")
                yield piece
        except InflateError as broken:
            raise UpstreamFailure("body", str(broken)) from None

    def _end(self) -> None:
        if self._came:
            try:
                self._inflater.end()
            except InflateError as broken:
                raise UpstreamFailure("body", str(broken)) from None

    def flows(self) -> None:
        self._answer.flows()

    def close(self) -> None:
        self._answer.close()

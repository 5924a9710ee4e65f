"""What the laws need of a dialect beside its record: how its requests and answers are compared, what to start its fuzzing from, and which
recordings break a law for a reason. The table of all of them is in `subjects.table`."""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from tests.laws.recorded import decoded, own_cases, own_file, profile

from tidegate.dialects.base import Dialect, Stamp
from tidegate.ir.content import Origin
from tidegate.ir.events import BlockStart, BlockStop, Event, Finished, Started
from tidegate.ir.fold import fold
from tidegate.ir.request import Request
from tidegate.ir.response import Response
from tidegate.ir.target import Profile
from tidegate.wire.frame import Frame
from tidegate.wire.framings import FRAMINGS

STAMP = Stamp("0stem0", 1)


def _same(value: Any) -> Any:
    return value


def _with_the_target(request: Request) -> Request:
    return msgspec.structs.replace(request, model="target-model")


def _nothing(_body: bytes) -> bool:
    return False


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """`api` is the recordings' word for the dialect and `least` how many of its recordings there are at least."""

    dialect: Dialect
    api: str
    least: int
    normal: Callable[[Any], Any]
    """Two requests that mean the same are equal in this form."""
    bare: Callable[[Response], Response]
    """An answer without what a stream of it cannot say."""
    kept: Callable[[Response], Response] = _same
    """An answer without what it does not keep when it is written and read once more."""
    folded: Callable[[Response], Response]
    """An answer that came as a stream without what it does not keep when it is written whole."""
    told: Callable[[Response, Response], bool]
    """(what a stream told, the whole answer) -> whether they are the same."""
    sent: Callable[[Request], Request] = _with_the_target
    """A request as it is after it was sent to `target-model` and read there."""
    recorded_request: Callable[[dict[str, Any]], dict[str, Any]] = _same
    more_seeds: tuple[dict[str, Any], ...] = ()
    foreign: tuple[Callable[[Request], Request], ...]
    """The dialect's own request made one of another dialect, for its encoder."""
    targets: tuple[Profile, ...]
    """What such requests are encoded for."""
    ended: Callable[[bytes], bool]
    """Whether a written stream has the dialect's end."""
    hides: Callable[[bytes], bool] = _nothing
    """Whether the tap may hide an event with this data from the client."""
    own_stream: Callable[[str], bytes | None]
    invalid_requests: frozenset[str] = frozenset()
    changed_answers: frozenset[str] = frozenset()
    """Recorded answers that are not the same once they are written and read again."""
    arrays: bool = False
    """Whether recorded answers may be a stream that came as one array, which is no whole answer to a tap."""

    names_model: bool = True
    """Whether answers say their model."""

    @property
    def name(self) -> str:
        return self.dialect.name

    @property
    def origin(self) -> Origin:
        return Origin(self.name, "p", "target-model")

    @property
    def cases(self) -> list[str]:
        return own_cases(self.name)

    @property
    def streamed(self) -> list[str]:
        return [case for case in self.cases if self.own_stream(case) is not None]

    @property
    def answered(self) -> list[str]:
        """The cases with a whole answer and the same as a stream."""
        return [case for case in self.streamed if own_file(self.name, case, "response.json")]

    @property
    def asked(self) -> Request:
        """A request that asks for everything an answer may tell."""
        return msgspec.structs.replace(self.dialect.decode_request(self.read("text", "request.json")), include_usage=True)

    @property
    def seeds(self) -> list[dict[str, Any]]:
        return [json.loads(self.read(case, "request.json")) for case in self.cases] + [*self.more_seeds]

    def read(self, case: str, part: str) -> bytes:
        body = own_file(self.name, case, part)
        assert body is not None
        return body

    def stream(self, case: str) -> bytes:
        body = self.own_stream(case)
        assert body is not None
        return body

    def frames(self, chunks: Iterable[bytes]) -> list[Frame]:
        framer = FRAMINGS[self.dialect.framing].framer(1 << 26)
        found = [frame for chunk in chunks for frame in framer.feed(chunk)]
        return [frame for frame in [*found, *framer.end()] if frame.data is not None]

    def events(self, body: bytes, size: int = 0) -> list[Event]:
        """The events of a stream that comes in pieces of `size` bytes, or in one."""
        size = size or len(body) or 1
        chunks = (body[at : at + size] for at in range(0, len(body), size))
        return decoded(self.dialect, self.frames(chunks), self.origin)

    def written(self, events: Iterable[Event], request: Request | None = None) -> bytes:
        encoder = self.dialect.stream_encoder(STAMP, self.asked if request is None else request)
        return b"".join(encoder.feed(event) for event in events)

    def again(self, events: Iterable[Event]) -> Response:
        """What a stream says that was written and read again."""
        return fold(self.events(self.written(events)), self.name)

    def same_request(self, body: dict[str, Any]) -> bool:
        request = self.dialect.decode_request(json.dumps(body).encode())
        encoded = self.dialect.encode_request(request, profile())
        return (
            not encoded.losses
            and self.normal(json.loads(encoded.body)) == self.normal(body)
            and self.sent(self.dialect.decode_request(encoded.body)) == self.sent(request)
        )

    def tap_agrees(self, body: bytes, answer: Response) -> bool:
        """The tap reads what the decoder does, and hides nothing that it may not hide."""
        tap = self.dialect.tap()
        hidden = [frame.data or b"" for frame in self.frames([body]) if tap.feed(frame.event, frame.data or b"")]
        read = (tap.usage, tap.model if self.names_model else answer.model, tap.finished, tap.committed, tap.error)
        return read == (answer.usage, answer.model, True, True, None) and len(hidden) <= 1 and all(map(self.hides, hidden))

    def whole_tap_agrees(self, body: bytes, answer: Response) -> bool:
        tapped = self.dialect.tap_whole(body)
        return (tapped.model, tapped.usage) == (answer.model if self.names_model else "", answer.usage)


def well_formed(events: list[Event]) -> bool:
    """The grammar of `ir.events`."""
    opened = [event.index for event in events if isinstance(event, BlockStart)]
    closed = [event.index for event in events if isinstance(event, BlockStop)]
    return (
        isinstance(events[0], Started)
        and isinstance(events[-1], Finished)
        and sum(isinstance(event, Started | Finished) for event in events) == 2
        and opened == list(range(len(opened)))
        and sorted(closed) == opened
    )


def recorded_stream(exchange: dict[str, Any]) -> bytes | None:
    """A recorded stream's bytes; None for a whole answer."""
    if exchange.get("response_body_b64"):
        return base64.b64decode(exchange["response_body_b64"])
    return exchange["sse"].encode() if exchange.get("sse") else None

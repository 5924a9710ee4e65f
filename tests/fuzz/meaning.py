"""What is fuzzed of the dialects: decoders raise nothing but `GatewayError`, what they understood every encoder can say (or refuse), and
the events of a stream do not depend on how it is cut. Each takes the bytes that a client or a provider sent."""

import contextlib
import json
from collections.abc import Callable

import msgspec
from tests.fuzz.framing import pieces
from tests.laws.recorded import profile

from tidegate.dialects.base import Dialect, Stamp
from tidegate.dialects.table import DIALECTS, SPOKEN
from tidegate.ir.content import Origin
from tidegate.ir.errors import GatewayError
from tidegate.ir.events import Event
from tidegate.ir.fold import fold
from tidegate.ir.request import Request
from tidegate.wire.frame import FrameError
from tidegate.wire.framings import FRAMINGS
from tidegate.wire.splice import JsonError, read, scan

STAMP = Stamp("0stem0", 1)
ASKED = Request(dialect="openai_chat", model="m", messages=[], include_usage=True)
LIMIT = 1 << 20


def _origin(dialect: Dialect) -> Origin:
    return Origin(dialect.name, "p", "target-model")


def request_of(dialect: Dialect) -> Callable[[bytes], None]:
    def fuzzed(data: bytes) -> None:
        try:
            scan(data)
            read(data)
            request = dialect.decode_request(data)
        except (JsonError, GatewayError):
            return
        for other in DIALECTS.values():
            with contextlib.suppress(GatewayError):
                json.loads(other.encode_request(msgspec.structs.replace(request, model="target-model"), profile()).body)

    return fuzzed


def answer_of(dialect: Dialect) -> Callable[[bytes], None]:
    def fuzzed(data: bytes) -> None:
        dialect.tap_whole(data)
        error = dialect.decode_error(400, data)
        for other in SPOKEN.values():
            json.loads(other.encode_error(error, "req_1"))
        try:
            response = dialect.decode_response(data, _origin(dialect))
        except GatewayError:
            return
        for other in DIALECTS.values():
            with contextlib.suppress(GatewayError):
                json.loads(other.encode_response(response, STAMP, ASKED).body)

    return fuzzed


def stream_of(dialect: Dialect) -> Callable[[bytes], None]:
    """It is sent as server-sent events, whatever the dialect's framing, since the framings are fuzzed by themselves."""

    def events(chunks: list[bytes]) -> list[Event]:
        framer, decoder, tap = FRAMINGS["sse"].framer(LIMIT), dialect.stream_decoder(_origin(dialect)), dialect.tap()
        found: list[Event] = []
        with contextlib.suppress(FrameError):
            frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
            for frame in [*frames, *framer.end()]:
                if frame.data is not None:
                    tap.feed(frame.event, frame.data)
                    found += decoder.feed(frame.event, frame.data)
        return [*found, *decoder.end()]

    def fuzzed(data: bytes) -> None:
        found = events([data])
        assert events(pieces(data)) == found
        for other in DIALECTS.values():
            encoder = other.stream_encoder(STAMP, ASKED)
            with contextlib.suppress(GatewayError):
                for event in found:
                    encoder.feed(event)
        with contextlib.suppress(GatewayError):
            fold(found, dialect.name)

    return fuzzed

"""Hands a provider's good answer to the client, whole or piece by piece.

Both functions return None once the client has its answer, or the `Failure` that was found before anything was sent. A stream is held
back until its first content while another target could still take over; after that it ends with its own end or with the client
dialect's error event, never with a forged one.
"""

import asyncio

import msgspec

from tidegate.dialects.table import DIALECTS
from tidegate.dialects.values import object_of
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.fold import Fold, unfold
from tidegate.ir.response import Response
from tidegate.ports import UpstreamAnswer, UpstreamFailure
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.delivered import Delivered
from tidegate.proxy.drains import RETAINED
from tidegate.proxy.failure import BrokenOff, Failure, failure_of
from tidegate.proxy.filtered import UNWATCHED, FilterWatch, filtered, is_body_filtered, is_filtered
from tidegate.proxy.gate import Gate
from tidegate.proxy.headers import header_value, returned
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.reply import JSON
from tidegate.proxy.streams import IdentityStream, Stream, TranscodedStream, broken_off, unreadable
from tidegate.proxy.thinking import ThinkingCollector, remember
from tidegate.wire.frame import FrameError
from tidegate.wire.framings import FRAMINGS, SSE, Reframed

WHOLE_LIMIT = 32 << 20
"""Bytes of a whole answer."""
LIMIT = 16 << 20
"""Bytes of one event of a stream: images and search results come in one piece."""
NO_JSON = Error(kind=ErrorKind.UPSTREAM, message="the provider's answer is no JSON object", code="upstream_invalid_response")


async def whole(attempt: Attempt, answer: UpstreamAnswer) -> Failure | None:
    """An answer in one piece. An error that came with a good status is a `Failure` too, so that the client gets it with a status of its
    kind."""
    prepared, call = attempt.prepared, attempt.call
    body = await (_bounded(attempt, answer) if attempt.lasts else answer.read(WHOLE_LIMIT))
    try:
        if prepared.identity and not _is_stream(prepared, answer):
            read = prepared.dialect.tap_whole(body)
            attempt.model, attempt.usage = read.model, read.usage
            if read.model is None:
                _check(prepared, body)
            if attempt.diverts and is_body_filtered(prepared, body):
                return Failure(filtered(attempt), returned(answer.headers))
            if prepared.convert is not None:
                body = prepared.convert(body)
        else:
            response = _learned(attempt, _decoded(prepared, answer, body))
            if attempt.diverts and is_filtered(response):
                return Failure(filtered(attempt), returned(answer.headers))
            encoded = call.dialect.encode_response(response, call.stamp, prepared.request or call.meant())
            attempt.losses += encoded.losses
            body = encoded.body
    except GatewayError as unusable:
        return Failure(unusable.error, returned(answer.headers))
    if not attempt.claims():
        raise asyncio.CancelledError
    attempt.first_byte()
    if attempt.logs:
        attempt.log(body)
    attempt.status = answer.status
    await attempt.settled()
    await attempt.reply.whole(answer.status, JSON, body, [*attempt.headers(), *returned(answer.headers)])
    return None


async def _bounded(attempt: Attempt, answer: UpstreamAnswer) -> bytes:
    """A whole answer of a call that may go on without its client: little of it is kept then, and above that it is cancelled."""
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.piece():
        size += len(piece)
        if size > WHOLE_LIMIT:
            raise UpstreamFailure("body", f"the answer is longer than {WHOLE_LIMIT} bytes")
        if attempt.is_drained and size > RETAINED:
            raise asyncio.CancelledError
        pieces.append(piece)
    return b"".join(pieces)


async def passed(attempt: Attempt, answer: UpstreamAnswer) -> Failure | None:
    """An answer of a media type, as it comes: nothing of it is read, and nothing held back. One that is a stream of events, or JSON
    after all, goes the way of those."""
    if _is_stream(attempt.prepared, answer):
        return await streamed(attempt, answer)
    content_type = answer.headers.get("content-type", "application/octet-stream")
    if "json" in content_type:
        return await whole(attempt, answer)
    gate = Gate(attempt, header_value(content_type), returned(answer.headers))
    try:
        while not await answer.pump(lambda chunk: gate.give(chunk, go=True)):
            await attempt.reply.drained()
    except UpstreamFailure as broken:
        failure = failure_of(broken, attempt.target)
        if not gate.is_open:
            return failure
        attempt.error = failure.error
        raise BrokenOff from None
    gate.give(b"", go=True)
    await attempt.settled()
    gate.close()
    return None


async def streamed(attempt: Attempt, answer: UpstreamAnswer) -> Failure | None:
    """An answer piece by piece, as the client asked for."""
    prepared, call = attempt.prepared, attempt.call
    if _is_whole(prepared, answer):
        return await _told_as_stream(attempt, answer)
    framing = FRAMINGS[framing_of(prepared, answer)]
    if DIALECTS.get(prepared.dialect.name) is prepared.dialect:
        attempt.delivered = Delivered(framing.framer, lambda: prepared.dialect.stream_decoder(prepared.origin))
    if prepared.request is None:
        content_type = header_value(answer.headers.get("content-type", "text/event-stream"))
        framer = framing.framer(LIMIT)
        if framing is not FRAMINGS[call.dialect.framing]:
            content_type, framer = call.dialect.stream_type, Reframed(framer, FRAMINGS[call.dialect.framing])
        gate = Gate(attempt, content_type, returned(answer.headers))
        # An operation has taps of its own in the dialect of the client.
        dialect = prepared.dialect if prepared.dialect.name == call.dialect.name else call.dialect
        passed = IdentityStream(dialect, call.request_id, framer, hide_usage=prepared.hide_usage)
        return await _relay(attempt, answer, passed, gate)
    collector = ThinkingCollector()
    stream = TranscodedStream(
        framing.framer(LIMIT),
        prepared.dialect.stream_decoder(prepared.origin),
        call.dialect.stream_encoder(call.stamp, prepared.request),
        call.dialect,
        call.request_id,
        collector,
    )
    try:
        return await _relay(attempt, answer, stream, Gate(attempt, call.dialect.stream_type, returned(answer.headers)))
    finally:
        collector.keep(attempt.app.thinking, call.key.id)


async def _relay(attempt: Attempt, answer: UpstreamAnswer, stream: Stream, gate: Gate) -> Failure | None:
    """A stream that fails before anything was sent is a `Failure`. Where nobody else could take over, what came before the error has been
    sent, or is sent now: how the provider's bytes were cut does not decide about the status."""

    keep = _forget if attempt.delivered is None else attempt.delivered.add
    watch = _watch(attempt, answer)

    def failed() -> bool:
        return stream.error is not None and not gate.is_open and (stream.at_start or not attempt.last)

    def take(chunk: bytes) -> bool:
        """Called within the event that brought the chunk. False ends the pumping: the stream has failed, or the client must read first."""
        keep(chunk)
        out = stream.feed(chunk)
        if gate.is_running and stream.error is None:
            return not out or gate.send(out)
        if watch.feed(chunk):
            return True  # to its end, where its usage is
        if failed():
            return False
        goes_on = gate.give(out, go=stream.committed and not watch.is_open)
        if gate.is_running:
            answer.flows()
        return goes_on and (stream.error is None or stream.told)

    try:
        while not await answer.pump(take):
            if stream.error is not None:
                if failed():
                    return Failure(stream.error, returned(answer.headers))
                if not stream.told:
                    break
            await attempt.reply.drained()
        out = stream.end()
        watch.end()
    except UpstreamFailure as broken:
        failure = failure_of(broken, attempt.target)
        if not gate.is_open:
            return failure
        out = stream.fail(broken_off(failure.error))
    finally:
        attempt.model, attempt.usage, attempt.error = stream.model, stream.usage, stream.error
        attempt.losses += stream.losses
        if stream.error is not None and stream.at_start:
            attempt.delivered = None
    if watch.is_filtered and not gate.is_open:
        return Failure(filtered(attempt), returned(answer.headers))
    if stream.error is not None and failed():
        return Failure(stream.error, returned(answer.headers))
    if stream.error is not None:
        # Before the client is told, since it leaves at once.
        await attempt.count()
    gate.give(out, go=True)
    await attempt.settled()
    gate.close()
    return None


def _watch(attempt: Attempt, answer: UpstreamAnswer) -> FilterWatch:
    if not attempt.diverts or attempt.delivered is None:
        return UNWATCHED
    prepared = attempt.prepared
    return FilterWatch(FRAMINGS[framing_of(prepared, answer)].framer(LIMIT), prepared.dialect.stream_decoder(prepared.origin))


def _forget(_chunk: bytes) -> None:
    """Of an operation, whose deltas are of no dialect."""


async def _told_as_stream(attempt: Attempt, answer: UpstreamAnswer) -> Failure | None:
    """The provider answered whole although a stream was asked for: its answer is told as one."""
    prepared, call = attempt.prepared, attempt.call
    response = _learned(attempt, prepared.dialect.decode_response(await answer.read(WHOLE_LIMIT), prepared.origin))
    if attempt.diverts and is_filtered(response):
        return Failure(filtered(attempt), returned(answer.headers))
    encoder = call.dialect.stream_encoder(call.stamp, prepared.request or call.meant())
    body = b"".join(encoder.feed(event) for event in unfold(response))
    attempt.losses += encoder.losses
    gate = Gate(attempt, call.dialect.stream_type, returned(answer.headers))
    gate.give(body, go=True)
    await attempt.settled()
    gate.close()
    return None


def _check(prepared: Prepared, body: bytes) -> None:
    """An answer that does not say its model is looked at twice: some providers send errors with status 200. Raises `GatewayError`."""
    if not is_object(body):
        raise GatewayError(NO_JSON)
    prepared.dialect.decode_response(body, prepared.origin)


def _learned(attempt: Attempt, response: Response) -> Response:
    attempt.model, attempt.usage = response.model, response.usage
    remember(attempt.app.thinking, attempt.call.key.id, response.blocks)
    return response


def _decoded(prepared: Prepared, answer: UpstreamAnswer, body: bytes) -> Response:
    """The whole answer, also where the provider streamed it unasked."""
    if not _is_stream(prepared, answer):
        return prepared.dialect.decode_response(body, prepared.origin)
    framer, folding = FRAMINGS[framing_of(prepared, answer)].framer(WHOLE_LIMIT), Fold(prepared.dialect.name)
    decoder = prepared.dialect.stream_decoder(prepared.origin)
    try:
        frames = [*framer.feed(body), *framer.end()]
    except FrameError as error:
        raise GatewayError(unreadable(error)) from None
    for framed in frames:
        if framed.data is not None:
            for event in decoder.feed(framed.event, framed.data):
                folding.add(event)
    for event in decoder.end():
        folding.add(event)
    return folding.response()


def framing_of(prepared: Prepared, answer: UpstreamAnswer) -> str:
    """The framing of a stream: that of the provider's wire, or server-sent events where a server in between says that it made those."""
    return SSE if FRAMINGS[SSE].media_type in answer.headers.get("content-type", "") else prepared.framing


def _is_stream(prepared: Prepared, answer: UpstreamAnswer) -> bool:
    content_type = answer.headers.get("content-type", "")
    return FRAMINGS[prepared.framing].media_type in content_type or FRAMINGS[SSE].media_type in content_type


def _is_whole(prepared: Prepared, answer: UpstreamAnswer) -> bool:
    return "json" in answer.headers.get("content-type", "") and not _is_stream(prepared, answer)


def is_object(body: bytes) -> bool:
    """Whether a body is a JSON object, as clients of every dialect expect of an error."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return bool(object_of(body))
    return True

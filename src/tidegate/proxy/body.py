"""The client's body: received with a cap, and scanned once. What is wrong with it becomes a `GatewayError`."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.json import JsonObject
from tidegate.ports import BodyTooLong, BrokenBody, Client, SlowBody
from tidegate.wire.inflate import ENCODINGS, MOST_TIMES, InflatedTooLong, InflateError, inflate
from tidegate.wire.splice import Fields, JsonError, read, scan

_AT_ONCE = 4 << 10
"""Bytes that are inflated without a thread: at most 400 KiB, in under a millisecond."""

_NOT_WHOLE = (BodyTooLong, SlowBody, BrokenBody)


async def received(client: Client, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body, inflated where it is compressed. Raises `GatewayError` TOO_LARGE over `limit` bytes, MEDIA_TYPE where it is
    compressed in another way, REQUEST_TIMEOUT where it did not come in time, and BAD_REQUEST where it is no HTTP."""
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding and encoding not in ENCODINGS:
        _refuse_encoded(headers)
    try:
        body = await client.body(limit)
    except _NOT_WHOLE as broken:
        raise _told(broken, limit, "server.body_limit") from None
    return await _inflated(body, encoding, limit) if encoding in ENCODINGS else body


async def _inflated(body: bytes, encoding: bytes, limit: int) -> bytes:
    try:
        if len(body) <= _AT_ONCE:
            return inflate(body, encoding, limit)
        return await asyncio.to_thread(inflate, body, encoding, limit)
    except InflatedTooLong as long:
        if long.limit == limit:
            raise _too_large(limit, "server.body_limit") from None
        message = f"The body becomes more than {MOST_TIMES} times as large as it was sent, which no honest one does."
        raise GatewayError(Error(kind=ErrorKind.TOO_LARGE, message=message, code="request_too_large")) from None
    except InflateError as broken:
        raise bad_request(f"The body cannot be read: {broken}.", code="invalid_body") from None


async def arriving(client: Client, headers: Mapping[bytes, bytes], limit: int, setting: str) -> AsyncGenerator[bytes]:
    """The body as it comes. Raises as `received`; `setting` is where the operator sets the limit."""
    _refuse_encoded(headers)
    try:
        async for piece in client.pieces(limit):
            yield piece
    except _NOT_WHOLE as broken:
        raise _told(broken, limit, setting) from None


def _refuse_encoded(headers: Mapping[bytes, bytes]) -> None:
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding not in (b"identity", b""):
        raise GatewayError(
            Error(
                kind=ErrorKind.MEDIA_TYPE,
                message=f"The content-encoding `{encoding.decode('latin-1')[:40]}` is not taken: send the body as it is, or a JSON body as "
                "`gzip`, `deflate` or `zstd`.",
                code="unsupported_content_encoding",
            )
        )


def _told(broken: Exception, limit: int, setting: str) -> GatewayError:
    """What is wrong with the body, in words for the client."""
    match broken:
        case BodyTooLong():
            return _too_large(limit, setting)
        case SlowBody():
            message = "The request's body did not arrive in time."
            return GatewayError(Error(kind=ErrorKind.REQUEST_TIMEOUT, message=message, code="request_timeout"))
        case _:
            return bad_request("The request's body is broken: its chunks are not of HTTP/1.1.", code="invalid_body")


def _too_large(limit: int, setting: str) -> GatewayError:
    return GatewayError(
        Error(
            kind=ErrorKind.TOO_LARGE,
            message=f"The body is larger than {limit} bytes. The operator sets this limit with `{setting}`.",
            code="request_too_large",
        )
    )


def scanned(body: bytes) -> Fields:
    """The top-level fields of a JSON body. Raises `GatewayError` BAD_REQUEST saying where it is broken."""
    try:
        return scan(body)
    except JsonError as error:
        raise _unreadable(error) from None


def in_full(body: bytes) -> JsonObject:
    """A scanned body in full. Raises `GatewayError` BAD_REQUEST where it could be read in two ways."""
    try:
        return read(body)
    except JsonError as error:
        raise _unreadable(error) from None


def _unreadable(error: JsonError) -> GatewayError:
    message = f"The body cannot be read: {error}"
    if error.offset is not None and f"byte {error.offset}" not in message:
        message += f" (byte {error.offset})"
    code = "duplicate_field" if error.name is not None else "invalid_json"
    return bad_request(f"{message}.", error.name, code)

"""The client's body: received with a cap, and scanned once. What is wrong with it becomes a `GatewayError`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.wire.splice import Fields, JsonError, scan

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGone(Exception):
    """The client closed its connection before its request had arrived."""


async def received(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body. Raises `GatewayError` TOO_LARGE over `limit` bytes, MEDIA_TYPE where it is compressed, and `ClientGone`."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding not in (b"identity", b""):
        raise GatewayError(
            Error(
                kind=ErrorKind.MEDIA_TYPE,
                message=f"The content-encoding `{encoding.decode('latin-1')[:40]}` is not taken: send the body as it is.",
                code="unsupported_content_encoding",
            )
        )
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body"):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    pieces = bytearray(body)
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        if len(pieces) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(pieces)
        message = await receive()
        pieces += message.get("body", b"")


def _too_large(limit: int) -> GatewayError:
    return GatewayError(
        Error(
            kind=ErrorKind.TOO_LARGE,
            message=f"The body is larger than {limit} bytes. The operator sets this limit with `server.body_limit`.",
            code="request_too_large",
        )
    )


def scanned(body: bytes) -> Fields:
    """The top-level fields of a JSON body. Raises `GatewayError` BAD_REQUEST saying where it is broken."""
    try:
        return scan(body)
    except JsonError as error:
        message = f"The body cannot be read: {error}"
        if error.offset is not None and f"byte {error.offset}" not in message:
            message += f" (byte {error.offset})"
        code = "duplicate_field" if error.name is not None else "invalid_json"
        raise bad_request(f"{message}.", error.name, code) from None

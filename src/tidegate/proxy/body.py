"""The client's body: received with a cap, and scanned once. What is wrong with it becomes a `GatewayError`."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ports import BodyTooLong, BrokenBody, Client, SlowBody
from tidegate.wire.splice import Fields, JsonError, check_nested, scan


async def received(client: Client, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body. Raises `GatewayError` TOO_LARGE over `limit` bytes, MEDIA_TYPE where it is compressed, REQUEST_TIMEOUT where it did
    not come in time, and BAD_REQUEST where it is no HTTP."""
    _refuse_encoded(headers)
    with _told(limit, "server.body_limit"):
        return await client.body(limit)


async def arriving(client: Client, headers: Mapping[bytes, bytes], limit: int, setting: str) -> AsyncGenerator[bytes]:
    """The body as it comes. Raises as `received`; `setting` is where the operator sets the limit."""
    _refuse_encoded(headers)
    with _told(limit, setting):
        async for piece in client.pieces(limit):
            yield piece


def _refuse_encoded(headers: Mapping[bytes, bytes]) -> None:
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding not in (b"identity", b""):
        raise GatewayError(
            Error(
                kind=ErrorKind.MEDIA_TYPE,
                message=f"The content-encoding `{encoding.decode('latin-1')[:40]}` is not taken: send the body as it is.",
                code="unsupported_content_encoding",
            )
        )


@contextmanager
def _told(limit: int, setting: str) -> Generator[None]:
    """What is wrong with the body, in words for the client."""
    try:
        yield
    except BodyTooLong:
        raise _too_large(limit, setting) from None
    except SlowBody:
        raise GatewayError(
            Error(kind=ErrorKind.REQUEST_TIMEOUT, message="The request's body did not arrive in time.", code="request_timeout")
        ) from None
    except BrokenBody:
        raise bad_request("The request's body is broken: its chunks are not of HTTP/1.1.", code="invalid_body") from None


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


def checked(body: bytes) -> bytes:
    """A scanned body that is going to be read in full. Raises `GatewayError` BAD_REQUEST where it could be read in two ways."""
    try:
        check_nested(body)
    except JsonError as error:
        raise _unreadable(error) from None
    return body


def _unreadable(error: JsonError) -> GatewayError:
    message = f"The body cannot be read: {error}"
    if error.offset is not None and f"byte {error.offset}" not in message:
        message += f" (byte {error.offset})"
    code = "duplicate_field" if error.name is not None else "invalid_json"
    return bad_request(f"{message}.", error.name, code)

"""A body that is sent to a provider as it comes, no faster than the provider takes it. Called by `http` for bodies that are no bytes."""

from contextlib import aclosing

from tidegate.adapters.http_connection import Connection
from tidegate.ports import Upload, UpstreamFailure

_LENGTH = b"content-length: %d\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"


async def send_upload(connection: Connection, head: bytes, body: Upload, patience: float) -> None:
    """Sends the head (as `http` makes it, with a place for the length) and the body, until its end or until the provider answers. Raises
    `UpstreamFailure`, and what the body raises."""
    length = body.length
    connection.send(head.replace(_LENGTH, _CHUNKED) % () if length is None else head % length, b"", patience)
    connection.is_sending = True
    sent = 0
    async with aclosing(body.pieces()) as pieces:
        async for piece in pieces:
            sent += len(piece)
            if not await connection.upload(piece if length is not None else b"%x\r\n%b\r\n" % (len(piece), piece)):
                return
    if length is None:
        await connection.upload(b"0\r\n\r\n")
    elif sent != length:
        connection.abort()
        raise UpstreamFailure("headers", f"the body has {sent} bytes where it was to have {length}")
    connection.is_sending = False

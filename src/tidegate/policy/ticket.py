"""Permissions that stand in an address, for clients that send no key there: the parts of an upload that was begun with one, as Google's own
clients send them. A ticket names the key that got it and what it is for; whoever has it may do that alone."""

import base64
import binascii
import hmac

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError

_PURPOSE = b"tidegate/ticket/1\0"
_MAC = 16
_LONGEST = 1024


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """`id` is what it is for; the key of the organisation got it."""

    org: str
    key: str
    id: str


_TICKETS = msgspec.json.Decoder(Ticket)


def written(ticket: Ticket, pepper: bytes) -> str:
    """As a part of a path."""
    body = msgspec.json.encode(ticket)
    return base64.urlsafe_b64encode(_mac(body, pepper) + body).rstrip(b"=").decode()


def read(text: str, pepper: bytes) -> Ticket:
    """Raises `GatewayError` (AUTHENTICATION) for what is none of ours."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= _LONGEST else b""
        if hmac.compare_digest(data[:_MAC], _mac(data[_MAC:], pepper)):
            return _TICKETS.decode(data[_MAC:])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    raise GatewayError(
        Error(kind=ErrorKind.AUTHENTICATION, message="This address is not one that the gateway gave.", code="invalid_ticket")
    )


def _mac(body: bytes, pepper: bytes) -> bytes:
    return hmac.digest(pepper, _PURPOSE + body, "sha256")[:_MAC]

"""Cursors of lists: opaque, and good only for the list, the filters and the organisation that they were given out for. A cursor is the
store's own place in the list, sealed with the gateway's secret."""

import base64
import hmac
from typing import Annotated, Generic, TypeVar

import msgspec

from tidegate.control.api.problem import invalid_field

T = TypeVar("T")

_TAG = 16
"""Bytes of the seal."""
_PURPOSE = b"tidegate control cursor 1"

Limit = Annotated[int, msgspec.Meta(ge=1, le=500, description="Items of a page.")]
CursorText = Annotated[str, msgspec.Meta(max_length=1024, description="`next` of the page before.")]


class Paged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every list is asked with."""

    limit: Limit = 50
    cursor: CursorText | None = None


class Listing(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page. `next` is the `cursor` of the page behind it, null on the last."""

    items: list[T]
    next: str | None = None


def seal(secret: bytes, list_name: str, place: str) -> str:
    """The cursor for a place. `list_name` says whose list it is, which one, and with what filters."""
    return base64.urlsafe_b64encode(_tag(secret, list_name, place.encode()) + place.encode()).decode().rstrip("=")


def open_cursor(secret: bytes, list_name: str, cursor: str) -> str:
    """The place. Raises `Problem` for a cursor that was not given out for this list."""
    try:
        data = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        data = b""
    tag, place = data[:_TAG], data[_TAG:]
    if not place or not hmac.compare_digest(tag, _tag(secret, list_name, place)):
        raise invalid_field("cursor", "it was not given out for this list: begin again without one")
    return place.decode()


def _tag(secret: bytes, list_name: str, place: bytes) -> bytes:
    return hmac.digest(secret, b"\0".join((_PURPOSE, list_name.encode(), place)), "sha256")[:_TAG]

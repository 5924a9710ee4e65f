"""Where and when a key of the database works: until when, from which addresses, at which hours. `Callers` asks once per call.

Addresses of clients are found as `docs/configuration.md` says: the peer's, or behind proxies that are trusted the last one in
`X-Forwarded-For` that is not a trusted proxy itself.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.bounds import DAYS, Hours
from tidegate.policy.limits.verdict import moment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED = b"x-forwarded-for"


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """`ends_at` is in Unix seconds, and so is `replaced_at`, after which another key stands in its place.
    `addresses` are CIDRs. Empty and None are no bound."""

    ends_at: float | None = None
    addresses: tuple[str, ...] = ()
    times: tuple[Hours, ...] = ()
    replaced_at: float | None = None


def outside(reach: Reach, name: str, at: float) -> Error | None:
    """Why a key called `name` does not work at that time; None if it does."""
    if reach.ends_at is not None and at >= reach.ends_at:
        return _ended(reach.ends_at, reach.replaced_at is not None and at >= reach.replaced_at, name)
    if reach.times and not any(within(hours, at) for hours in reach.times):
        return Error(kind=ErrorKind.PERMISSION, message=f"The key `{name}` does not work at this time of the week.", code="outside_hours")
    return None


def _ended(ends_at: float, replaced: bool, name: str) -> Error:
    if replaced:
        message = f"The gateway key `{name}` was replaced by a new one, and worked until {moment(ends_at)}. Use the new one."
        return Error(kind=ErrorKind.AUTHENTICATION, message=message, code="key_replaced")
    message = f"The gateway key `{name}` expired at {moment(ends_at)}. Ask for a new one."
    return Error(kind=ErrorKind.AUTHENTICATION, message=message, code="key_expired")


def out_of_place(reach: Reach, name: str, address: str) -> Error | None:
    """Why a key called `name` does not work for a client at that address; None if it does."""
    found = plain_address(address)
    if found is not None and any(found in network_of(network) for network in reach.addresses):
        return None
    return Error(kind=ErrorKind.PERMISSION, message=f"The key `{name}` may not be used from this address.", code="address_not_allowed")


def client_address(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: tuple[str, ...]) -> str:
    """The client's address. An entry that is none ends the walk at the peer."""
    if not is_trusted(peer, trusted):
        return peer
    hops = [hop.strip() for name, value in headers if name == _FORWARDED for hop in value.decode("latin-1").split(",")]
    for hop in reversed(hops):
        found = plain_address(_without_port(hop))
        if found is None:
            return peer
        if not is_trusted(str(found), trusted):
            return str(found)
    return peer


def is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    found = plain_address(address) if trusted else None
    return found is not None and any(found in network_of(network) for network in trusted)


def plain_address(text: str) -> Address | None:
    """Without a zone, and IPv4 where it was mapped into IPv6."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


@lru_cache(maxsize=4096)
def network_of(text: str) -> Network:
    return ipaddress.ip_network(text)


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def within(hours: Hours, at: float) -> bool:
    """Whether a moment (in Unix seconds) lies in them. Hours that end before they begin go on into the next day."""
    now = datetime.fromtimestamp(at, ZoneInfo(hours.time_zone))
    clock = now.strftime("%H:%M")
    today, yesterday = DAYS[now.weekday()], DAYS[(now - timedelta(days=1)).weekday()]
    if hours.from_ < hours.to:
        return today in hours.days and hours.from_ <= clock < hours.to
    return (today in hours.days and clock >= hours.from_) or (yesterday in hours.days and clock < hours.to)

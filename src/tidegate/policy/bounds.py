"""How far a key reaches: models, routes, addresses, times, lifetime and money, and whether one key's reach lies within another's. Pure;
`control.api` asks before a key is stored. An empty tuple, or None, is "no bound"; a rule that cannot be compared is taken as wider.
"""

import ipaddress
from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec

from tidegate.policy.overload.queue import Priority

T = TypeVar("T")

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """When a key works: from one time of day (`HH:MM`) up to another, on some days of the week, in a time zone by its IANA name."""

    days: tuple[Day, ...] = DAYS
    from_: str = "00:00"
    to: str = "24:00"
    time_zone: str = "UTC"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """`models` and `routes` are names or beginnings with `*`; `addresses` CIDRs; `expires_at` in microseconds since 1970."""

    models: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    times: tuple[Hours, ...] = ()
    expires_at: int | None = None
    budget_nano: int | None = None
    priority: Priority = Priority.INTERACTIVE
    """The highest."""


def wider(granter: Bounds, granted: Bounds) -> list[str]:
    """The fields in which `granted` reaches further than `granter`; empty if it lies within."""
    return [
        name
        for name, fits in (
            ("models", _inside(granter.models, granted.models, _name_inside)),
            ("routes", _inside(granter.routes, granted.routes, _name_inside)),
            ("addresses", _inside(granter.addresses, granted.addresses, _address_inside)),
            ("times", _inside(granter.times, granted.times, _hours_inside)),
            ("expires_at", _at_most(granter.expires_at, granted.expires_at)),
            ("budget_nano", _at_most(granter.budget_nano, granted.budget_nano)),
            ("priority", granted.priority >= granter.priority),
        )
        if not fits
    ]


def flaw_of_pattern(text: str) -> str | None:
    """Why a text is no name and no beginning with `*`; None if it is one."""
    if not text or text.strip() != text or not text.isprintable():
        return "it is empty, or has spaces around it or characters that cannot be printed"
    return "`*` stands only at the end, like `anthropic/*`" if "*" in text[:-1] else None


def flaw_of_address(text: str) -> str | None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return "it is no network, like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32, or has bits beyond its prefix"
    return None


def flaw_of_time_of_day(text: str) -> str | None:
    hour, colon, minute = text.partition(":")
    right = colon and len(hour) == len(minute) == 2 and (hour + minute).isascii() and (hour + minute).isdecimal()
    if right and ((int(minute) < 60 and int(hour) < 24) or text == "24:00"):
        return None
    return "a time of day is `HH:MM`, from 00:00 to 24:00"


def admits(networks: tuple[str, ...], address: str) -> bool:
    """Whether an address lies in one of the networks; everything does where there are none, and what is no address in none."""
    if not networks:
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    plain = (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
    return any(plain in ipaddress.ip_network(network) for network in networks)


def _inside(outer: tuple[T, ...], inner: tuple[T, ...], fits: Callable[[T, T], bool]) -> bool:
    if not outer:
        return True
    return bool(inner) and all(any(fits(one, other) for other in outer) for one in inner)


def _name_inside(inner: str, outer: str) -> bool:
    return inner.startswith(outer[:-1]) if outer.endswith("*") else inner == outer


def _address_inside(inner: str, outer: str) -> bool:
    small, large = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(small, ipaddress.IPv4Network):
        return isinstance(large, ipaddress.IPv4Network) and small.subnet_of(large)
    return isinstance(large, ipaddress.IPv6Network) and small.subnet_of(large)


def _hours_inside(inner: Hours, outer: Hours) -> bool:
    if inner == outer:
        return True
    same_day = inner.from_ < inner.to and outer.from_ < outer.to
    return (
        same_day
        and inner.time_zone == outer.time_zone
        and set(inner.days) <= set(outer.days)
        and outer.from_ <= inner.from_
        and inner.to <= outer.to
    )


def _at_most(outer: int | None, inner: int | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)

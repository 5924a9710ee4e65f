"""Which addresses the gateway may reach where others than the operator's file name them: providers of the database, webhooks, key sets.

Pure: a URL is judged by its text here, an address by its number. `adapters.egress` resolves once, asks here about every address, and
connects to the one that it asked about.
"""

import ipaddress
import re
from urllib.parse import urlsplit

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2048
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9].*")
_ALLOWED_TEXT = re.compile(r"[\x21-\x7e]+")

_DENIED = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *(
            "::/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
            "5f00::/16",
        ),
        *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
"""Besides what Python knows to be not global: IANA's special-purpose registries, and the forms that carry an IPv4 address."""

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::/128", "fe80::/10", "ff00::/8"),
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:ec2::/32",  # Amazon
        "fd20:ce::254/128",  # Google
        "fd00:42::42/128",  # Scaleway
    )
)
"""Metadata services of clouds, and what is no place: nothing allows these."""


class Refused(ValueError):
    """The address may not be reached; the message says why and how the operator could allow it."""


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """One of `egress_allow`: a network or a host that is reached although it is not public, also by http, on these ports."""

    network: Network | None = None
    host: str = ""
    ports: tuple[int, ...] = (443,)


class Egress(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's rules."""

    allow: tuple[Allowed, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a URL leads. `authority` is the Host header, `target` what stands on the request line; `address` is the host if it is one."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str
    address: Address | None = None


def place_of(url: str, rules: Egress) -> Place:
    """Raises `Refused` for a URL that is refused whatever its host resolves to."""
    if len(url) > LONGEST_URL or not _ALLOWED_TEXT.fullmatch(url) or "\\" in url or "#" in url:
        raise Refused(
            "the address is too long, or holds blanks, a backslash, a fragment or characters outside ASCII (write `xn--…` for such names)"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("this is not an address: write it like `https://host/path`") from None
    if parts.scheme not in ("https", "http"):
        raise Refused("an address begins with https://")
    if "@" in parts.netloc:
        raise Refused("an address carries no user name or password")
    secure = parts.scheme == "https"
    host, address = _host(parts.netloc, parts.hostname or "")
    port = port if port is not None else (443 if secure else 80)
    found = Place(
        secure=secure,
        host=host,
        port=port,
        authority=(f"[{host}]" if ":" in host else host) + ("" if port == (443 if secure else 80) else f":{port}"),
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        address=address,
    )
    if address is not None:
        check_address(found, address, rules)
    elif not (secure and port == 443) and not any(port in rule.ports and rule.host in ("", host) for rule in rules.allow):
        raise Refused(f"only https on port 443 is public: allow {host} and port {port} in `egress_allow` of tidegate.yaml")
    return found


def check_address(place: Place, address: Address, rules: Egress) -> None:
    """Raises `Refused` unless `place` may be reached at this address of its host."""
    forms = (address, *_carried(address))
    if any(form in network for form in forms for network in _NEVER):
        raise Refused(f"{place.host} is at {address}, which nothing may reach")
    if any(place.port in rule.ports and _matches(rule, place, address) for rule in rules.allow):
        return
    if (
        any(form in network for form in (address, *_carried(address)) for network in _DENIED)
        or not address.is_global
        or address.is_multicast
    ):
        raise Refused(f"{place.host} is at {address}, which is not public: the operator may allow it in `egress_allow` of tidegate.yaml")
    if not place.secure or place.port != 443:
        raise Refused(f"only https on port 443 is public: allow {place.host} and port {place.port} in `egress_allow` of tidegate.yaml")


def _matches(rule: Allowed, place: Place, address: Address) -> bool:
    if rule.network is not None:
        return address in rule.network
    return bool(rule.host) and rule.host == place.host


def _host(netloc: str, hostname: str) -> tuple[str, Address | None]:
    """The host in lower case, and the address where it is one. Raises `Refused`."""
    if netloc.startswith("["):
        try:
            address = ipaddress.IPv6Address(hostname)
        except ValueError:
            raise Refused("this is no IPv6 address") from None
        if address.scope_id is not None or not re.fullmatch(r"\[[^\]]*\](:[0-9]+)?", netloc):
            raise Refused("an IPv6 address has no zone, and only a port behind it")
        return str(address), address
    labels = hostname.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # What ends like a number is read as one by many resolvers: `2130706433`, `0x7f.1`, `127.1` and `0177.0.0.1` are this machine.
        # No name of the public root begins with a digit.
        try:
            return hostname, ipaddress.IPv4Address(hostname)
        except ValueError:
            raise Refused("an IPv4 address is written as four decimal numbers") from None
    if len(hostname) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or not re.fullmatch(r"[^:]+(:[0-9]+)?", netloc):
        raise Refused("this is no host name")
    return hostname, None


def _carried(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses that an IPv6 address may stand for."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    found: list[Address] = [form for form in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if form is not None]
    if any(address in ipaddress.ip_network(text) for text in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")):
        found.append(low)
    return tuple(found)

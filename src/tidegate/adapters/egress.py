"""The guarded client: the one way to a URL that the operator's file does not name. What it may reach is `policy.egress`.

A host is resolved once. Every address that it has must be allowed, the connection goes to one of those very addresses, and what is at its
other end is looked at again. There are no redirects, no ambient
proxies and no cookies, answers are short, and certificates are always checked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping

from tidegate.adapters.http_connection import Connection
from tidegate.policy.egress import Address, Egress, Place, Refused, check_address, place_of
from tidegate.ports import EgressAnswer, UpstreamFailure

Resolve = Callable[[str, int], Awaitable[list[str]]]

ANSWER_LIMIT = 1 << 20
NO_HEADERS: Mapping[str, str] = {}
_METHODS = frozenset({"GET", "POST"})


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def pinned(place: Place, rules: Egress, resolver: Resolve = resolve) -> list[Address]:
    """The addresses of a place, all of which may be reached. Raises `Refused`, and `OSError` where there are none."""
    if place.address is not None:
        return [place.address]
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in await resolver(place.host, place.port)]
    if not addresses:
        raise OSError(f"{place.host} has no address")
    for address in addresses:
        check_address(place, address, rules)
    return addresses


async def connect(
    place: Place, addresses: list[Address], protocol: Callable[[], asyncio.BaseProtocol], context: ssl.SSLContext | None
) -> asyncio.BaseProtocol:
    """A connection to the first of the addresses that answers. Raises `Refused` and `OSError`."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for address in addresses:
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, (str(address), place.port))
            if ipaddress.ip_address(sock.getpeername()[0]) != address:
                raise Refused(f"{place.host} answered from another address than the one that was asked")
            name = place.host if context is not None else None
            _, made = await loop.create_connection(protocol, sock=sock, ssl=context, server_hostname=name)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return made
    raise failure or OSError(f"{place.host} has no address")


class EgressClient:
    """Implements `ports.Egress`. One connection for each request."""

    def __init__(self, rules: Callable[[], Egress], *, resolver: Resolve = resolve, context: ssl.SSLContext | None = None) -> None:
        self._rules = rules
        self._resolver = resolver
        self._context = context or ssl.create_default_context()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        limit: int = ANSWER_LIMIT,
        seconds: float = 10.0,
    ) -> EgressAnswer:
        rules = self._rules()
        try:
            place = place_of(url, rules)
            async with asyncio.timeout(seconds):
                addresses = await pinned(place, rules, self._resolver)
                return await self._exchange(place, addresses, _head(method, place, headers, len(body)), body, limit, seconds)
        except Refused as refused:
            raise UpstreamFailure("connect", str(refused)) from None
        except TimeoutError:
            raise UpstreamFailure("connect", f"no answer within {seconds:g} s", timeout=True) from None
        except OSError as error:
            raise UpstreamFailure("connect", str(error)[:200] or type(error).__name__) from None

    async def _exchange(self, place: Place, addresses: list[Address], head: bytes, body: bytes, limit: int, seconds: float) -> EgressAnswer:
        connection = Connection(asyncio.get_running_loop(), lambda _: None)
        await connect(place, addresses, lambda: connection, self._context if place.secure else None)
        try:
            connection.send(head, body, seconds)
            while not connection.is_head_complete:
                await connection.changed()
            data = bytearray()
            while piece := await connection.piece():
                data += piece
                if len(data) > limit:
                    raise UpstreamFailure("body", f"the answer is longer than {limit} bytes")
            return EgressAnswer(status=connection.status, headers=connection.headers, body=bytes(data))
        finally:
            connection.abort()


def _head(method: str, place: Place, headers: Mapping[str, str], length: int) -> bytes:
    if method not in _METHODS:
        raise ValueError(f"{method} is not sent")
    lines = [f"{method} {place.target} HTTP/1.1", f"host: {place.authority}", "connection: close"]
    if method == "POST":
        lines.append(f"content-length: {length}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any(not line.isprintable() or not line.isascii() for line in lines):
        raise UpstreamFailure("connect", "a header holds what a header cannot carry")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

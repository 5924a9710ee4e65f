"""Opens connections to providers: TCP, TLS with the operator's CA, and through the operator's HTTP proxy (CONNECT for TLS).

Which address a provider has is the operator's word; nothing here looks at the environment.
"""

import asyncio
import base64
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidegate.adapters.egress import Resolve, connect, pinned, resolve
from tidegate.adapters.http_connection import Connection
from tidegate.policy.egress import Egress, Refused, place_of
from tidegate.ports import UpstreamFailure

_PROXY_HEAD = 16 << 10


class Origin:
    """Where requests of one provider go: parsed once from its base URL. `target_prefix` precedes the path on the request line, where a
    proxy reads it; `host` is the Host header."""

    __slots__ = ("ca_file", "egress", "host", "key", "name", "port", "proxy", "proxy_authorization", "secure", "target_prefix", "url")

    def __init__(self, url: str, proxy: str | None, ca_file: str | None, egress: Egress | None = None) -> None:
        parts = urlsplit(url)
        self.url = url
        self.egress = egress
        self.secure = parts.scheme == "https"
        self.name = parts.hostname or ""
        self.port = parts.port or (443 if self.secure else 80)
        self.host = parts.netloc.rpartition("@")[2]
        self.ca_file = ca_file
        self.proxy: tuple[str, int] | None = None
        self.proxy_authorization = ""
        self.target_prefix = ""
        if proxy is not None:
            through = urlsplit(proxy)
            self.proxy = (through.hostname or "", through.port or 8080)
            if through.username is not None:
                pair = f"{unquote(through.username)}:{unquote(through.password or '')}"
                self.proxy_authorization = "Basic " + base64.b64encode(pair.encode()).decode()
            if not self.secure:
                self.target_prefix = f"http://{self.host}"
        self.key = (self.secure, self.host, proxy, ca_file, egress)


class _Tunnel(asyncio.Protocol):
    """Reads a proxy's answer to CONNECT; `status` is its status code."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status: asyncio.Future[bytes] = loop.create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.status.done():
            return
        if b"\r\n\r\n" in self._head:
            self.status.set_result(b"".join(self._head.split(b" ", 2)[1:2]))
        elif len(self._head) > _PROXY_HEAD:
            self.status.set_exception(OSError("the proxy's answer is too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.status.done():
            self.status.set_exception(exc or OSError("the proxy closed the connection"))


class Dialer:
    """Makes connections; keeps one TLS context for each CA file. Hosts that are guarded are resolved by `resolver`."""

    def __init__(self, resolver: Resolve = resolve) -> None:
        self._resolver = resolver
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    async def dial(self, origin: Origin, connection: Connection, seconds: float) -> None:
        """Connects `connection` to `origin`. Raises `UpstreamFailure` of phase `connect`."""
        try:
            async with asyncio.timeout(seconds):
                await self._dial(origin, connection)
        except TimeoutError:
            raise UpstreamFailure("connect", f"no connection within {seconds:g} s", timeout=True) from None
        except OSError as error:
            raise UpstreamFailure("connect", str(error)[:200] or type(error).__name__) from None

    async def _dial(self, origin: Origin, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        context = self._context(origin.ca_file) if origin.secure else None
        if origin.egress is not None:
            await self._guarded(origin, origin.egress, connection, context)
        elif origin.proxy is None:
            name = origin.name if context is not None else None
            await loop.create_connection(lambda: connection, origin.name, origin.port, ssl=context, server_hostname=name)
        elif context is None:
            await loop.create_connection(lambda: connection, *origin.proxy)
        else:
            await self._tunnel(loop, origin, origin.proxy, connection, context)

    async def _guarded(self, origin: Origin, rules: Egress, connection: Connection, context: ssl.SSLContext | None) -> None:
        try:
            place = place_of(origin.url, rules)
            await connect(place, await pinned(place, rules, self._resolver), lambda: connection, context)
        except Refused as refused:
            raise UpstreamFailure("connect", str(refused)) from None

    async def _tunnel(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, proxy: tuple[str, int], connection: Connection, context: ssl.SSLContext
    ) -> None:
        transport, asked = await loop.create_connection(lambda: _Tunnel(loop), *proxy)
        where = f"{origin.name}:{origin.port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if origin.proxy_authorization:
            lines.append(f"Proxy-Authorization: {origin.proxy_authorization}")
        try:
            transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            status = await asked.status
            if status != b"200":
                raise UpstreamFailure("connect", f"the proxy answered {status.decode('latin-1')[:20]}")
            secured = await loop.start_tls(transport, connection, context, server_hostname=origin.name)
        except BaseException:
            transport.abort()
            raise
        if secured is None:
            raise UpstreamFailure("connect", "the connection was lost during the TLS handshake")
        connection.connection_made(secured)

    def _context(self, ca_file: str | None) -> ssl.SSLContext:
        context = self._contexts.get(ca_file)
        if context is None:
            context = ssl.create_default_context()
            if ca_file is not None:
                if not Path(ca_file).is_file():
                    raise UpstreamFailure("connect", f"the CA file {ca_file} does not exist")
                context.load_verify_locations(ca_file)
            self._contexts[ca_file] = context
        return context

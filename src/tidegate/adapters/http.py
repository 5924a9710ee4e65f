"""The `Upstream` port over HTTP/1.1 with aiohttp: pooled connections, one pool for each set of proxy and CA settings.

No ambient proxies, no cookies, no redirects (a redirect would carry a credential elsewhere), nothing decompressed that was not asked for.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
from yarl import URL

from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import UpstreamFailure

POOL_LIMIT = 0
"""Connections per pool: as many as there are calls. Admission bounds the calls."""
KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept: shorter than the load balancers in front of the providers (60 s and more) keep theirs."""
READ_BUFFER = 64 << 10
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_URLS_REMEMBERED = 1024


class HttpUpstream:
    """Call `aclose` at the end. Must be made inside the running loop that uses it."""

    def __init__(self) -> None:
        self._sessions: dict[str | None, aiohttp.ClientSession] = {}
        self._urls: dict[str, URL] = {}

    async def open(self, config: UpstreamConfig, url: str, headers: Mapping[str, str], body: bytes, *, stream: bool) -> "HttpAnswer":
        """Sends a POST and waits for the head of the answer. Raises `UpstreamFailure`."""
        times = config.timeouts
        timeout = aiohttp.ClientTimeout(total=None, connect=times.connect, sock_read=times.answer)
        try:
            response = await self._session(config.ca_file).post(
                self._url(url), data=body, headers=headers, timeout=timeout, allow_redirects=False, proxy=config.proxy
            )
        except aiohttp.ServerTimeoutError as error:
            connecting = isinstance(error, aiohttp.ConnectionTimeoutError)
            seconds = times.connect if connecting else times.answer
            message = f"no connection within {seconds:g} s" if connecting else f"no answer within {seconds:g} s"
            raise UpstreamFailure("connect" if connecting else "headers", message, timeout=True) from None
        except aiohttp.ClientConnectorError as error:
            raise UpstreamFailure("connect", _reason(error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailure("headers", _reason(error)) from None
        patience = times.idle if stream else times.answer
        connection = response.connection
        if stream and connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = patience
            connection.protocol.start_timeout()
        return HttpAnswer(response, patience)

    def _url(self, url: str) -> URL:
        known = self._urls.get(url)
        if known is None:
            if len(self._urls) >= _URLS_REMEMBERED:
                self._urls.clear()
            known = self._urls[url] = URL(url, encoded=True)
        return known

    def _session(self, ca_file: str | None) -> aiohttp.ClientSession:
        session = self._sessions.get(ca_file)
        if session is None:
            context = ssl.create_default_context()
            if ca_file is not None:
                if not Path(ca_file).is_file():
                    raise UpstreamFailure("connect", f"the CA file {ca_file} does not exist")
                context.load_verify_locations(ca_file)
            session = self._sessions[ca_file] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=POOL_LIMIT, keepalive_timeout=KEEP_ALIVE, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_SKIPPED,
                auto_decompress=False,
                trust_env=False,
                read_bufsize=READ_BUFFER,
                raise_for_status=False,
            )
        return session

    async def aclose(self) -> None:
        """Closes every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


class HttpAnswer:
    """An answer whose head has arrived."""

    def __init__(self, response: aiohttp.ClientResponse, patience: float) -> None:
        self._response = response
        self._patience = patience
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `UpstreamFailure`, also where it is longer than `limit` bytes."""
        content = self._response.content
        try:
            data = await content.readany()
            if content.at_eof() and len(data) <= limit:
                return data
            pieces = bytearray(data)
            while len(pieces) <= limit:
                if content.at_eof():
                    return bytes(pieces)
                pieces += await content.readany()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._broken(error) from None
        raise UpstreamFailure("body", f"the answer is longer than {limit} bytes")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `UpstreamFailure`."""
        readany = self._response.content.readany
        try:
            while data := await readany():
                yield data
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> UpstreamFailure:
        if isinstance(error, asyncio.TimeoutError):
            return UpstreamFailure("body", f"nothing came for {self._patience:g} s", timeout=True)
        return UpstreamFailure("body", _reason(error))

    def close(self) -> None:
        """Gives the connection back where the body was read to its end, and closes it at once where it was not."""
        if not self._response.closed:
            self._response.close()


def _reason(error: Exception) -> str:
    """What happened, without addresses of ours or anything that was sent."""
    text = str(error).strip()
    return text[:200] if text else type(error).__name__

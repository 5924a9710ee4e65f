"""T-SSRF-1: addresses that lead inside, however they are written, against listeners that must not hear of them."""

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trustme
from tests.unit.policy.test_egress import HOSTS, URLS
from tests.unit.policy.values import upstream

from tidegate.adapters.egress import EgressClient
from tidegate.adapters.http import HttpUpstream
from tidegate.policy.egress import Allowed, Egress
from tidegate.ports import UpstreamFailure

PUBLIC = Egress()


class Canary:
    """A listener; `heads` are what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self._answer = answer

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def listening(host: str, answer: bytes = OK, context: ssl.SSLContext | None = None) -> AsyncGenerator[tuple[Canary, int]]:
    canary = Canary(answer)
    server = await asyncio.start_server(canary.handle, host, 0, ssl=context)
    try:
        yield canary, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def allowing(network: str, *ports: int) -> Egress:
    return Egress(allow=(Allowed(network=ipaddress.ip_network(network), ports=ports),))


def client(rules: Egress, *answers: list[str], context: ssl.SSLContext | None = None) -> EgressClient:
    """`answers` are what the name resolves to, one look-up after the other."""
    left = list(answers)

    async def resolver(_host: str, _port: int) -> list[str]:
        return left.pop(0)

    return EgressClient(lambda: rules, resolver=resolver, context=context) if answers else EgressClient(lambda: rules, context=context)


async def inside(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1", "::1"]


async def test_no_url_reaches_a_listener_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every URL and host, over the client and as the address of a provider of the database; every name leads here."""
    async with listening("127.0.0.1") as (four, port), listening("::1") as (six, port_of_six):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setitem(os.environ, name, f"http://127.0.0.1:{port}")
        urls = [url.replace("PORT", str(at)) for url in URLS for at in (port, port_of_six)] + [
            f"https://{host}{at}/" for host in HOSTS for at in ("", f":{port}")
        ]
        assert len(urls) >= 300
        reached: list[str] = []
        guarded = EgressClient(lambda: PUBLIC, resolver=inside)
        providers = HttpUpstream(inside)
        for url in urls:
            for attempt in (
                lambda url=url: guarded.request("POST", url, body=b"canary", seconds=2),
                lambda url=url: providers.open(_provider(PUBLIC), url, {"authorization": "Bearer canary"}, b"{}", stream=False),
            ):
                try:
                    await attempt()
                    reached.append(url)
                except (UpstreamFailure, ValueError):
                    pass
        await providers.aclose()
    assert (four.connections, six.connections, reached) == (0, 0, [])


def _provider(rules: Egress):
    found = upstream("openai")
    return type(found)(name="lab", spec=found.spec, base_url=found.base_url, auth=found.auth, egress=rules)


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"])
@pytest.mark.parametrize("place", [0, 1])
async def test_one_address_that_is_inside_refuses_them_all(inside: str, place: int) -> None:
    addresses = ["93.184.215.14"]
    addresses.insert(place, inside)
    with pytest.raises(UpstreamFailure, match=r"is not public|nothing may reach"):
        await client(PUBLIC, addresses).request("GET", "https://rebinding.example/")


async def test_the_address_that_was_judged_is_the_one_that_is_reached() -> None:
    """A name server that gives another answer the second time is not asked a second time."""
    async with listening("127.0.0.2") as (judged, port), listening("127.0.0.1") as (canary, _):
        rules = allowing("127.0.0.2/32", port)
        answer = await client(rules, ["127.0.0.2"], ["127.0.0.1"]).request("GET", f"http://rebinding.example:{port}/path?x=1")
    assert (answer.status, answer.body) == (200, b"ok")
    assert judged.heads[0].startswith(f"GET /path?x=1 HTTP/1.1\r\nhost: rebinding.example:{port}\r\n".encode())
    assert (judged.connections, canary.connections) == (1, 0)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with listening("127.0.0.1") as (canary, inside):
        moved = f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n".encode()
        async with listening("127.0.0.1", moved) as (_, port):
            answer = await client(allowing("127.0.0.0/8", port)).request("POST", f"http://127.0.0.1:{port}/", body=b"x")
    assert (answer.status, canary.connections) == (302, 0)


async def test_the_certificate_is_that_of_the_name() -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("hooks.example").configure_cert(context)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with listening("127.0.0.1", context=context) as (canary, port):
        rules = allowing("127.0.0.1/32", port)
        good = await client(rules, ["127.0.0.1"], context=trusting).request("POST", f"https://hooks.example:{port}/x", body=b"{}")
        assert good.status == 200
        with pytest.raises(UpstreamFailure, match="certificate"):
            await client(rules, ["127.0.0.1"], context=trusting).request("GET", f"https://other.example:{port}/")
        with pytest.raises(UpstreamFailure, match="certificate"):
            await client(rules, ["127.0.0.1"]).request("GET", f"https://hooks.example:{port}/")
    assert len(canary.heads) == 1


async def test_a_long_answer_is_cut_off() -> None:
    async with listening("127.0.0.1", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000) as (_, port):
        with pytest.raises(UpstreamFailure, match="longer than 1000 bytes"):
            await client(allowing("127.0.0.1/32", port)).request("GET", f"http://127.0.0.1:{port}/", limit=1000)


async def test_silence_ends() -> None:
    async with listening("127.0.0.1", b"") as (_, port):
        with pytest.raises(UpstreamFailure):
            await client(allowing("127.0.0.1/32", port)).request("GET", f"http://127.0.0.1:{port}/", seconds=0.2)


@pytest.mark.parametrize("headers", [{"x": "a\r\nhost: other"}, {"x\n": "a"}, {"x": "\0"}])
async def test_a_header_cannot_make_another(headers: dict[str, str]) -> None:
    with pytest.raises(UpstreamFailure, match="header"):
        await client(allowing("127.0.0.1/32", 9)).request("GET", "http://127.0.0.1:9/", headers=headers)


async def test_a_provider_of_the_database_is_reached_where_the_operator_allows_it() -> None:
    async with listening("127.0.0.1") as (canary, port):
        provider = _provider(allowing("127.0.0.1/32", port))
        found = HttpUpstream()
        answer = await found.open(provider, f"http://127.0.0.1:{port}/v1", {"authorization": "Bearer x"}, b"{}", stream=False)
        assert (answer.status, await answer.read(100)) == (200, b"ok")
        answer.close()
        await found.aclose()
    assert canary.connections == 1

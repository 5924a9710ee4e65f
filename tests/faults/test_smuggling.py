"""T-NET-1: bytes that two servers in a row may read differently. Each case is one connection, on the data port and on the control port;
what the provider received decides whether a request got in behind another."""

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.e2e.wire import Provider
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.faults.rig.smuggling import OPEN, SMUGGLED, Case, cases, sized
from tests.support.gateway import GatewayProcess

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-NET-1")
PATIENCE = 1.0
"""Seconds without an answer after which the client ends its side."""
NEXT = b"GET /health/live HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n"


class Seen(NamedTuple):
    """The statuses that came back, the last body, and whether the other side ended the connection by itself."""

    statuses: list[int]
    last: bytes
    ended: bool


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[GatewayProcess]:
    config = {"providers": {"openai": {"base_url": f"{provider.url}/v1", "api_key": PROVIDER_KEY}}}
    with (
        GatewayProcess(tmp_path_factory.mktemp("smuggling"), config) as started,
        judged_at_its_end([started], provider.port, secrets={"its key": PROVIDER_KEY}),
    ):
        started.admin()
        yield started


async def seen(port: int, sent: bytes, after: bytes = b"") -> Seen:
    """`after` goes out once the first answer has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses: list[int] = []
    body, ended = b"", True
    try:
        writer.write(sent)
        while True:
            try:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            except asyncio.IncompleteReadError:
                break
            except TimeoutError:
                ended = False
                break
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
            body = await asyncio.wait_for(reader.readexactly(int(fields.get(b"content-length", b"0"))), PATIENCE)
            statuses.append(int(head.split(b" ")[1]))
            if after:
                writer.write(after)
                after = b""
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return Seen(statuses, body, ended)


def numbers(provider: Provider) -> list[int]:
    """Of the calls that reached the provider since it was asked last, in their order."""
    found = provider.requests()
    provider.forget()
    return [OPEN if f": {OPEN}".encode() in one.raw else SMUGGLED if f": {SMUGGLED}".encode() in one.raw else 0 for one in found]


async def flaw(port: int, key: str, case: Case, provider: Provider | None) -> str | None:
    """What is wrong with the answers to a case; None where nothing is. Without a provider only the answers are counted."""
    sent = case.sent.replace(b"@KEY@", key.encode())
    tail = sized(number=SMUGGLED).replace(b"@KEY@", b"nobody's")
    before = 0 if provider is None else provider.received()
    one = case.expect in ("one", "safe")
    found = await seen(port, sent if case.expect != "refuse" else sent + tail, NEXT if one else b"")
    reached = numbers(provider) if provider is not None and provider.received() > before else []
    count = len(found.statuses)
    refused = count == 1 and found.statuses[0] == 400 and found.ended and not reached
    match case.expect:
        case "refuse":
            good = refused
        case "one":
            # On a kept connection the next request is the next one, and nothing else.
            good = reached == [OPEN] and found.statuses in ([200], [200, 200]) and (count == 1 or b'"ok"' in found.last)
        case "two":
            good = reached == [OPEN, OPEN] and found.statuses == [200, 200]
        case "safe":
            good = refused or (SMUGGLED not in reached and len(reached) <= 1 and count <= 2)
    if provider is None and case.expect != "refuse":
        good = refused or count in (1, 2)
    return None if good else f"{case.name} ({case.expect}): {found.statuses} ended={found.ended} reached={reached} {found.last[:80]!r}"


async def test_no_request_gets_in_behind_another(gateway: GatewayProcess, provider: Provider, record_property: Record) -> None:
    table = cases()
    flaws = [found for case in table if (found := await flaw(gateway.port, gateway.key, case, provider))]
    record_property("verdict", f"{len(table)} ambiguous requests, data port: {len(flaws)} taken otherwise than in one way")
    assert not flaws, "\n".join(flaws)


async def test_nor_on_the_control_port(gateway: GatewayProcess, record_property: Record) -> None:
    table = cases()
    url, key = gateway.admin()
    port = urlsplit(url).port
    assert port is not None
    flaws = [found for case in table if (found := await flaw(port, key, case, None))]
    record_property("verdict", f"{len(table)} ambiguous requests, control port: {len(flaws)} taken otherwise than in one way")
    assert not flaws, "\n".join(flaws)

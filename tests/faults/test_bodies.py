"""T-NET-2 and T-NET-3: bodies that lie about their length, have no end or hold more than they show, and clients that trickle, on a gateway
that serves others meanwhile."""

import asyncio
import contextlib
import gzip
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.wire import Provider
from tests.faults.rig.calls import FIRST_NUMBER, Call, load
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.faults.rig.sizes import IS_LONG, sizes
from tests.support.gateway import GatewayProcess

from tidegate.wire.inflate import zstd

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-NET-3")
CAP = 1 << 20
ENCODED = {400, 413, 415}
BOMB = bytes(64 << 20)
TRICKLE_MOST, GROWTH = 20, 4 << 10
"""KiB for each client that trickles, and by which a heap grows that nobody asked it for."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[GatewayProcess]:
    config = {"providers": {"openai": {"base_url": f"{provider.url}/v1", "api_key": PROVIDER_KEY}}, "server": {"body_limit": CAP}}
    with (
        GatewayProcess(tmp_path_factory.mktemp("bodies"), config) as started,
        judged_at_its_end([started], provider.port, secrets={"its key": PROVIDER_KEY}),
    ):
        started.admin()
        yield started


def nested(data: bytes, times: int) -> bytes:
    for _ in range(times):
        data = gzip.compress(data)
    return data


def head(gateway: GatewayProcess, *lines: str) -> bytes:
    first = f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {gateway.key}\r\n"
    return (first + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


async def status(port: int, sent: bytes, more: bytes = b"", *, ends: bool = False) -> int:
    """Of the answer. `more` is sent again and again until it comes; `ends`: the client ends its side. 0 where there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(more)
                await writer.drain()
                await asyncio.sleep(0)

    sending = None
    try:
        writer.write(sent)
        if ends:
            writer.write_eof()
        if more:
            sending = asyncio.create_task(send())
        line = await asyncio.wait_for(reader.readline(), 20)
        return int(line.split(b" ")[1]) if line else 0
    finally:
        if sending is not None:
            sending.cancel()
        writer.transport.abort()


def memory(gateway: GatewayProcess) -> int:
    """KiB that the gateway had at the most."""
    text = Path(f"/proc/{gateway.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM"))


def now(gateway: GatewayProcess) -> int:
    """KiB that it has."""
    return int(Path(f"/proc/{gateway.pid}/statm").read_bytes().split()[1]) * 4


def spent(gateway: GatewayProcess) -> float:
    """Seconds of CPU."""
    fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def test_bodies_that_lie_are_refused_and_cost_little(gateway: GatewayProcess, provider: Provider, record_property: Record) -> None:
    assert await status(gateway.port, head(gateway, "content-length: 2") + b"{}") == 400
    packed, deflated, frame = gzip.compress(BOMB), zlib.compress(BOMB), zstd.compress(BOMB)
    chunk = b"10000\r\n" + b"[" * 65536 + b"\r\n"
    huge = b'{"model":' + b"[" * 200_000
    cases: dict[str, tuple[bytes, bytes, bool, set[int]]] = {
        "a length of 33 MiB": (head(gateway, f"content-length: {33 << 20}"), b"", False, {413}),
        "a length that is too long": (head(gateway, "content-length: 500") + b"{}", b"", True, {0, 400}),
        "a length that is too short": (head(gateway, "content-length: 2") + b'{"model":"x"}', b"", False, {400}),
        "chunks without end": (head(gateway, "transfer-encoding: chunked"), chunk, False, {413}),
        "a long body that is named short": (head(gateway, "content-length: 9"), b"x" * 65536, False, {400}),
        "gzip of zeros": (head(gateway, "content-encoding: gzip", f"content-length: {len(packed)}") + packed, b"", False, ENCODED),
        "deflate of zeros": (
            head(gateway, "content-encoding: deflate", f"content-length: {len(deflated)}") + deflated,
            b"",
            False,
            ENCODED,
        ),
        "zstd of zeros": (head(gateway, "content-encoding: zstd", f"content-length: {len(frame)}") + frame, b"", False, ENCODED),
        "no zstd": (head(gateway, "content-encoding: zstd", "content-length: 2") + b"{}", b"", False, ENCODED),
        "br": (head(gateway, "content-encoding: br", "content-length: 2") + b"{}", b"", False, ENCODED),
        "twenty encodings": (
            head(gateway, "content-encoding: " + ", ".join(["gzip"] * 20), f"content-length: {len(nested(b'{}', 20))}") + nested(b"{}", 20),
            b"",
            False,
            ENCODED,
        ),
        "depth": (head(gateway, f"content-length: {len(huge)}") + huge, b"", False, {400}),
    }
    most, flaws = 0.0, list[str]()
    before = memory(gateway)
    for name, (sent, more, ends, expected) in cases.items():
        began = spent(gateway)
        try:
            found = await status(gateway.port, sent, more, ends=ends)
        except ConnectionResetError:
            # A client that gets no CPU while its answer lies there finds it gone at the end of the connection, two seconds later.
            found = await status(gateway.port, sent, more, ends=ends)
        cost = spent(gateway) - began
        most = max(most, cost)
        if found not in expected or cost > 0.2:
            flaws.append(f"{name}: {found} for {cost:.2f} s of CPU")
    grown = memory(gateway) - before
    record_property(
        "verdict", f"{len(cases)} bodies that lie: {len(flaws)} taken; at most {most * 1000:.0f} ms of CPU, memory grew by {grown} KiB"
    )
    assert not flaws
    assert grown <= (CAP >> 10) + 1024 + 4096, "more than a body, and what a first call needs"
    assert not provider.requests()


@pytest.mark.programme("T-NET-2")
async def test_clients_that_trickle_are_cut_in_time_and_harm_nobody(gateway: GatewayProcess, record_property: Record) -> None:
    """T-NET-2: a byte now and then puts no end off. Half of them send a head, the others have sent one, and send its body."""
    count = sizes().tricklers
    begun = head(gateway, "content-length: 100000") + b"{"
    before = now(gateway)
    began = time.monotonic()

    async def trickle(place: int) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        try:
            in_head = place % 2 == 0
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nx: " if in_head else begun)
            reading = asyncio.ensure_future(reader.readline())
            while not reading.done() and not (over.is_set() and not in_head):
                writer.write(b"y" if in_head else b" ")
                await asyncio.wait((reading,), timeout=1)
            if not in_head and not reading.done():
                reading.cancel()
                return 0.0
            assert reading.result().split(b" ")[1] == b"408"
            return time.monotonic() - began
        finally:
            writer.transport.abort()

    over = asyncio.Event()
    bad = [asyncio.create_task(trickle(place)) for place in range(count)]
    good = await load(gateway.port, gateway.key, [Call(FIRST_NUMBER + n, script={"n": 2}, stream=False) for n in range(100)], 20)
    grown = now(gateway) - before
    if not IS_LONG:
        over.set()
    ends = await asyncio.gather(*bad)
    heads, bodies = ends[::2], ends[1::2]
    record_property(
        "verdict",
        f"{count} clients that trickle: heads cut after {min(heads):.1f} to {max(heads):.1f} s, "
        f"bodies after {max(bodies):.1f} s (0: not waited for); of {len(good)} calls of others "
        f"{sum(one.status != 200 for one in good)} failed; {grown / count:.0f} KiB for each",
    )
    assert {one.status for one in good} == {200}
    assert min(heads) >= 9.5
    assert max(heads) <= 13
    assert not IS_LONG or (59 <= min(bodies) <= max(bodies) <= 67)
    assert not IS_LONG or grown <= GROWTH + count * TRICKLE_MOST

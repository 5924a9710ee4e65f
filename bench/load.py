"""The load generator, a process of its own: reads one job (JSON) from standard input, runs it, prints one result (JSON).

Three kinds of load: `closed` (each connection sends its next request when the last one is answered: for CPU and throughput), `open`
(requests are due at random times whatever the gateway does: for latency; counted from when they were due) and `paced` (each connection
takes one slow stream: for CPU per token event).
"""

import asyncio
import collections
import ctypes
import gc
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Literal, cast

import msgspec
import uvloop

from bench import procs

WARM_UP = 0.4
"""Seconds of load before the clock starts."""

PATIENCE = 60.0
"""Seconds after which a job is given up, over its own length."""

_END_OF_CHUNKS = b"\r\n0\r\n\r\n"


class Job(msgspec.Struct, kw_only=True):
    kind: Literal["closed", "open", "paced"]
    port: int
    request: bytes
    """Head and body as they go on the wire."""
    keys: list[str] = []
    """Where given, each request has one of them, drawn at random, in place of the first."""
    connections: int = 32
    seconds: float = 3.0
    rate: float = 0.0
    """Requests per second, for `open`."""
    gateway: int
    """Process id whose tree is measured."""
    upstream: int
    """Process id of the upstream: with ours, what the core of the load spends."""


class Result(msgspec.Struct, kw_only=True):
    requests: int
    events: int
    """Pieces of stream (`data:` lines) received."""
    errors: int
    seconds: float
    cpu: float
    """Seconds that the gateway's tree spent."""
    load_core: float
    """Share of their core that this process and the upstream were busy: near 1, they are the bottleneck."""
    foreign: float
    """Cores that processes which are no part of the benchmark kept busy meanwhile."""
    latencies: list[float]
    """Seconds, sorted; of `open` loads only."""


class Connection(asyncio.Protocol):
    """One connection: sends the request, finds the end of the answer, and says so. It reads nothing of the body but how it is framed."""

    def __init__(self, request: Callable[[], bytes], done: Callable[["Connection", bool], None]) -> None:
        self._request = request
        self._done = done
        self._data = bytearray()
        self._needed: int | None = None
        self._chunked = False
        self.events = 0
        self.due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self, due: float = 0.0) -> None:
        self.due = due
        self.busy = True
        self.transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        if self._chunked:
            self.events += data.count(b"data:")
            self._data = self._data[-len(_END_OF_CHUNKS) :] + data if len(data) < len(_END_OF_CHUNKS) else bytearray(data)
            if self._data.endswith(_END_OF_CHUNKS):
                self._finish(good=True)
            return
        self._data += data
        if self._needed is None:
            self._read_head()
        elif len(self._data) >= self._needed:
            self._finish(good=True)

    def _read_head(self) -> None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._data[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            self._finish(good=False)
        elif b"\r\ntransfer-encoding: chunked" in head:
            self._chunked = True
            rest, self._data = bytes(self._data[end + 4 :]), bytearray(b"\r\n")
            if rest:
                self.data_received(rest)
        else:
            start = head.index(b"\r\ncontent-length:") + len(b"\r\ncontent-length:")
            self._needed = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
            if len(self._data) >= self._needed:
                self._finish(good=True)

    def _finish(self, *, good: bool) -> None:
        self._data = bytearray()
        self._needed = None
        self._chunked = False
        self.busy = False
        self._done(self, good)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self._finish(good=False)


class Load:
    """What the kinds of load share: the connections and the counts."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.requests = 0
        self.errors = 0
        self.latencies: list[float] = []
        self.connections: list[Connection] = []

    async def connect(self, count: int, done: Callable[[Connection, bool], None]) -> None:
        loop = asyncio.get_running_loop()
        request = _requests(self.job)
        for _ in range(count):
            _, connection = await loop.create_connection(lambda: Connection(request, done), "127.0.0.1", self.job.port)
            self.connections.append(connection)

    def close(self) -> None:
        for connection in self.connections:
            connection.busy = False
            connection.transport.abort()

    def count(self, good: bool) -> None:
        self.requests += good
        self.errors += not good

    def events(self) -> int:
        return sum(connection.events for connection in self.connections)


def _requests(job: Job) -> Callable[[], bytes]:
    if not job.keys:
        return lambda: job.request
    before, after = job.request.split(job.keys[0].encode())
    keys = [key.encode() for key in job.keys]
    return lambda: before + random.choice(keys) + after


class Window:
    """The measured time: what was spent and counted between its two ends."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._began = self._now()

    def _now(self) -> tuple[float, float, float, float, int, int, int]:
        load, job = self._load, self._load.job
        return (
            time.perf_counter(),
            procs.cpu_seconds(job.gateway),
            procs.cpu_seconds(job.upstream) + sum(os.times()[:2]),
            procs.machine_cpu_seconds(),
            load.requests,
            load.errors,
            load.events(),
        )

    def result(self) -> Result:
        seconds, cpu, own, machine, requests, errors, events = (
            after - before for after, before in zip(self._now(), self._began, strict=True)
        )
        gateway = 0.0 if self._load.job.gateway == self._load.job.upstream else cpu
        return Result(
            requests=int(requests),
            events=int(events),
            errors=int(errors),
            seconds=seconds,
            cpu=cpu,
            load_core=own / seconds,
            foreign=max(0.0, machine - own - gateway) / seconds,
            latencies=sorted(self._load.latencies),
        )


async def closed(job: Job) -> Result:
    """The window opens and closes with nothing in flight: all that the gateway spent in it belongs to the requests counted in it."""
    load = Load(job)
    sending = True
    drained = asyncio.Event()

    def done(connection: Connection, good: bool) -> None:
        load.count(good)
        if sending and not connection.transport.is_closing():
            connection.send()
        elif not any(other.busy for other in load.connections):
            drained.set()

    async def burst(seconds: float) -> None:
        nonlocal sending
        sending = True
        drained.clear()
        for connection in load.connections:
            connection.send()
        await asyncio.sleep(seconds)
        sending = False
        await drained.wait()

    await load.connect(job.connections, done)
    await burst(WARM_UP)
    window = Window(load)
    await burst(job.seconds)
    result = window.result()
    load.close()
    return result


async def open_loop(job: Job) -> Result:
    load = Load(job)
    idle: list[Connection] = []
    late: collections.deque[float] = collections.deque()
    measured = asyncio.Event()

    def done(connection: Connection, good: bool) -> None:
        load.count(good)
        if measured.is_set():
            load.latencies.append(time.perf_counter() - connection.due)
        if connection.transport.is_closing():
            return
        if late:
            connection.send(late.popleft())
        else:
            idle.append(connection)

    await load.connect(job.connections, done)
    idle.extend(load.connections)

    def send(due: float) -> None:
        if idle:
            idle.pop().send(due)
        else:
            late.append(due)

    stop = _at_random_times(job.rate, send)
    await asyncio.sleep(WARM_UP)
    measured.set()
    window = Window(load)
    await asyncio.sleep(job.seconds)
    result = window.result()
    stop()
    load.close()
    return result


async def paced(job: Job) -> Result:
    load = Load(job)
    finished = asyncio.Event()

    def done(connection: Connection, good: bool) -> None:
        load.count(good)
        if load.requests + load.errors == job.connections:
            finished.set()

    await load.connect(job.connections, done)
    window = Window(load)
    dice = random.Random(1)
    for connection in load.connections:
        connection.send()
        await asyncio.sleep(dice.random() * 0.004)
    await finished.wait()
    result = window.result()
    load.close()
    return result


def _at_random_times(rate: float, send: Callable[[float], None]) -> Callable[[], None]:
    """Calls `send` with the due time at the times of a Poisson process of `rate` per second, and returns what ends it.

    The loop's own timers tick in whole milliseconds, so it is a timer of the kernel (timerfd) that wakes us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    timer = libc.timerfd_create(1, os.O_NONBLOCK)
    dice = random.Random(7)
    due = time.perf_counter()

    def arm() -> None:
        spec = (ctypes.c_long * 4)(0, 0, *divmod(max(1000, int((due - time.perf_counter()) * 1e9)), 1_000_000_000))
        libc.timerfd_settime(timer, 0, spec, None)

    def woken() -> None:
        nonlocal due
        os.read(timer, 8)
        now = time.perf_counter()
        while due <= now:
            send(due)
            due += dice.expovariate(rate)
        arm()

    loop = asyncio.get_running_loop()
    loop.add_reader(timer, woken)
    arm()

    def stop() -> None:
        loop.remove_reader(timer)
        os.close(timer)

    return stop


async def run(job: Job) -> Result:
    kinds = {"closed": closed, "open": open_loop, "paced": paced}
    return await asyncio.wait_for(kinds[job.kind](job), job.seconds + PATIENCE)


def tell(result: Result) -> None:
    """Prints it. Under PYTHONUNBUFFERED what is below standard output makes one system call, which a signal cuts short where the reader is
    slower than we are: the end would be missing, and nobody would be told."""
    with open(sys.stdout.fileno(), "wb", closefd=False) as whole:
        whole.write(msgspec.json.encode(result))


if __name__ == "__main__":
    gc.disable()
    tell(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))))

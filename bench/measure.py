"""Measuring one gateway: start-up until the first answer, a probe that the answer is right, one load, memory.

Raw figures only; `report` reads them.
"""

import contextlib
import http.client
import subprocess
import sys
import time
from typing import Literal

import msgspec

from bench import payloads, procs
from bench.gateways import LOAD_CORE, ROOT, Gateway, Upstream
from bench.load import Job, Result
from bench.payloads import TOKENS
from bench.scenarios import MAIN, PACED_CONNECTIONS, SCENARIOS, Scenario

START_PATIENCE = 120.0
"""Seconds until a gateway that does not answer is given up."""


class Run(msgspec.Struct, kw_only=True):
    """One load on one gateway."""

    gateway: str
    scenario: str
    beside: str = ""
    """The gateway whose rate a direct call is measured at (open loads)."""
    kind: Literal["closed", "open", "paced"]
    repetition: int
    requests: int
    errors: int
    seconds: float
    cpu_us: float
    """User and system time of the whole process tree for each request, or for each token event of paced streams."""
    per_second: float
    rate: float = 0.0
    """Requests per second that were due (open loads)."""
    p50_us: float = 0.0
    p99_us: float = 0.0
    load_core: float
    foreign: float


class BenchError(Exception):
    """A gateway does not do what is measured; the message says what."""


class NotYetError(BenchError):
    """The gateway answers, and cannot do yet what is asked: the keys of its database are not read."""


def exchange(port: int, request: bytes) -> bytes:
    """Sends the request and returns the body of the answer. Raises `BenchError` unless it is 200 (`NotYetError` for
    503), `OSError` where nobody answers."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(line.split(": ", 1) for line in lines))
        response = connection.getresponse()
        answer = response.read()
    if response.status != 200:
        kind = NotYetError if response.status == 503 else BenchError
        raise kind(f"status {response.status}: {answer[:500].decode('utf-8', 'replace')}")
    return answer


def probe(gateway: Gateway, scenario: Scenario) -> None:
    """One call, whose answer must carry the upstream's text. Raises `BenchError`."""
    try:
        text = payloads.text_of(exchange(gateway.target(scenario), gateway.request(scenario)))
    except OSError as error:
        raise BenchError(f"{gateway.name}, {scenario.name}: {error}") from error
    if text != scenario.expected:
        raise BenchError(f"{gateway.name}, {scenario.name}: the answer is {text[:200]!r}")


def started(gateway: Gateway) -> tuple[procs.Running, float]:
    """A running gateway, and the seconds from its start to its first whole answer. Raises `BenchError`."""
    request = gateway.request(first_scenario(gateway))
    began = time.perf_counter()
    running = gateway.start()
    while time.perf_counter() - began < START_PATIENCE and running.process.poll() is None:
        try:
            exchange(gateway.port, request)
        except (OSError, http.client.HTTPException, NotYetError):
            time.sleep(0.005)
        except BenchError:
            running.stop()
            raise
        else:
            return running, time.perf_counter() - began
    words = running.last_words()
    running.stop()
    raise BenchError(f"{gateway.name} does not start: {words}")


def first_scenario(gateway: Gateway) -> Scenario:
    """The plain chat call: to Claude where the gateway translates, else to the upstream's own dialect."""
    return MAIN if gateway.takes(MAIN) else next(scenario for scenario in SCENARIOS if gateway.takes(scenario))


def load(
    gateway: Gateway,
    pid: int,
    upstream: Upstream,
    scenario: Scenario,
    repetition: int,
    *,
    seconds: float,
    rate: float = 0.0,
    beside: str = "",
) -> Run:
    """One load on a running gateway: open where a `rate` is given. Raises `BenchError` where calls failed."""
    kind: Literal["closed", "open", "paced"] = "paced" if scenario.paced else "open" if rate else "closed"
    job = Job(
        kind=kind,
        port=gateway.target(scenario),
        request=gateway.request(scenario),
        keys=list(gateway.keys),
        connections={"paced": PACED_CONNECTIONS, "open": 128, "closed": 32}[kind],
        seconds=seconds,
        rate=rate,
        gateway=pid,
        upstream=upstream.running.pid,
    )
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=msgspec.json.encode(job), capture_output=True, cwd=ROOT, timeout=180, check=False)
    if done.returncode:
        raise BenchError(f"{gateway.name}, {scenario.name}: {done.stderr.decode('utf-8', 'replace')[-1000:]}")
    result = msgspec.json.decode(done.stdout, type=Result)
    if not result.requests or result.errors > result.requests * 0.001:
        raise BenchError(f"{gateway.name}, {scenario.name}: {result.errors} calls failed, {result.requests} did not")
    units = result.requests * (TOKENS if scenario.paced else 1)
    return Run(
        gateway=gateway.name,
        scenario=scenario.name,
        beside=beside,
        kind=kind,
        repetition=repetition,
        requests=result.requests,
        errors=result.errors,
        seconds=result.seconds,
        cpu_us=result.cpu / units * 1e6,
        per_second=result.requests / result.seconds,
        rate=rate,
        p50_us=_quantile(result.latencies, 0.5) * 1e6,
        p99_us=_quantile(result.latencies, 0.99) * 1e6,
        load_core=result.load_core,
        foreign=result.foreign,
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

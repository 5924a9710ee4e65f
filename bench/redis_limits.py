"""What limits cost a call, by where they are counted: `python bench/redis_limits.py`. CPU of this process and of Redis for one reserve with
three rates and its settlement, in memory, in Redis over the gateway's own connection, and over redis-py's pipelines, in one run.

Needs `redis-server`, which it starts on a socket of its own. Ratios within one run count; the machine's other work is in the figures.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "src")]

import uvloop
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.redis_rates import RedisRates
from tidegate.adapters.redis_wire import WireError
from tidegate.adapters.system import SystemClock
from tidegate.policy.limits.rules import Actual, Limit, Refusal, charge, claim

LIMITS = (
    Limit(id="rpm", kind="key", what="requests", per="minute", amount=10**9),
    Limit(id="tpm", kind="key", what="tokens", per="minute", amount=10**12),
    Limit(id="run", kind="key", what="concurrent", per="moment", amount=10**6),
)
CHARGES = tuple(charge(limit, "k", org="a") for limit in LIMITS)


class Piped:
    """The same commands over redis-py: one pipeline of a pooled connection for each call."""

    def __init__(self, url: str) -> None:
        self._redis = Redis(connection_pool=BlockingConnectionPool.from_url(url, max_connections=32))

    async def send(self, commands: Sequence[bytes], seconds: float) -> list[Any]:
        async with asyncio.timeout(seconds), self._redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command.split(b"\r\n")[2::2])
            answers = await pipe.execute(raise_on_error=False)
        return [WireError(f"NOSCRIPT {found}") if isinstance(found, RedisError) else found for found in answers]

    async def aclose(self) -> None:
        await self._redis.aclose()


def cpu(pid: int) -> float:
    """Seconds of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measured(counters: LeasedCounters, pid: int, calls: int, at_once: int) -> tuple[float, float]:
    """Microseconds of CPU for a call: of this process, and of Redis."""

    async def client(name: str, count: int) -> None:
        for number in range(count):
            answer = await counters.reserve(claim(f"{name}-{number}", 1, CHARGES, tokens=100))
            if isinstance(answer, Refusal):
                raise RuntimeError("a limit refused")
            counters.settle(f"{name}-{number}", 1, Actual(50, 0))
            await asyncio.sleep(0)

    await client("warm", 200)
    before, beside = own(), cpu(pid)
    await asyncio.gather(*(client(f"c{number}", calls // at_once) for number in range(at_once)))
    await counters.quiet()
    return (own() - before) / calls * 1e6, (cpu(pid) - beside) / calls * 1e6


async def compared(url: str, pid: int, calls: int) -> None:
    clock = SystemClock()
    print(f"{'':24}{'calls at once':>14}{'gateway µs':>12}{'Redis µs':>10}")
    for at_once in (1, 16, 64):
        for name in ("memory", "own connection", "redis-py"):
            rates = None if name == "memory" else RedisRates(url, clock, timeout=5)
            if rates is not None and name == "redis-py":
                await rates._wire.aclose()
                rates._wire = Piped(url)  # pyright: ignore[reportAttributeAccessIssue] - the peer stands in its place
            counters = LeasedCounters(clock, rates=rates)
            here, there = await measured(counters, pid, calls, at_once)
            await counters.aclose()
            if rates is not None:
                await rates.aclose()
            print(f"{name:24}{at_once:>14}{here:>12.0f}{there:>10.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", "0", "--unixsocket", f"{folder}/s", "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not Path(folder, "s").exists():
                time.sleep(0.05)
            uvloop.run(compared(f"unix://{folder}/s", server.pid, options.calls))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()

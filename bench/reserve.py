"""What a reserve and its settlement cost with eight limits set, in memory: `python bench/reserve.py`. CPU of one thread, by
`time.thread_time`."""

import asyncio
import statistics
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1] / "src")]

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.system import SystemClock
from tidegate.policy.limits.rules import Actual, Charge, Limit, Refusal, ScopeKind, charge, claim

CALLS = 5_000
ROUNDS = 15


def charges(kind: ScopeKind) -> list[Charge]:
    """Four limits that refuse, of one subject, and so far off that they never do here."""
    limits = (
        Limit(id=f"{kind}-requests", kind=kind, what="requests", per="minute", amount=10**8),
        Limit(id=f"{kind}-tokens", kind=kind, what="tokens", per="minute", amount=10**11),
        Limit(id=f"{kind}-running", kind=kind, what="concurrent", per="moment", amount=10**6),
        Limit(id=f"{kind}-budget", kind=kind, what="spend", per="day", amount=9 * 10**15, alerts=(50, 80, 100)),
    )
    return [charge(limit, "subject", org="acme") for limit in limits]


async def measured(counters: MemoryCounters, eight: tuple[Charge, ...], name: str) -> float:
    """Microseconds for a call."""
    ids = [f"{name}-{number}" for number in range(CALLS)]
    began = time.thread_time()
    for id in ids:
        if isinstance(await counters.reserve(claim(id, 1, eight, tokens=1000, least_tokens=20, nano=500_000)), Refusal):
            raise RuntimeError("a limit refused")
        counters.settle(id, 1, Actual(900, 400_000))
    return (time.thread_time() - began) / CALLS * 1e6


async def main() -> None:
    """Prints the median and the least of some rounds."""
    counters = MemoryCounters(SystemClock())
    eight = (*charges("key"), *charges("organisation"))
    found = [await measured(counters, eight, str(number)) for number in range(ROUNDS)]
    print(f"reserve + settle with {len(eight)} limits: {statistics.median(found):.1f} µs (least {min(found):.1f}), target 15 µs")


if __name__ == "__main__":
    asyncio.run(main())

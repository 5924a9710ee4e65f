"""The order of a run: start the upstream and the gateways, measure them in turn, several times, write the results, end what was started.

Its command line is `python bench/run.py --help`; `make bench` calls it without options.
"""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import gateways, measure, procs, report
from bench.gateways import ROOT, WORK, Gateway, Upstream
from bench.scenarios import SCENARIOS, Scenario
from bench.stores import stores

RESULTS = ROOT / "bench/results.json"
PAGE = ROOT / "bench/RESULTS.md"
KEYS = ((10, 10, 10), (1_000, 100_000, 10), (1_000, 100_000, 100_000))
"""Organisations, their keys, and how many of these call."""
SETTLE = 60.0
"""Seconds until a gateway that has started must be at rest."""


@dataclass
class Plan:
    """What to measure and for how long. `deadline` (monotonic seconds) is when no further repetition begins."""

    scenarios: tuple[Scenario, ...]
    seconds: float
    repetitions: int
    deadline: float
    only: str = ""
    latency: bool = True
    found: report.Results = field(default_factory=report.empty)

    def takes(self, gateway: Gateway, scenario: Scenario) -> bool:
        """Whether both fit together and `--only` names one of them (with `+`, as in `tidegate+chat-claude`, both)."""
        names = (gateway.name, scenario.name)
        return gateway.takes(scenario) and all(part in names for part in self.only.split("+") if part)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.compare is not None:
        print(report.compare(report.read(Path(options.compare) if options.compare else None, RESULTS), report.read(RESULTS, RESULTS)))
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    if options.against:
        options.base = gateways.checkout(options.against)
    whole = not (options.quick or options.only or options.base or options.stores or options.keys)
    plan = Plan(
        scenarios=SCENARIOS,
        seconds=1.0 if options.quick else 3.0,
        repetitions=options.repeat or (1 if options.quick else 3),
        deadline=time.monotonic() + (80 if options.quick else 540),
        only=options.only,
        latency=not (options.base or options.stores or options.keys),
    )
    with contextlib.ExitStack() as stack:
        upstream = gateways.start_upstream()
        stack.callback(upstream.running.stop)
        if options.keys:
            crowd = (gateways.keyed(upstream, *sizes) for sizes in KEYS)
        elif options.stores:
            crowd = _stored(upstream, stack.enter_context(stores(say)))
        else:
            crowd = _crowd(upstream, options)
        _run(plan, [gateway for gateway in crowd if any(plan.takes(gateway, scenario) for scenario in plan.scenarios)], upstream, stack)
    text = report.page(plan.found)
    (RESULTS if whole else WORK / "partial.json").write_bytes(report.encode(plan.found))
    if whole:
        PAGE.write_text(text)
        say(f"written: {PAGE.relative_to(ROOT)} and {RESULTS.relative_to(ROOT)}")
    print(text)
    return 0


def _stored(upstream: Upstream, environ: dict[str, str] | None) -> Iterator[Gateway]:
    """Embedded, and with PostgreSQL and Redis: the same limits in both."""
    yield gateways.limited(upstream, gateways.EMBEDDED, {})
    if environ is not None:
        yield gateways.limited(upstream, gateways.STORED, environ)


def _crowd(upstream: Upstream, options: argparse.Namespace) -> Iterator[Gateway]:
    yield gateways.direct(upstream)
    yield gateways.tidegate(upstream)
    if options.base:
        yield gateways.tidegate(upstream, "base", Path(options.base).resolve())
    floor = gateways.nginx(upstream)
    if floor is None:
        say("nginx is not installed, so it is left out (Debian: apt-get install nginx-light)")
    else:
        yield floor
    yield gateways.sketched(upstream)
    if not options.no_litellm and not options.base and options.only.split("+")[0] not in ("tidegate", "nginx", "sketch", "direct"):
        python = gateways.install_litellm(say)
        if python is not None:
            yield gateways.litellm(upstream, python)


def _run(plan: Plan, crowd: list[Gateway], upstream: Upstream, stack: contextlib.ExitStack) -> None:
    """Every gateway is started (alone, for its start-up time) and checked; then they take turns."""
    alive: dict[str, procs.Running] = {}
    for gateway in crowd:
        try:
            alive[gateway.name] = running = _start(plan, gateway, upstream)
            stack.callback(running.stop)
            for scenario in plan.scenarios:
                if plan.takes(gateway, scenario) and not scenario.paced:
                    measure.probe(gateway, scenario)
        except measure.BenchError as error:
            plan.found.notes.append(f"{gateway.title} is left out: {error}")
            say(plan.found.notes[-1])
            alive.pop(gateway.name, None)
    for repetition in range(plan.repetitions):
        if time.monotonic() > plan.deadline:
            plan.found.notes.append(f"out of time: {repetition} repetitions instead of {plan.repetitions}")
            break
        for scenario in plan.scenarios:
            for gateway in crowd:
                if gateway.name in alive and plan.takes(gateway, scenario):
                    _load(plan, gateway, alive[gateway.name].pid, upstream, scenario, repetition)
        if plan.latency:
            for gateway in crowd:
                if gateway.name in alive and gateway.starts:
                    _latency(plan, gateway, alive[gateway.name].pid, upstream, repetition)
    for gateway in crowd:
        if gateway.name in alive and gateway.starts:
            plan.found.memory[gateway.name]["after load"] = procs.memory_mb(alive[gateway.name].pid)


def _start(plan: Plan, gateway: Gateway, upstream: Upstream) -> procs.Running:
    plan.found.titles[gateway.name] = gateway.title
    if not gateway.starts:
        return upstream.running
    say(f"starting {gateway.title} ...")
    for _ in range(gateway.starts - 1):
        running, seconds = measure.started(gateway)
        running.stop()
        plan.found.starts.setdefault(gateway.name, []).append(seconds)
    running, seconds = measure.started(gateway)
    plan.found.starts.setdefault(gateway.name, []).append(seconds)
    # What a gateway loads behind its first answer is neither idle memory nor the price of a call.
    if not procs.settled(running, SETTLE):
        plan.found.notes.append(f"{gateway.title} was still busy by itself {SETTLE:.0f} s after its start")
    plan.found.memory[gateway.name] = {"idle": procs.memory_mb(running.pid)}
    return running


def _load(
    plan: Plan, gateway: Gateway, pid: int, upstream: Upstream, scenario: Scenario, repetition: int, *, rate: float = 0.0, beside: str = ""
) -> None:
    try:
        run = measure.load(gateway, pid, upstream, scenario, repetition, seconds=plan.seconds, rate=rate, beside=beside)
    except measure.BenchError as error:
        plan.found.notes.append(str(error))
        say(str(error))
        return
    plan.found.runs.append(run)
    latency = f", p50 {run.p50_us:,.0f} µs, p99 {run.p99_us:,.0f} µs" if run.kind == "open" else ""
    cpu = f"{run.cpu_us:10,.1f} µs CPU per {scenario.unit:11}"
    say(
        f"{repetition + 1}/{plan.repetitions} {gateway.name:9} {scenario.name:17} {run.kind:6} {cpu}"
        f" {run.per_second:9,.0f}/s{latency}  (load core {run.load_core:.0%}, others {run.foreign:.1f} cores)"
    )


def _latency(plan: Plan, gateway: Gateway, pid: int, upstream: Upstream, repetition: int) -> None:
    """At half of what the gateway can do, it and the direct call, one after the other."""
    scenario = measure.first_scenario(gateway)
    capacity = report.median_of(plan.found, gateway.name, scenario.name, "per_second")
    if capacity and plan.takes(gateway, scenario):
        straight = gateways.direct(upstream)
        _load(plan, gateway, pid, upstream, scenario, repetition, rate=capacity / 2)
        _load(
            plan,
            straight,
            upstream.running.pid,
            upstream,
            measure.first_scenario(straight),
            repetition,
            rate=capacity / 2,
            beside=gateway.name,
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description="Measures Tidegate beside LiteLLM, nginx and a sketch in Python. Loopback only; ends by itself."
    )
    parser.add_argument("--quick", action="store_true", help="one short repetition, under two minutes; RESULTS.md stays as it is")
    parser.add_argument("--only", default="", metavar="NAME", help="a gateway, a scenario or GATEWAY+SCENARIO; RESULTS.md stays as it is")
    parser.add_argument("--repeat", type=int, metavar="N", help="repetitions (default 3)")
    parser.add_argument("--no-litellm", action="store_true", help="leave LiteLLM out")
    parser.add_argument("--stores", action="store_true", help="Tidegate with limits, embedded and with PostgreSQL and Redis, taking turns")
    parser.add_argument("--keys", action="store_true", help="Tidegate with 10 keys, and with 100,000 of 1,000 organisations, taking turns")
    parser.add_argument("--base", metavar="CHECKOUT", help="also run Tidegate from this other checkout, taking turns: is a change faster?")
    parser.add_argument("--against", metavar="REV", help="as --base, with a revision of this repository")
    parser.add_argument(
        "--compare",
        nargs="?",
        const="",
        metavar="FILE",
        help="measure nothing: bench/results.json against FILE, or against the last commit",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

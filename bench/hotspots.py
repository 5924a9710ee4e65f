"""Where Tidegate's CPU goes: `python bench/hotspots.py [SCENARIO]` loads it as the benchmark does, and samples it with py-spy.

py-spy is installed once into bench/.work/tools. Prints functions by the CPU that each request spends in them; the samples stay in
bench/.work/ for a flame graph.
"""

import argparse
import collections
import re
import subprocess
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from bench import gateways, measure
from bench.gateways import WORK
from bench.scenarios import SCENARIOS

TOOLS = WORK / "tools"
RATE = 500
"""Samples per second."""

_WAITING = re.compile(r"wait \(threading\.py:\d+\)$")
"""Where py-spy takes a sleeping thread for a busy one."""


def main() -> int:
    options = _options()
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == options.scenario)
    sampler = _sampler()
    upstream = gateways.start_upstream()
    gateway = gateways.tidegate(upstream, "hotspots")
    running, _ = measure.started(gateway)
    samples = WORK / f"hotspots-{scenario.name}.txt"
    try:
        plain = measure.load(gateway, running.pid, upstream, scenario, 0, seconds=options.seconds / 2)
        command = [str(sampler), "record", "--pid", str(running.pid), "--duration", str(int(options.seconds)), "--rate", str(RATE)]
        command += ["--format", "raw", "--output", str(samples), *(["--native"] if options.native else [])]
        load = threading.Thread(
            target=measure.load, args=(gateway, running.pid, upstream, scenario, 0), kwargs={"seconds": options.seconds + 1}
        )
        load.start()
        subprocess.run(["taskset", "-c", str(gateways.LOAD_CORE), *command], check=True, capture_output=True)
        load.join()
    finally:
        running.stop()
        upstream.running.stop()
    print(f"{scenario.title}: {plain.cpu_us:.1f} µs CPU per {scenario.unit} (unsampled), shares from py-spy")
    _print(samples.read_text(), plain.cpu_us, options.lines, by_line=options.by_line)
    return 0


def _print(text: str, cpu: float, lines: int, *, by_line: bool) -> None:
    """Two tables: time in a function itself, and in it with all that it calls."""
    own: collections.Counter[str] = collections.Counter()
    within: collections.Counter[str] = collections.Counter()
    total = 0
    for stack, _, count in (line.rpartition(" ") for line in text.splitlines()):
        if _WAITING.search(stack):
            continue
        frames = [_frame(frame, by_line) for frame in stack.split(";")]
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    for title, counts in (("itself", own), ("with what it calls", within)):
        print(f"\nµs      share  {title}")
        for name, count in counts.most_common(lines):
            print(f"{cpu * count / total:7.1f} {count / total:5.1%}  {name}")


def _frame(frame: str, by_line: bool) -> str:
    name = frame.replace("site-packages/", "")
    return name if by_line or ":" not in name else name.rpartition(":")[0] + ")"


def _sampler() -> Path:
    sampler = TOOLS / "bin/py-spy"
    if not sampler.exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True)
        subprocess.run([str(TOOLS / "bin/python"), "-m", "pip", "--quiet", "install", "py-spy==0.4.2"], check=True)
    return sampler


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/hotspots.py", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="chat-claude", choices=[scenario.name for scenario in SCENARIOS])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--lines", type=int, default=45, help="rows of each table")
    parser.add_argument("--by-line", action="store_true", help="by line instead of by function")
    parser.add_argument("--native", action="store_true", help="functions of C extensions too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

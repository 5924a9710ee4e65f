"""The results of a run: their file, the page that people read, the comparison of two files.

It only reads figures; `measure` makes them.
"""

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from bench.gateways import EMBEDDED, ROOT, STORED
from bench.measure import Run
from bench.scenarios import MAIN, SCENARIOS

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


class Results(msgspec.Struct, kw_only=True):
    """Everything that one run found. `starts` are seconds, `memory` MB, both by gateway."""

    date: str
    commit: str
    machine: dict[str, str]
    versions: dict[str, str]
    titles: dict[str, str] = {}
    starts: dict[str, list[float]] = {}
    memory: dict[str, dict[str, float]] = {}
    runs: list[Run] = []
    notes: list[str] = []


class Target(msgspec.Struct, frozen=True):
    """A promise of the project and what was found; `found` is nothing where it was not measured."""

    text: str
    found: str | None
    kept: bool


def empty() -> Results:
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return Results(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit,
        machine={
            "cores": str(os.cpu_count()),
            "processor": cpu.group(1) if cpu else platform.machine(),
            "system": f"Linux {platform.release()}",
            "Python": platform.python_version(),
        },
        versions={name: metadata.version(name) for name in ("tidegate", "uvicorn", "uvloop", "httptools", "aiohttp", "msgspec")},
    )


def encode(results: Results) -> bytes:
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def read(path: Path | None, standard: Path) -> Results:
    """The results in `path`, or without one those of the last commit. Raises `FileNotFoundError`."""
    if path is not None:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    name = standard.relative_to(ROOT).as_posix()
    shown = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode:
        raise FileNotFoundError(f"the last commit has no {name}")
    return msgspec.json.decode(shown.stdout, type=Results)


def figures(results: Results, gateway: str, scenario: str, figure: str) -> list[float]:
    """A figure of every repetition under saturating or paced load, sorted."""
    runs = (run for run in results.runs if (run.gateway, run.scenario) == (gateway, scenario) and run.kind != "open")
    return sorted(getattr(run, figure) for run in runs)


def median_of(results: Results, gateway: str, scenario: str, figure: str) -> float | None:
    found = figures(results, gateway, scenario, figure)
    return statistics.median(found) if found else None


def targets(results: Results) -> list[Target]:
    """The promises for this stage of the project (the stricter ones to come are in bench/README.md)."""
    chat, peer, sketch = (median_of(results, name, MAIN.name, "cpu_us") for name in ("tidegate", "litellm", "sketch"))
    paced = [median_of(results, "tidegate", name, "cpu_us") for name in ("paced-claude", "paced-openai")]
    worst = max((value for value in paced if value is not None), default=None)
    token, sketched = (median_of(results, name, "paced-claude", "cpu_us") for name in ("tidegate", "sketch"))
    start = statistics.median(results.starts["tidegate"]) if "tidegate" in results.starts else None
    memory = results.memory.get("tidegate", {}).get("idle")
    if EMBEDDED in results.titles:
        embedded, stored = (median_of(results, name, MAIN.name, "cpu_us") for name in (EMBEDDED, STORED))
        return [
            _at_most("chat → Claude with eight limits, embedded: at most 200 µs CPU per request", embedded, 200, "µs"),
            _at_most("the same with PostgreSQL and Redis: at most 1.25 times that", _times(stored, embedded), 1.25, "times"),
        ]
    return [
        _at_most("chat → Claude: at most 200 µs CPU per request", chat, 200, "µs"),
        _at_most("the same in sketches (140 µs where the target was set): at most 1.43", _times(chat, sketch), 1.43, "times"),
        Target(
            "chat → Claude: at least 60 times less CPU than LiteLLM",
            f"{peer / chat:.0f} times" if peer and chat else None,
            bool(peer and chat and peer / chat >= 60),
        ),
        _at_most("paced streams: at most 35 µs CPU per token event (the dearer of translated and identity)", worst, 35, "µs"),
        _at_most(
            "the same in sketches, translated (40 µs where the target was set): at most 0.88",
            _times(token, sketched),
            0.88,
            "times",
        ),
        _at_most("first answer at most 1 s after the start", start, 1, "s"),
        _at_most("at most 90 MB of memory, idle", memory, 90, "MB"),
    ]


def _times(value: float | None, other: float | None) -> float | None:
    return value / other if value and other else None


def _at_most(text: str, value: float | None, limit: float, unit: str) -> Target:
    shown = None if value is None else f"{value:.2f} {unit}" if limit < 10 else f"{value:.1f} {unit}"
    return Target(text, shown, value is not None and value <= limit)


def page(results: Results) -> str:
    """The page of results, in Markdown."""
    return "\n".join([*_head(results), *_targets(results), *_cpu(results), *_latency(results), *_size(results), *_notes(results)]) + "\n"


def _head(results: Results) -> Iterator[str]:
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items() if name != "processor")
    yield "# Results of the benchmark"
    yield ""
    yield "Written by `make bench`; [README.md](README.md) says what is measured and how to read it. The raw figures: `bench/results.json`."
    yield ""
    yield f"- {results.date}, commit {results.commit}"
    yield f"- {results.machine['processor']}; {machine}. Gateway on one core, load generator and upstream on another."
    yield "- " + ", ".join(f"{name} {version}" for name, version in results.versions.items())
    yield "- Beside it: " + (", ".join(title for name, title in results.titles.items() if name not in ("tidegate", "direct")) or "nothing")


def _targets(results: Results) -> Iterator[str]:
    yield from ("", "## Targets", "", "| target | found | |", "|---|---|---|")
    for target in targets(results):
        yield f"| {target.text} | {target.found or 'not measured'} | {'kept' if target.kept else 'missed' if target.found else ''} |"


def _cpu(results: Results) -> Iterator[str]:
    yield from ("", "## CPU and throughput", "")
    yield "CPU is user and system time of the whole process tree, for each request (paced streams: for each token event)."
    yield "Throughput is of one core; where the load core is near 100 % busy, the load is the limit and not the gateway. Ratios are of the"
    yield "medians, to Tidegate."
    yield ""
    yield "| scenario | gateway | CPU median | min to max | ratio | per second | load core busy |"
    yield "|---|---|---|---|---|---|---|"
    for scenario in SCENARIOS:
        like = median_of(results, "tidegate", _like(scenario.name), "cpu_us")
        ours = median_of(results, "tidegate", scenario.name, "cpu_us") or like or median_of(results, EMBEDDED, scenario.name, "cpu_us")
        for name, title in results.titles.items():
            found = figures(results, name, scenario.name, "cpu_us")
            if found:
                median = statistics.median(found)
                ratio = f"{median / ours:.2f}" if ours and name != "direct" else ""
                rate = median_of(results, name, scenario.name, "per_second") or 0
                busy = median_of(results, name, scenario.name, "load_core") or 0
                cpu = f"{median:,.1f} µs | {found[0]:,.1f} to {found[-1]:,.1f}" if name != "direct" else " | "
                rate_text = "paced" if scenario.paced else f"{rate:,.0f}"
                yield f"| {scenario.title} | {title} | {cpu} | {ratio} | {rate_text} | {busy:.0%} |"


def _like(scenario: str) -> str:
    return scenario.replace("openai", "claude")


def _latency(results: Results) -> Iterator[str]:
    yield from ("", "## Added latency at half load", "")
    yield "Requests at random times (Poisson) at half of the gateway's own throughput, counted from when they were due;"
    yield "then the direct call at the same rate. Medians over the repetitions; added = through the gateway less direct."
    yield ""
    yield "| gateway | rate | p50 | p50 direct | **p50 added** | p99 | p99 direct | **p99 added** | p99 added, min to max |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, title in results.titles.items():
        through = [run for run in results.runs if run.kind == "open" and run.gateway == name and not run.beside]
        straight = [run for run in results.runs if run.kind == "open" and run.beside == name]
        if through and len(through) == len(straight):
            cells = [title, f"{statistics.median(run.rate for run in through):,.0f}/s"]
            for figure in ("p50_us", "p99_us"):
                ours, bare = ([getattr(run, figure) for run in runs] for runs in (through, straight))
                added = [one - other for one, other in zip(ours, bare, strict=True)]
                cells += [_ms(statistics.median(ours)), _ms(statistics.median(bare)), f"**{_ms(statistics.median(added))}**"]
            yield f"| {' | '.join(cells)} | {_ms(min(added))} to {_ms(max(added))} |"


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:,.2f} ms"


def _size(results: Results) -> Iterator[str]:
    yield from ("", "## Start-up and memory", "")
    yield "| gateway | first answer after start | min to max | memory idle | after all loads |"
    yield "|---|---|---|---|---|"
    for name, starts in results.starts.items():
        memory = results.memory.get(name, {})
        sizes = " | ".join(f"{memory[when]:,.0f} MB" if when in memory else "" for when in ("idle", "after load"))
        spread = f"{min(starts):.2f} to {max(starts):.2f} s" if len(starts) > 1 else "started once"
        yield f"| {results.titles[name]} | {statistics.median(starts):.2f} s | {spread} | {sizes} |"


def _notes(results: Results) -> Iterator[str]:
    yield from ("", "## Notes", "")
    foreign = sorted(run.foreign for run in results.runs)
    if foreign:
        yield (
            f"- Other processes kept {statistics.median(foreign):.2f} cores busy in the median load, {foreign[-1]:.2f} in the worst."
            " Above 0.1 the machine was not quiet: CPU figures are too high then (compare ratios only), throughput and latency mean little."
        )
    yield from (f"- {note}" for note in results.notes)


def compare(base: Results, now: Results) -> str:
    """Base against now, CPU medians: as they are, and as multiples of the floor's (nginx) in the same run, which evens machines out."""
    lines = [f"base {base.date} ({base.commit}), now {now.date} ({now.commit}); below 1 is better now"]
    for gateway in now.titles:
        for name, scenario in _BY_NAME.items():
            before, after = (median_of(results, gateway, name, "cpu_us") for results in (base, now))
            if before and after and gateway != "direct":
                floors = [median_of(results, "nginx", "chat-openai", "cpu_us") for results in (base, now)]
                ratio = after / before
                by_floor = f"{ratio * floors[0] / floors[1]:.2f}" if floors[0] and floors[1] else "?"
                lines.append(
                    f"{gateway:9} {name:17} {before:10,.1f} → {after:10,.1f} µs per {scenario.unit}: {ratio:.2f}, by the floor {by_floor}"
                )
    return "\n".join(lines)

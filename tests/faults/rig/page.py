"""docs/reliability.md: the lines of Tidegate's own drills, and below them those of the drills that LiteLLM went through as well. Each run
writes what it found and leaves what others found."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_OWN = """# Reliability: what the drills found

Written by the drills from the figures of their own runs, which the columns date and size; never by hand. [Testing under
faults](faults.md) says what is drilled.

- Python {python}, {cores} cores, loopback
- {lines} lines, of which {failed} are of drills that failed when they ran last

| id | drill | size | on | verdict |
|---|---|---|---|---|
{rows}
"""
_HEADING = "## Beside LiteLLM\n"
_BESIDE = """{heading}
The same drills on both, one after the other on this machine ({cores} cores, loopback, other work on it at times: `load` is
the mean of five minutes), with the same scripted provider, the same clients and the same judge; written by
`make faults-versus`. {first} with its ledger in SQLite, {second} as one process of its proxy without a database, both with a
key, the same waits, no retries at the same target and no circuit breaker. Where a second target stands, it is a fallback in
either's own words. What LiteLLM does not claim without a database is not applicable.

A client that got *an error answer*, *an error in the stream* or was *cut off* knows that its answer is not whole, as it does
of *bytes of no dialect*, at which its library raises. After *silently short*, *a forged end* or *another text* it does not; the
last is the beginning of one answer and the words of another after it, as where a second target is asked to go on from the
middle.

| drill | {first} | {second} | on | load |
|---|---|---|---|---|
{rows}
"""
FAILED = "**failed**: "
"""How the verdict of a drill begins that has failed."""
Row = tuple[str, ...]
Beside = tuple[str, str, str, str, str]
"""The drill, both findings, the date, the load."""


def own(page: Path, rows: Iterable[Row], *, anew: bool = False) -> None:
    """Writes lines of (ids, drill, size, date, verdict); `anew` forgets those that the page had."""
    before, below = _parts(page)
    cells = {} if anew else {row[:2]: row for row in _rows(before)}
    cells |= {row[:2]: row for row in rows}
    lines = sorted(cells.values())
    failed = sum(row[-1].startswith(FAILED) for row in lines)
    head = _OWN.format(python=platform.python_version(), cores=os.cpu_count(), lines=len(lines), failed=failed, rows=_table(lines))
    page.write_text(head + (f"\n{below}" if below else ""), encoding="utf-8")


def beside(page: Path, names: Sequence[str], rows: Iterable[Beside]) -> None:
    """Writes lines of both systems, whose names with their versions are `names`."""
    above, before = _parts(page)
    cells = {row[0]: row for row in _rows(before)} | {row[0]: row for row in rows}
    first, second = names
    below = _BESIDE.format(heading=_HEADING, cores=os.cpu_count(), first=first, second=second, rows=_table(cells.values()))
    page.write_text(f"{above.rstrip()}\n\n{below}", encoding="utf-8")


def _parts(page: Path) -> tuple[str, str]:
    above, heading, below = (page.read_text(encoding="utf-8") if page.exists() else "").partition(_HEADING)
    return above, heading + below


def _rows(part: str) -> list[Row]:
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in part.splitlines() if line.startswith("|")]
    return [row for row in rows[2:] if len(row) == len(rows[0])]


def _table(rows: Iterable[Row]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    # Forgets the lines of Tidegate's own drills, before all of them run again.
    own(Path(sys.argv[1]), (), anew=True)

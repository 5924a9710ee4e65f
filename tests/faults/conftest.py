"""What the drills found, said at the end of a run, and written as a page where `TIDEGATE_VERDICT` names one (`make faults-long`).

A run of all drills writes the page anew, one of some puts what it found into it.
"""

import datetime
import os
import platform
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.e2e.wire import Provider

from tidegate.sandbox.server import running

_PAGE = """# Reliability: what the drills found

Written by the drills from the figures of their own runs, which the columns date and size; never by hand. [Testing under
faults](faults.md) says what is drilled.

- Python {python}, {cores} cores, loopback
- {failed} of {tests} drills failed in the last run

| drill | size | on | verdict |
|---|---|---|---|
{rows}
"""
_ALL = "tests/faults"
Row = tuple[str, ...]


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    """The scripted provider, with its own account of what it did."""
    with running() as sandbox:
        yield Provider(sandbox)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    drills = [report for report in reports if report.when == "call" and "tests/faults/" in report.nodeid]
    rows = sorted({str(value) for report in drills for name, value in report.user_properties if name == "verdict"})
    if rows:
        terminalreporter.section("verdict of the drills")
        terminalreporter.write("\n".join(rows) + "\n")
    page = os.environ.get("TIDEGATE_VERDICT")
    if page and drills:
        before = [] if terminalreporter.config.args == [_ALL] else _written(Path(page))
        Path(page).write_text(_page(drills, rows, before), encoding="utf-8")


def _written(page: Path) -> list[Row]:
    """The rows that a page has."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")]
    return [row for row in rows[2:] if len(row) == len(rows[0])]


def _page(drills: list[pytest.TestReport], rows: list[str], before: list[Row]) -> str:
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    size = "nightly" if os.environ.get("TIDEGATE_FAULTS") == "long" else "small"
    cells = {drill: (drill, size, date, verdict) for drill, verdict in (map(str.strip, row.partition(":")[::2]) for row in rows)}
    cells = {row[0]: row for row in before} | cells
    return _PAGE.format(
        python=platform.python_version(),
        cores=os.cpu_count(),
        failed=sum(report.failed for report in drills),
        tests=len(drills),
        rows="\n".join(f"| {' | '.join(cells[drill])} |" for drill in sorted(cells)),
    )

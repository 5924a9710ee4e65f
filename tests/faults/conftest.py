"""What the drills found, said at the end of a run, and written as a page where `TIDEGATE_VERDICT` names one (`make faults-long`)."""

import datetime
import os
import platform
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.e2e.wire import Provider

from tidegate.sandbox.server import running

_PAGE = """# Reliability: what the drills found

Written by `make faults-long` from the figures of its own run; never by hand. [Testing under faults](faults.md) says what is drilled.

- {date}, {size} size, Python {python}, {cores} cores, loopback
- {failed} of {tests} drills failed

| drill | verdict |
|---|---|
{rows}
"""


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
        Path(page).write_text(_page(drills, rows), encoding="utf-8")


def _page(drills: list[pytest.TestReport], rows: list[str]) -> str:
    cells = [tuple(part.strip() for part in row.partition(":")[::2]) for row in rows]
    return _PAGE.format(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        size="nightly" if os.environ.get("TIDEGATE_FAULTS") == "long" else "small",
        python=platform.python_version(),
        cores=os.cpu_count(),
        failed=sum(report.failed for report in drills),
        tests=len(drills),
        rows="\n".join(f"| {drill} | {verdict} |" for drill, verdict in cells),
    )

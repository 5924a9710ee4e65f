"""What the drills found, said at the end of a run, and written as a page where `TIDEGATE_VERDICT` names one (`make faults-long`).

A run of all drills writes the page anew, one of some puts what it found into it.
"""

import datetime
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.e2e.wire import Provider
from tests.faults.rig.page import own

from tidegate.sandbox.server import running

_ALL = "tests/faults"


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
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
        size = "nightly" if os.environ.get("TIDEGATE_FAULTS") == "long" else "small"
        told = [(drill, size, date, verdict) for drill, verdict in (map(str.strip, row.partition(":")[::2]) for row in rows)]
        failed = sum(report.failed for report in drills)
        own(Path(page), told, failed=failed, tests=len(drills), anew=terminalreporter.config.args == [_ALL])

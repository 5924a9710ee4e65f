"""What every test may ask for: the folders of recorded traffic and of published specifications, which lie outside the repository.

`make test` sets the variables where the folders lie beside the checkout; without them a test that needs one is skipped and says so.
"""

import datetime
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.faults.rig.page import own
from tests.faults.rig.sizes import IS_LONG
from tests.faults.rig.verdicts import marked, told

# How long an example takes says something of the machine and its other work, not of the code: times belong to the benchmark.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def outside_folder(variable: str) -> Path | None:
    """The folder that `variable` names, None where it is unset. A variable that names no folder is a mistake, not a reason to skip."""
    value = os.environ.get(variable)
    if not value:
        return None
    folder = Path(value)
    if not folder.is_dir():
        raise pytest.UsageError(f"{variable} is set to {value}, which is no folder")
    return folder


def folder_or_skip(variable: str) -> Path:
    folder = outside_folder(variable)
    if folder is None:
        pytest.skip(f"{variable} is not set, and this test needs what is in that folder")
    return folder


@pytest.fixture(scope="session")
def recordings_dir() -> Path:
    """Recorded provider traffic, `<source>.jsonl.gz` as its README describes. To be read where it lies, never copied."""
    return folder_or_skip("TIDEGATE_RECORDINGS")


@pytest.fixture(scope="session")
def specs_dir() -> Path:
    """Published API specifications (`openai-openapi.json.gz`)."""
    return folder_or_skip("TIDEGATE_SPECS")


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: the drills wait, for timeouts and for what comes back, longer than they work."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what tests have counted (their `replay` properties) and what tests of the programme found, from wherever they ran; the latter
    goes into a page too, where `TIDEGATE_VERDICT` names one (`make faults-long`)."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    lines = {str(value) for report in reports for name, value in report.user_properties if name == "replay"}
    _section(terminalreporter, "replay", lines)
    rows = told(reports)
    _section(terminalreporter, "verdict of the programme", (f"{row.ids} {row.drill}: {row.verdict}" for row in rows))
    page = os.environ.get("TIDEGATE_VERDICT")
    if page and rows:
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
        own(Path(page), [(row.ids, row.drill, "nightly" if IS_LONG else "small", date, row.verdict) for row in rows])


def _section(reporter: pytest.TerminalReporter, name: str, lines: Iterable[str]) -> None:
    if written := sorted(lines):
        reporter.section(name)
        reporter.write("\n".join(written) + "\n")

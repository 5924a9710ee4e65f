"""`docs/conformance.md` says what the tests count: `pytest tests/conformance/replay/test_page.py --write-conformance` writes it."""

import re
from pathlib import Path

import pytest
from tests.conformance.replay.table import counted, digest, page, shares

PAGE = Path(__file__).parents[3] / "docs/conformance.md"
_DIGEST = re.compile(r"^Recordings: `(\w{64})`$", re.MULTILINE)


def test_the_page_is_what_the_recordings_show(recordings_dir: Path, pytestconfig: pytest.Config) -> None:
    found = digest(recordings_dir)
    if not pytestconfig.getoption("--write-conformance", default=False):
        told = _DIGEST.search(PAGE.read_text())
        assert told is not None, "docs/conformance.md does not say of which recordings it was made"
        if told[1] != found:
            pytest.skip("docs/conformance.md was made from other recordings than those in TIDEGATE_RECORDINGS")
    table = counted(recordings_dir)
    assert [(surface, share) for surface, share in shares(table) if share < 0.995] == []
    written = page(table, found)
    if pytestconfig.getoption("--write-conformance", default=False):
        PAGE.write_text(written)
    assert PAGE.read_text() == written, "docs/conformance.md is stale: run this test with --write-conformance"

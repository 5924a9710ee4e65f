"""Puts known defects back, one at a time, and demands that the test which each names fails: a suite that lets one pass is the defect.

Run by `make bugs` (T-BUG); names as arguments are for those patches alone. Each patch of tests/faults/bugs has its test in the line `Test:`
at its head; it is applied to a copy of `src`, which goes before the installed one, also for gateways that the test starts.
"""

import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.rig.page import FAILED as FAILED_LINE
from tests.faults.rig.page import own

ROOT = Path(__file__).parent.parent
BUGS = ROOT / "tests" / "faults" / "bugs"
FAILED = 1
"""pytest's exit code where tests ran and some failed; a test that is not there, or a broken import, has another one."""


def outcome(patch: Path) -> str | None:
    """What is wrong with the suite; None where it finds the defect."""
    found = re.search(r"^Test: (\S+)$", patch.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        return "names no test"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "src", Path(folder, "src"), ignore=shutil.ignore_patterns("__pycache__"))
        applied = subprocess.run(["git", "apply", "-p1", str(patch)], cwd=folder, capture_output=True, text=True, check=False)
        if applied.returncode:
            return f"does not apply: {applied.stderr.strip()}"
        # What is run here fails on purpose, at small size: it is no line of the page.
        own_words = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEGATE_VERDICT", "TIDEGATE_FAULTS"))}
        environ = own_words | {"PYTHONPATH": str(Path(folder, "src")), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", found[1]]
        ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=300)
    if ran.returncode == FAILED:
        return None
    return f"is not found by {found[1]} (exit code {ran.returncode}): {ran.stdout[-300:]}"


def main(names: list[str]) -> int:
    patches = [patch for patch in sorted(BUGS.glob("*.patch")) if not names or patch.stem in names]
    missed = [(patch.stem, flaw) for patch in patches if (flaw := outcome(patch)) is not None]
    for name, flaw in missed:
        print(f"{name}: {flaw}")
    print(f"{len(patches) - len(missed)} of {len(patches)} defects are found")
    page = os.environ.get("TIDEGATE_VERDICT")
    if page and not names:
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
        verdict = f"{FAILED_LINE if missed else ''}{len(patches) - len(missed)} of {len(patches)} are found by the test that each names"
        own(Path(page), [("T-BUG", "known defects that are put back", "nightly", date, verdict)])
    return 1 if missed or not patches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

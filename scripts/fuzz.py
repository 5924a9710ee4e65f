"""Fuzzes each parser for some seconds by Atheris, guided by coverage, and keeps in tests/fuzz/corpus what makes one fail.

Run by `make fuzz`: `ARGS="60 sse head"` is for 60 seconds each of those two. Exit code 1 where something was found. `TIDEGATE_VERDICT`
names the page that gets a line of each.
"""

import datetime
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.rig.page import FAILED, own
from tests.fuzz.targets import TARGETS, corpus, keep

SECONDS = 30
LONGEST = 8 << 10
"""Bytes of an input."""
SLOWEST = 5
"""Seconds after which one input is taken for a hang."""
_RUNS = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)
"""As libFuzzer says at its end."""
_TOLD = 12
"""Last lines of a failure that are shown."""


def fuzzed(name: str, seconds: int) -> bool:
    """Whether something was found, which is told and kept."""
    with tempfile.TemporaryDirectory() as folder:
        seeds, found = Path(folder, "seeds"), Path(folder, "found")
        for made in (seeds, found):
            made.mkdir()
        for place, data in enumerate(corpus(name)):
            (seeds / str(place)).write_bytes(data)
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}", f"-artifact_prefix={found}/"]
        command = [sys.executable, "-m", "tests.fuzz.one", name, *options, str(seeds)]
        ran = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
        inputs = [file.read_bytes() for file in found.iterdir()]
    last = ran.stderr.splitlines()[-1:]
    print(f"{name}: {'FOUND' if ran.returncode else 'nothing'}; {''.join(last)}", flush=True)
    _noted(name, seconds, FAILED if inputs else "", ran.stderr)
    if ran.returncode:
        keep(name, inputs)
        print("\n".join([*ran.stdout.splitlines()[-_TOLD:], *ran.stderr.splitlines()[-_TOLD:]]), flush=True)
    return ran.returncode != 0


def _noted(name: str, seconds: int, failed: str, said: str) -> None:
    """A line of the page, where `TIDEGATE_VERDICT` names one."""
    page, runs = os.environ.get("TIDEGATE_VERDICT"), _RUNS.search(said)
    if page and (runs is not None or failed):
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
        tried = f"{runs[1]} inputs in {runs[2]} s" if runs is not None else "broken off"
        own(Path(page), [("T-FZ-1", f"parser {name}", f"{seconds} s", date, f"{failed}{tried}, {'one' if failed else 'none'} fails")])


def main(arguments: list[str]) -> int:
    seconds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else SECONDS
    return 1 if sum(fuzzed(name, seconds) for name in arguments or TARGETS) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs the drills on Tidegate and on LiteLLM's proxy, in turns on this machine, and writes "Beside LiteLLM" into docs/reliability.md.

`python -m tests.faults.versus`, or with names of drills to run some and leave the others' lines as they are (`make faults-versus`).
"""

import asyncio
import datetime
import os
import sys
import tempfile
import traceback
from pathlib import Path

from bench.gateways import install_litellm
from tests.faults.rig.page import Beside, beside
from tests.faults.versus.drills import DRILLS
from tests.faults.versus.systems import System, systems

PAGE = Path("docs/reliability.md")


async def main(names: list[str]) -> int:
    """The exit code: 1 where a drill could not be made, 2 where LiteLLM is not there."""
    unknown = [name for name in names if name not in DRILLS]
    if unknown:
        print(f"There is no drill {unknown[0]}; there are {', '.join(DRILLS)}.", file=sys.stderr)
        return 2
    python = install_litellm(lambda line: print(line, file=sys.stderr))
    if python is None:
        return 2
    both, broken = systems(python), 0
    for name in names or list(DRILLS):
        print(f"{name} ...", flush=True)
        try:
            lines = await _drilled(name, both)
        except (AssertionError, OSError, RuntimeError, TimeoutError):
            traceback.print_exc()
            broken = 1
            continue
        for line in lines:
            print("  " + "\n    ".join(line), flush=True)
        beside(PAGE, [f"{system.name} {system.version}" for system in both], lines)
    return broken


async def _drilled(name: str, both: tuple[System, ...]) -> list[Beside]:
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    with tempfile.TemporaryDirectory(prefix="tidegate-versus-") as folder:
        first, second = [await DRILLS[name](system, Path(folder)) for system in both]
    found = dict(second)
    return [(title, own, found[title], date, f"{os.getloadavg()[1]:.1f}") for title, own in first]


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))

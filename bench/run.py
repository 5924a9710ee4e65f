"""`python bench/run.py`: what `make bench` calls. It makes the package importable from wherever it is started, and starts `bench.main`."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    runpy.run_module("bench.main", run_name="__main__", alter_sys=True)

"""The command line. `main` is the `tidegate` program; the commands are in `commands`, each in a module of its own.

`tidegate serve` without options, which is how it is started nearly always, goes straight to `start`: the library that reads options
takes 0.15 s to load, and a gateway answers within a second of its start.
"""

import sys
from collections.abc import Sequence
from importlib import import_module


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 1 where it failed. Misuse ends the process with 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    module = import_module("tidegate.cli.start" if given == ["serve"] else "tidegate.cli.commands")
    code: int = module.run(given)
    return code

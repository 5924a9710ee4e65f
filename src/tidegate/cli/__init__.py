"""The command line. `main` is the `tidegate` program; the commands are in `commands`, each in a module of its own.

`tidegate serve` goes straight to `start` where its options are plain, which is how it is started nearly always: the library that reads
options takes 0.15 s and 2 MB to load, and a gateway answers within a second of its start.
"""

import re
import sys
from collections.abc import Sequence
from importlib import import_module

_PORT = re.compile("[0-9]{1,5}")
_PLAIN = ("--host", "--port", "--config", "--home")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 1 where it failed. Misuse ends the process with 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    module = import_module("tidegate.cli.start" if _is_plain_serve(given) else "tidegate.cli.commands")
    code: int = module.run(given)
    return code


def _is_plain_serve(given: Sequence[str]) -> bool:
    """Whether that is `serve` with each option at most once, written `--name value`: all else, mistakes too, is for `commands`."""
    names, values = given[1::2], given[2::2]
    return (
        given[:1] == ["serve"]
        and len(names) == len(values) == len(set(names))
        and all(name in _PLAIN for name in names)
        and all(value and not value.startswith("-") for value in values)
        and all(_PORT.fullmatch(value) for name, value in zip(names, values, strict=True) if name == "--port")
    )

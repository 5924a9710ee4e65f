"""The options that several commands share, what they become, and the composition of configuration for commands that do not serve."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from cyclopts import Parameter

from tidegate.adapters.keystore import KeyStore
from tidegate.adapters.lists_file import ListsFile
from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loaded, Loader
from tidegate.control.problems import ConfigError
from tidegate.control.settings import settings

T = TypeVar("T")

Home = Annotated[
    Path | None,
    Parameter(help="The directory of Tidegate's state: keys and the usage ledger. [env var: TIDEGATE_HOME] [default: .tidegate]"),
]
ConfigPath = Annotated[
    Path | None,
    Parameter(name="--config", help="The configuration file. [env var: TIDEGATE_CONFIG] [default: ./tidegate.yaml, if there is one]"),
]
Host = Annotated[
    str | None, Parameter(help="The address to listen on; 0.0.0.0 is every network. [env var: TIDEGATE_HOST] [default: 127.0.0.1]")
]
Port = Annotated[int | None, Parameter(help="The port to listen on; 0 takes a free one. [env var: TIDEGATE_PORT] [default: 8080]")]

Workers = Annotated[
    int | None, Parameter(help="The processes that serve, best one for each core. [env var: TIDEGATE_WORKERS] [default: 1]")
]


def store(home: Path | None) -> KeyStore:
    """The key store that a gateway with this option would use. Raises `ConfigError`."""
    return KeyStore(settings(os.environ, home=home).home)


def load(config: Path | None, home: Path | None, *, lists: bool = False) -> Loaded:
    """The configuration as a gateway would see it, without making anything in the state directory; `lists`: with what providers told a
    gateway of their models. Raises `ConfigError`."""
    chosen = settings(os.environ, config=config, home=home)
    keys = KeyStore(chosen.home)
    loader = Loader(chosen, read_catalogue(chosen.home), keys.peek, keys.path)
    loaded = loader.load(generation=1)
    return loader.with_lists(loaded, ListsFile(chosen.home, loaded.snapshot.pepper).load()) if lists else loaded


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")


def said(line: str | None) -> int:
    """Tells what was done and returns the exit code; None is what failed, and was told by whoever met it."""
    if line is None:
        return 1
    say(line)
    return 0


def complain(line: str) -> None:
    """To where it does not mix with what a script reads."""
    sys.stderr.write(line + "\n")


def complain_of(error: ConfigError) -> int:
    """Tells every mistake and returns the exit code."""
    for problem in error.problems:
        complain(f"error: {problem}")
    return 1


def table(rows: Sequence[Sequence[str]]) -> None:
    """Columns of text, each as wide as it must be; the last one as it is."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def listed(
    rows: Sequence[T] | None,
    head: Sequence[str],
    cells: Callable[[T], Sequence[str]],
    *,
    json: bool,
    shown: Callable[[T], object] | None = None,
) -> int:
    """Tells rows as a table, or each as the JSON of itself or of what is `shown` of it, and returns the exit code; None is what failed,
    and was told by whoever met it."""
    if rows is None:
        return 1
    if json:
        for row in rows:
            say(msgspec.json.encode(row if shown is None else shown(row)).decode())
    else:
        table([head, *map(cells, rows)])
    return 0

"""The options that several commands share, what they become, and the composition of configuration for commands that do not serve."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tidegate.adapters.keystore import KeyStore
from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loaded, Loader
from tidegate.control.problems import ConfigError
from tidegate.control.settings import Settings

Home = Annotated[Path, Parameter(env_var="TIDEGATE_HOME", help="The directory of Tidegate's state: keys and the usage ledger.")]
ConfigPath = Annotated[
    Path | None,
    Parameter(name="--config", env_var="TIDEGATE_CONFIG", help="The configuration file. Without it, ./tidegate.yaml if there is one."),
]
Host = Annotated[str, Parameter(env_var="TIDEGATE_HOST", help="The address to listen on; 0.0.0.0 is every network.")]
Port = Annotated[int, Parameter(env_var="TIDEGATE_PORT", help="The port to listen on; 0 takes a free one.")]

DEFAULT_HOME = Path(".tidegate")


def settings(config: Path | None, home: Path, *, host: str = "127.0.0.1", port: int = 8080) -> Settings:
    """An empty variable counts as unset."""
    named = config if config is not None and str(config) not in ("", ".") else None
    return Settings(host=host or "127.0.0.1", port=port, home=home, config_path=named, environ=environment())


def environment() -> Mapping[str, str]:
    """A copy of the environment as it is now."""
    return dict(os.environ)


def load(chosen: Settings) -> Loaded:
    """The configuration as a gateway would see it, without making anything in the state directory. Raises `ConfigError`."""
    store = KeyStore(chosen.home)
    return Loader(chosen, read_catalogue(), store.peek, store.path).load(generation=1)


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")


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

"""Starts the gateway. Imports nothing that reads options: `tidegate serve` without any comes straight here."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tidegate.adapters.keystore import KeyStoreError
from tidegate.app import serve
from tidegate.control.problems import ConfigError
from tidegate.control.settings import settings


def run(_arguments: Sequence[str]) -> int:
    """`tidegate serve` without options."""
    return start()


def start(
    *, host: str | None = None, port: int | None = None, home: Path | None = None, config: Path | None = None, workers: int | None = None
) -> int:
    """Serves until a signal ends it, and returns the exit code."""
    try:
        return serve.serve(settings(os.environ, host=host, port=port, home=home, config=config, workers=workers))
    except ConfigError as error:
        sys.stderr.writelines(f"error: {problem}\n" for problem in error.problems)
    except KeyStoreError as error:
        sys.stderr.write(f"error: {error}\n")
    return 1

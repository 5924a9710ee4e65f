"""Starts the gateway. Imports nothing that reads options: `tidegate serve` comes straight here where its options are plain."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tidegate.adapters.keystore import KeyStoreError
from tidegate.app import serve
from tidegate.control.problems import ConfigError
from tidegate.control.settings import settings


def run(arguments: Sequence[str]) -> int:
    """`tidegate serve` with options that are written `--name value`."""
    given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    port, home, config = given.get("--port"), given.get("--home"), given.get("--config")
    return start(
        host=given.get("--host"),
        port=None if port is None else int(port),
        home=None if home is None else Path(home),
        config=None if config is None else Path(config),
    )


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

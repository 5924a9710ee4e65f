"""`tidegate catalog`: what is known of models and prices, made anew from what the `genai-prices` package ships."""

import datetime
import importlib
import importlib.metadata
import os
import re
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.system import SystemClock
from tidegate.cli import texts
from tidegate.cli.options import Home, complain, complain_of, say
from tidegate.control.catalogue import PRICES, head_of, read_prices, with_prices
from tidegate.control.genai_prices import Table, changes, render, table
from tidegate.control.problems import ConfigError
from tidegate.control.settings import settings

_PACKAGE = "genai-prices"
_MOST_SHOWN = 200

app = App(name="catalog")


class _Rows(msgspec.Struct):
    rows: Table


@app.command(help=texts.CATALOG_REFRESH)
def refresh(
    *,
    output: Annotated[Path | None, Parameter(help="Where to write. [default: prices.json in the directory of Tidegate's state]")] = None,
    home: Home = None,
) -> int:
    """See `texts.CATALOG_REFRESH`."""
    place = settings(os.environ, home=home).home
    try:
        data = importlib.import_module("genai_prices.data")
        version = importlib.metadata.version(_PACKAGE)
    except ModuleNotFoundError:
        complain(f"error: {_PACKAGE} is not installed: `pip install --upgrade {_PACKAGE}`, then call this again")
        return 1
    try:
        before = read_prices(place)
    except ConfigError as error:
        return complain_of(error)
    present = head_of(before).source
    if _version(present) > _version(version):
        complain(
            f"error: the prices here are of {present}, and {version} is installed: `pip install --upgrade {_PACKAGE}`, then call this again"
        )
        return 1
    day = datetime.datetime.fromtimestamp(SystemClock().now(), datetime.UTC).date()
    made = table(data.providers, day)
    text = render(made, f"{_PACKAGE} {version}", day).encode()
    with_prices(text)
    told = changes(msgspec.json.decode(before, type=_Rows).rows, made)
    for line in told[:_MOST_SHOWN]:
        say(line)
    if len(told) > _MOST_SHOWN:
        say(f"... and {len(told) - _MOST_SHOWN} more")
    target = output if output is not None else place / PRICES
    try:
        _write(target, text)
    except OSError as error:
        complain(f"error: {target} cannot be written: {error.strerror or error}")
        return 1
    counts = ", ".join(f"{sum(line[0] == sign for line in told)} {word}" for sign, word in (("+", "new"), ("~", "changed"), ("-", "gone")))
    say(f"{sum(map(len, made.values()))} models of {_PACKAGE} {version} in {target}: {counts}. A gateway takes them at its next start.")
    return 0


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _write(target: Path, text: bytes) -> None:
    """Whole or not at all."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_bytes(text)
    temporary.replace(target)

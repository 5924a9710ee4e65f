"""The catalogue as it ships in the package, with the prices that the operator refreshed where those are newer: reads the files and decodes
them. `app` and `cli` ask, once per process."""

from importlib.resources import files
from pathlib import Path

import msgspec

from tidegate.control.problems import ConfigError, Problem
from tidegate.providers.catalog import Catalog, decode

PRICES = "prices.json"
"""Under `TIDEGATE_HOME`: what `tidegate catalog refresh` wrote."""


class PricesHead(msgspec.Struct, frozen=True):
    """What a file of prices says of itself."""

    source: str
    date: str


_HEAD = msgspec.json.Decoder(PricesHead)


def read_catalogue(home: Path | None = None) -> Catalog:
    """Raises `ConfigError` where the file of prices in `home` is none."""
    return with_prices(read_prices(home))


def with_prices(prices: bytes) -> Catalog:
    """The catalogue with these prices. Raises `msgspec.MsgspecError`."""
    folder = files("tidegate") / "catalog"
    providers, models, tiers, lists = ((folder / f"{name}.json").read_bytes() for name in ("providers", "models", "tiers", "lists"))
    return decode(providers, models, prices, tiers, lists)


def read_prices(home: Path | None) -> bytes:
    """The file that counts: the later one of that in `home` and the package's own. Raises `ConfigError`."""
    shipped = (files("tidegate") / "catalog" / "prices.json").read_bytes()
    own = home / PRICES if home is not None else None
    try:
        found = own.read_bytes() if own is not None else b""
    except FileNotFoundError:
        return shipped
    except OSError as error:
        raise ConfigError((Problem(str(own), 0, "", f"it cannot be read: {error.strerror or error}"),)) from error
    if not found:
        return shipped
    try:
        if _HEAD.decode(found).date < _HEAD.decode(shipped).date:
            return shipped
        with_prices(found)
    except msgspec.MsgspecError as error:
        raise ConfigError((Problem(str(own), 0, "", f"it is no file of prices ({error}): remove it, or make it anew"),)) from error
    return found


def head_of(prices: bytes) -> PricesHead:
    """Where a file of prices comes from, and of which day it is."""
    return _HEAD.decode(prices)

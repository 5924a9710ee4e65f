"""The catalogue as it ships in the package: reads its three files and decodes them, once per process that asks."""

from importlib.resources import files

from tidegate import catalog
from tidegate.providers.catalog import Catalog, decode


def read_catalogue() -> Catalog:
    folder = files(catalog)
    return decode(*((folder / f"{name}.json").read_bytes() for name in ("providers", "models", "prices")))

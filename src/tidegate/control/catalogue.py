"""The catalogue as it ships in the package: reads its files and decodes them. `app` and `cli` ask, once per process."""

from importlib.resources import files

from tidegate.providers.catalog import Catalog, decode


def read_catalogue() -> Catalog:
    folder = files("tidegate") / "catalog"
    return decode(*((folder / f"{name}.json").read_bytes() for name in ("providers", "models", "prices", "tiers", "lists")))

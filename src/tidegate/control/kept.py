"""What the database defines joins what the file defines: one configuration of both, in which the file goes before the database.

A provider of the database names no secret, no proxy and no file of this machine: whoever may edit it could read them otherwise. Its
credential is one of the database, bound to its address.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from tidegate.control.config import Config, PriceEntry, ProviderEntry, RouteEntry
from tidegate.control.problems import ConfigError, Path, Problem, Problems, shown
from tidegate.control.secrets import is_reference, may_be_secret
from tidegate.control.shape import shape
from tidegate.ir.json import JsonObject
from tidegate.records import Kept, StoredProvider, StoredRoute

T = TypeVar("T", ProviderEntry, RouteEntry)
Shaped = TypeVar("Shaped", ProviderEntry, RouteEntry, PriceEntry)

PLACE = "the database"
_FORBIDDEN = {
    "api_key": "store the credential with `tidegate credentials create`",
    "proxy": "only the configuration file may name one",
    "ca_file": "only the configuration file may name one",
}


def merged(config: Config, kept: Kept, problems: Problems) -> Config:
    """The configuration with what only the database has. A name that both have is the file's."""
    providers = {**config.providers, **_rows(kept.providers, ProviderEntry, "providers", set(config.providers), problems)}
    routes = {**config.routes, **_rows(kept.routes, RouteEntry, "routes", set(config.routes), problems)}
    return msgspec.structs.replace(config, providers=providers, routes=routes)


def without(kept: Kept, problems: Sequence[Problem]) -> Kept:
    """What the database defines but for the rows that these problems are about."""
    wrong = [problem.where for problem in problems if problem.file == PLACE]

    def is_right(section: str, name: str) -> bool:
        place = shown((section, name))
        return not any(where == place or where.startswith((place + ".", place + "[")) for where in wrong)

    return msgspec.structs.replace(
        kept,
        providers=tuple(row for row in kept.providers if is_right("providers", row.name)),
        routes=tuple(row for row in kept.routes if is_right("routes", row.name)),
        prices=tuple(row for row in kept.prices if is_right("prices", row.name)),
    )


def of_database(config: Config, kept: Kept) -> frozenset[str]:
    """The names of the providers that the database defines."""
    return frozenset(row.name for row in kept.providers) - config.providers.keys()


def read_provider(entry: JsonObject, path: Path, problems: Problems) -> ProviderEntry | None:
    """A provider of the database; None, with errors in `problems`, where it cannot be one."""
    found = _read(entry, ProviderEntry, path, problems)
    if found is None:
        return None
    wrong = [(field, why) for field, why in _FORBIDDEN.items() if getattr(found, field) is not None]
    for field, why in wrong:
        problems.error((*path, field), f"a provider of the database has none: {why}")
    for name, value in found.headers.items():
        if is_reference(value) or may_be_secret(name):
            problems.error(
                (*path, "headers", name), "a header of the database holds no secret: store it with `tidegate credentials create`"
            )
            return None
    return None if wrong else found


def read_route(entry: JsonObject, path: Path, problems: Problems) -> RouteEntry | None:
    """A route of the database; None, with errors in `problems`, where it cannot be one."""
    return _read(entry, RouteEntry, path, problems)


def read_price(entry: JsonObject, path: Path, problems: Problems) -> PriceEntry | None:
    """A price of the database; None, with errors in `problems`, where it cannot be one. Since when it holds stands beside it."""
    found = _read(entry, PriceEntry, path, problems)
    if found is None or found.from_ is None:
        return found
    problems.error((*path, "from"), "the day since when a price holds stands beside it, not in it")
    return None


def _rows(
    rows: Sequence[StoredProvider] | Sequence[StoredRoute], kind: type[T], section: str, taken: set[str], problems: Problems
) -> dict[str, T]:
    found: dict[str, T] = {}
    for row in rows:
        path: Path = (section, row.name)
        if row.name in taken:
            continue
        problems.elsewhere[path] = PLACE
        entry = read_provider(row.entry, path, problems) if kind is ProviderEntry else read_route(row.entry, path, problems)
        if isinstance(entry, kind):
            found[row.name] = entry
    return found


def _read(entry: JsonObject, kind: type[Shaped], path: Path, problems: Problems) -> Shaped | None:
    before = len(problems.errors)
    try:
        found = shape(entry, kind, problems, path)
    except ConfigError:  # it leaves a hole; what is wrong is among `problems`
        return None
    return found if len(problems.errors) == before else None

"""What the commands about tenants and people share: the store, opened beside a gateway that may run, and who is named as the actor.

These commands work on the database itself, as whoever may read it could anyway; roles are for the control API.
"""

import getpass
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

from tidegate.adapters.keystore import KeyStoreError
from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.installation import OtherPepper, require_pepper
from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.version import Behind
from tidegate.adapters.system import SystemClock
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.database import Unusable, with_database
from tidegate.cli.options import complain, store
from tidegate.control.problems import ConfigError
from tidegate.policy.near import did_you_mean
from tidegate.ports.control import ControlStore, Listed, View
from tidegate.records import EVERYONE, Actor, ListQuery, Organisation, Scope, Tenant

T = TypeVar("T")

Org = Annotated[str, Parameter(help="The organisation's id.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON object per line.")]

_ID_LENGTH = 16
_PAGE = 500
_SHOWN = 10


class NotThere(ValueError):
    """Something that was named does not exist; the message says how to find it."""


def actor() -> Actor:
    """The person at the terminal, as the system knows them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(kind="cli", id=name)


def now() -> int:
    """Microseconds since 1970."""
    return int(SystemClock().now() * 1_000_000)


def new_id(prefix: str) -> str:
    return f"{prefix}_{SystemSecrets().base62(_ID_LENGTH)}"


def control_store(database: Database) -> ControlStore:
    return SqlControlStore(Changes(database, SystemClock()))


def attempt(home: Path | None, work: Callable[[ControlStore], Awaitable[T]], org: str | None = None) -> T | None:
    """What `work` gives; None where it could not be done, which has been said: also where `org` is no organisation that there is."""

    return attempt_on(home, lambda database: work(control_store(database)), org)


def attempt_on(home: Path | None, work: Callable[[Database], Awaitable[T]], org: str | None = None) -> T | None:
    """The same on the database itself."""

    async def run(database: Database) -> T:
        await ready(database)
        if org is not None:
            await require_organisation(control_store(database), org)
        return await work(database)

    try:
        return with_database(home, run)
    except (BadAddress, Behind, ConfigError, Unusable, ValueError) as error:
        complain(f"error: {error}")
        return None


async def pepper_of(database: Database, home: Path | None) -> bytes:
    """What digests of keys are made with. Raises `ValueError` where the one that is here is not the gateways'."""
    keys = store(home)
    try:
        await require_pepper(database, keys.peek().pepper)
        return keys.read().pepper
    except (KeyStoreError, OtherPepper, OSError) as error:
        raise ValueError(str(error)) from None


async def everything(
    control: ControlStore, scope: Scope, kind: type[Listed], only: dict[str, str | tuple[str, ...]] | None = None
) -> list[Listed]:
    """All rows of a kind, over all pages."""
    async with control.view(scope) as view:
        return await pages(view, kind, only)


async def pages(view: View, kind: type[Listed], only: dict[str, str | tuple[str, ...]] | None = None) -> list[Listed]:
    """The same within a transaction."""
    found: list[Listed] = []
    after: str | None = None
    while True:
        page = await view.page(kind, ListQuery(limit=_PAGE, after=after, only=only or {}))
        found += page.items
        after = page.cursor
        if after is None:
            return found


async def require_organisation(control: ControlStore, id: str) -> None:
    """Raises `NotThere`."""
    async with control.view(Tenant(id)) as view:
        if await view.get(Organisation) is not None:
            return
    ids = [row.org_id for row in await everything(control, EVERYONE, Organisation)]
    raise NotThere(f"there is no organisation `{id}`.{did_you_mean(id, ids)} There is {some([f'`{one}`' for one in ids])}")


def some(words: Sequence[str]) -> str:
    """A list of what there is, for an error: not too long a one."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{', '.join(words[:_SHOWN])}{more}" if words else "none"

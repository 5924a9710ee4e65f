"""`tidegate keys revoke`, `disable`, `enable`, `rotate` and `aws`: one key, found by its id or name wherever it is kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.types import NonNegativeInt

from tidegate.adapters.keystore import KeyStoreError
from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.directory import NotThere, actor, attempt_on, control_store, now, pepper_of
from tidegate.cli.keys import failed
from tidegate.cli.keys_known import has_database, moment
from tidegate.cli.options import Home, complain, said, say, store
from tidegate.control.key_rotation import carry_limits
from tidegate.control.key_state import flaw_of_rotation, successor, with_token
from tidegate.control.problems import ConfigError
from tidegate.policy.keys import ID_LENGTH, SECRET_LENGTH, StoredKey
from tidegate.policy.signed import secret_of
from tidegate.records import DEFAULT_ORG, EVERYONE, ApiKey, KeyState, ListQuery, Tenant

Named = Annotated[str, Parameter(help="The key's id, or its name where only one key that has not ended has it.")]
Org = Annotated[
    str | None, Parameter(help="Whose key it is. Else an id may be of any, and a name is looked for in `keys.json` and `default`.")
]
Overlap = Annotated[NonNegativeInt, Parameter(help="Seconds for which the old key works beside the new one; at most 30 days.")]

_DAY = 86_400
_MOST = 20
_GOING_ON: tuple[KeyState, ...] = ("active", "disabled")


class Place(msgspec.Struct, frozen=True):
    """Where a key of the database is."""

    tenant: Tenant
    id: str
    name: str

    def __str__(self) -> str:
        return f"the key `{self.name}` with the id {self.id} of `{self.tenant.org_id}`"


def revoke(id: Named, /, *, org: Org = None, home: Home = None) -> int:
    """See `texts.REVOKE_KEY`."""
    found = located(home, id, org)
    if isinstance(found, StoredKey):
        try:
            row = store(home).revoke(found.id)
        except (ConfigError, KeyStoreError, OSError) as error:
            return failed(error)
        complain(f"Revoked the key `{row.name}` with the id {row.id}.")
        return 0
    return _edited(home, found, "revoke", lambda row, at: msgspec.structs.replace(row, revoked_at=at))


def disable(id: Named, /, *, org: Org = None, home: Home = None) -> int:
    """See `texts.DISABLE_KEY`."""
    found = _of_database(located(home, id, org))
    return _edited(home, found, "disable", lambda row, at: msgspec.structs.replace(row, disabled_at=row.disabled_at or at))


def enable(id: Named, /, *, org: Org = None, home: Home = None) -> int:
    """See `texts.ENABLE_KEY`."""
    found = _of_database(located(home, id, org))
    return _edited(home, found, "enable", lambda row, _at: msgspec.structs.replace(row, disabled_at=None))


def rotate(id: Named, /, *, overlap: Overlap = _DAY, org: Org = None, home: Home = None) -> int:
    """See `texts.ROTATE_KEY`."""
    if overlap > 30 * _DAY:
        complain(f"error: --overlap {overlap}: it is at most {30 * _DAY}, which are 30 days")
        return 1
    place = _of_database(located(home, id, org))
    if place is None:
        return 1

    async def work(database: Database) -> str:
        pepper = await pepper_of(database, home)
        by, secrets = actor(), SystemSecrets()
        async with control_store(database).change(place.tenant, by) as change:
            old, at = await change.get(ApiKey, place.id), now()
            flaw = "This key is not there any more." if old is None else flaw_of_rotation(old, at)
            if old is None or flaw is not None:
                raise NotThere(f"{place}: {flaw}")
            fresh = successor(old, secrets.base62(ID_LENGTH), f"{by.kind}/{by.id}", at)
            fresh, token = with_token(fresh, secrets.base62(SECRET_LENGTH), pepper, version=1)
            await change.add(fresh)
            await carry_limits(change, old, fresh)
            until = at + overlap * 1_000_000
            await change.replace(msgspec.structs.replace(old, overlap_until=until), "key.rotate")
        ends = "ends now" if overlap == 0 else f"works until {moment(until // 1_000_000)} UTC"
        complain(f"Made the key {fresh.id} in place of {place}, which {ends}. It is not shown again:")
        return token

    return said(attempt_on(home, work))


def aws(id: Named, /, *, org: Org = None, home: Home = None) -> int:
    """See `texts.AWS_KEY`."""
    found = located(home, id, org)
    if found is None:
        return 1
    if isinstance(found, StoredKey):
        return _told_of_aws(found.id, secret_of(store(home).read().pepper, found.digest))

    async def work(database: Database) -> str:
        pepper = await pepper_of(database, home)
        async with control_store(database).view(EVERYONE) as view:
            row = await view.find_key(found.id)
        if row is None or row[1].env == "adm":
            raise NotThere(f"{found} is none that calls can be made with")
        return secret_of(pepper, row[1].digest)

    secret = attempt_on(home, work)
    return 1 if secret is None else _told_of_aws(found.id, secret)


def _told_of_aws(id: str, secret: str) -> int:
    say(f"AWS_ACCESS_KEY_ID={id}")
    say(f"AWS_SECRET_ACCESS_KEY={secret}")
    return 0


def _edited(home: Path | None, place: Place | None, what: str, edit: Callable[[ApiKey, int], ApiKey]) -> int:
    if place is None:
        return 1

    async def work(database: Database) -> str:
        async with control_store(database).change(place.tenant, actor()) as change:
            row = await change.get(ApiKey, place.id)
            if row is None or row.revoked_at is not None:
                raise NotThere(f"{place} has ended: it was revoked")
            await change.replace(edit(row, now()), f"key.{what}")
        return f"{what.capitalize()}d {place}."

    done = attempt_on(home, work)
    if done is None:
        return 1
    complain(done)
    return 0


def _of_database(found: StoredKey | Place | None) -> Place | None:
    """None, and said, where it is kept in the file."""
    if isinstance(found, StoredKey):
        complain(
            f"error: the key `{found.name}` with the id {found.id} is kept in keys.json, where keys can be revoked only: "
            "make another one with `tidegate keys create`, then revoke this one"
        )
        return None
    return found


def located(home: Path | None, named: str, org: str | None) -> StoredKey | Place | None:
    """The one key that has this id or name; None where it is not one, which has been said."""
    try:
        active = [row for row in store(home).peek().keys if row.revoked is None] if org in (None, DEFAULT_ORG) else []
        of_file = [row for row in active if row.id == named] or [row for row in active if row.name == named]
        is_there = has_database(home)
    except (BadAddress, ConfigError, KeyStoreError, OSError) as error:
        failed(error)
        return None
    if of_file and of_file[0].id == named:
        return of_file[0]
    of_database = attempt_on(home, lambda database: _places(database, named, org)) if is_there else []
    if of_database is None:
        return None
    found: list[StoredKey | Place] = [*of_file, *of_database]
    if of_database and of_database[0].id == named:
        return of_database[0]
    if len(found) == 1:
        return found[0]
    if found:
        complain(f"error: several keys are called `{named}`: give the id of one: {', '.join(key.id for key in found)}")
    else:
        complain(f"error: no key that has not ended has the id or the name `{named}`: `tidegate keys list` shows them")
    return None


async def _places(database: Database, named: str, org: str | None) -> list[Place]:
    control = control_store(database)
    async with control.view(EVERYONE) as view:
        found = await view.find_key(named)
    if found is not None and org in (None, found[0].org_id):
        return [Place(found[0], found[1].id, found[1].name)]
    tenant, at = Tenant(org or DEFAULT_ORG), now()
    async with control.view(tenant) as view:
        pages = [await view.page(ApiKey, ListQuery(limit=_MOST, only={"name": named}, state=(state, at))) for state in _GOING_ON]
    return [Place(tenant, row.id, row.name) for page in pages for row in page.items]

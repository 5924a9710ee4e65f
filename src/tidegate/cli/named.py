"""A row that somebody names by its id, its name or its email; where there is none, the error says which there are."""

from collections.abc import Sequence
from typing import TypeVar

from tidegate.cli.directory import NotThere, pages, some
from tidegate.control.limit_rows import WAS_ROTATED
from tidegate.policy.keys import StoredKey
from tidegate.policy.near import did_you_mean
from tidegate.ports.control import View
from tidegate.records import ApiKey, ServiceAccount, Team, Tenant, User

Named = TypeVar("Named", Team, User, ServiceAccount)

_WORDS: dict[type, tuple[str, str]] = {
    Team: ("team", "`tidegate teams list` shows them, `tidegate teams create` makes one"),
    User: ("user", "`tidegate users list` shows them, `tidegate users create` adds one"),
    ServiceAccount: ("service account", "`tidegate service-accounts list` shows them, `tidegate service-accounts create` adds one"),
}


async def found(view: View, kind: type[Named], named: str, tenant: Tenant) -> Named:
    """Raises `NotThere`."""
    row = await view.get(kind, named)
    if row is not None:
        return row
    rows = await pages(view, kind)
    word, how = _WORDS[kind]
    same = [row for row in rows if named in (row.name, row.email if isinstance(row, User) else None)]
    if len(same) == 1:
        return same[0]
    if same:
        raise NotThere(f"several {word}s are called `{named}`: give the id of one: {', '.join(row.id for row in same)}")
    meant = did_you_mean(named, [row.name for row in rows])
    there = some([f"`{row.name}` ({row.id})" for row in rows])
    raise NotThere(f"`{tenant.org_id}` has no {word} `{named}`.{meant} It has {there}: {how}")


async def subject(view: View, kind: str, named: str, of_file: Sequence[StoredKey], tenant: Tenant) -> str:
    """The id of whom a limit is for. `of_file` are the keys of `keys.json` where the tenant has them. Raises `NotThere`."""
    match kind:
        case "team" if named:
            return (await found(view, Team, named, tenant)).id
        case "user" if named:
            return (await found(view, User, named, tenant)).id
        case "key" if named:
            return await _key(view, named, of_file, tenant)
        case _:
            return named


async def _key(view: View, named: str, of_file: Sequence[StoredKey], tenant: Tenant) -> str:
    row = await view.get(ApiKey, named)
    if row is not None and row.overlap_until is not None:
        raise NotThere(f"`{named}`: {WAS_ROTATED}")
    if row is not None:
        return row.id
    working = [key for key in of_file if key.revoked is None]
    same = [key.id for key in of_file if key.id == named] or [key.id for key in working if key.name == named]
    rows = [row for row in await pages(view, ApiKey) if row.revoked_at is None and row.overlap_until is None and row.env != "adm"]
    same += [row.id for row in rows if row.name == named]
    if len(same) == 1:
        return same[0]
    if same:
        raise NotThere(f"several keys are called `{named}`: give the id of one: {', '.join(same)}")
    names = [*(key.name for key in working), *(row.name for row in rows)]
    has = some([f"`{name}`" for name in dict.fromkeys(names)])
    raise NotThere(f"`{tenant.org_id}` has no key `{named}`.{did_you_mean(named, names)} It has {has}: `tidegate keys list` shows them")

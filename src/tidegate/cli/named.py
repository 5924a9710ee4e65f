"""A row that somebody names by its id, its name or its email; where there is none, the error says which there are."""

from typing import TypeVar

from tidegate.cli.directory import NotThere
from tidegate.policy.near import did_you_mean
from tidegate.ports.control import ControlStore, View
from tidegate.records import EVERYONE, ListQuery, Organisation, ServiceAccount, Team, Tenant, User

Named = TypeVar("Named", Team, User, ServiceAccount)

_PAGE = 500
_SHOWN = 10
_WORDS: dict[type, tuple[str, str]] = {
    Team: ("team", "`tidegate teams list` shows them, `tidegate teams create` makes one"),
    User: ("user", "`tidegate users list` shows them, `tidegate users create` adds one"),
    ServiceAccount: ("service account", "the control API lists and makes them at `/orgs/{org}/service-accounts`"),
}


async def found(view: View, kind: type[Named], named: str, tenant: Tenant) -> Named:
    """Raises `NotThere`."""
    row = await view.get(kind, named)
    if row is not None:
        return row
    rows = await _all(view, kind)
    word, how = _WORDS[kind]
    same = [row for row in rows if named in (row.name, row.email if isinstance(row, User) else None)]
    if len(same) == 1:
        return same[0]
    if same:
        raise NotThere(f"several {word}s are called `{named}`: give the id of one: {', '.join(row.id for row in same)}")
    meant = did_you_mean(named, [row.name for row in rows])
    there = _some([f"`{row.name}` ({row.id})" for row in rows])
    raise NotThere(f"`{tenant.org_id}` has no {word} `{named}`.{meant} It has {there}: {how}")


async def require_organisation(control: ControlStore, tenant: Tenant) -> None:
    """Raises `NotThere`."""
    async with control.view(tenant) as view:
        if await view.get(Organisation) is not None:
            return
    async with control.view(EVERYONE) as view:
        ids = [row.org_id for row in await _all(view, Organisation)]
    meant = did_you_mean(tenant.org_id, ids)
    raise NotThere(f"there is no organisation `{tenant.org_id}`.{meant} There is {_some([f'`{id}`' for id in ids])}")


Any_ = TypeVar("Any_", Team, User, ServiceAccount, Organisation)


async def _all(view: View, kind: type[Any_]) -> list[Any_]:
    rows: list[Any_] = []
    after: str | None = None
    while True:
        page = await view.page(kind, ListQuery(limit=_PAGE, after=after))
        rows += page.items
        after = page.cursor
        if after is None:
            return rows


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{', '.join(words[:_SHOWN])}{more}" if words else "none"

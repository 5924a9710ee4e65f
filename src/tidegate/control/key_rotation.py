"""What goes over from a key to the one that takes its place: its limits and budgets, which begin with what the old one has used in their
windows (`adapters.sql.limits_past`). For the control API and the command line."""

from collections.abc import Callable

import msgspec

from tidegate.ports.control import Change
from tidegate.records import ApiKey, LimitRule, ListQuery

_PAGE = 500


async def carry_limits(change: Change, old: ApiKey, fresh: ApiKey, new_id: Callable[[str], str], *, ends_now: bool) -> None:
    """Gives `fresh` the limits of `old`, which keeps its own while both work."""
    for rule in await _limits_of(change, old):
        carried = {"scope_id": fresh.id, "created_by": fresh.created_by, "created_at": fresh.created_at, "updated_at": fresh.created_at}
        await change.add(msgspec.structs.replace(rule, id=new_id("lim"), revision=1, **carried))
        if ends_now:
            await change.remove(rule)


async def _limits_of(change: Change, key: ApiKey) -> list[LimitRule]:
    found: list[LimitRule] = []
    after: str | None = None
    while True:
        page = await change.page(LimitRule, ListQuery(limit=_PAGE, after=after, only={"scope_kind": "key", "scope_id": key.id}))
        found += page.items
        after = page.cursor
        if after is None:
            return found

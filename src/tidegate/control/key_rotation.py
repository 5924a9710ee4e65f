"""What goes over from a key to the one that takes its place: its limits and budgets. They count both keys as one while both work, under the
name of the first of their line. For the control API and the command line."""

import msgspec

from tidegate.ports.control import Change
from tidegate.records import ApiKey, LimitRule, ListQuery

_PAGE = 500


async def carry_limits(change: Change, old: ApiKey, fresh: ApiKey) -> None:
    """Makes the limits of `old` those of `fresh`, which is there already."""
    for rule in await _limits_of(change, old):
        await change.replace(msgspec.structs.replace(rule, scope_id=fresh.id), "limit.carry")


async def _limits_of(change: Change, key: ApiKey) -> list[LimitRule]:
    found: list[LimitRule] = []
    after: str | None = None
    while True:
        page = await change.page(LimitRule, ListQuery(limit=_PAGE, after=after, only={"scope_kind": "key", "scope_id": key.id}))
        found += page.items
        after = page.cursor
        if after is None:
            return found

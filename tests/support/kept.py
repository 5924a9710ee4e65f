"""The port `KeptStore` in memory, for tests of what stands before it. The storage suite holds it to the same laws as the databases."""

from collections.abc import Sequence

import msgspec

from tidegate.ports import Clock
from tidegate.ports.kept import Append, Kept, Kind, Listing, Put, Write
from tidegate.records import Tenant


class MemoryKept:
    """`fails` is raised by every function, where it is set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: dict[tuple[str, str], Kept] = {}
        self.held: dict[tuple[str, str], dict[int, bytes]] = {}
        self.claims: dict[tuple[str, str], tuple[str, float]] = {}
        self.fails: Exception | None = None

    def _asked(self) -> None:
        if self.fails is not None:
            raise self.fails

    async def write(self, tenant: Tenant, writes: Sequence[Write]) -> None:
        self._asked()
        for one in writes:
            if isinstance(one, Put):
                self.rows[tenant.org_id, one.row.id] = one.row
            elif isinstance(one, Append):
                place = (tenant.org_id, one.id)
                if place in self.rows:
                    parts = self.held.setdefault(place, {})
                    parts[max(parts, default=-1) + 1] = one.data
                    self.rows[place] = msgspec.structs.replace(self.rows[place], expires=one.expires)
            else:
                await self.remove(tenant, one.id)

    async def make(self, tenant: Tenant, row: Kept) -> bool:
        if await self.get(tenant, row.id) is not None:
            return False
        self.rows[tenant.org_id, row.id] = row
        return True

    async def get(self, tenant: Tenant, id: str) -> Kept | None:
        self._asked()
        row = self.rows.get((tenant.org_id, id))
        return row if row is not None and self._lasts(row) else None

    def _lasts(self, row: Kept) -> bool:
        return row.expires is None or row.expires > self._clock.now()

    async def change(self, tenant: Tenant, row: Kept) -> bool:
        self._asked()
        found = self.rows.get((tenant.org_id, row.id))
        if found is None or found.revision != row.revision:
            return False
        self.rows[tenant.org_id, row.id] = msgspec.structs.replace(row, revision=row.revision + 1)
        return True

    async def remove(self, tenant: Tenant, id: str) -> bool:
        self._asked()
        self.held.pop((tenant.org_id, id), None)
        return self.rows.pop((tenant.org_id, id), None) is not None

    async def page(self, tenant: Tenant, listing: Listing) -> list[Kept]:
        self._asked()
        found = [row for (org, _), row in self.rows.items() if org == tenant.org_id and row.kind in listing.kinds and self._lasts(row)]
        found = [row for row in found if not listing.states or row.state in listing.states]
        found.sort(key=lambda row: (row.at, row.id), reverse=listing.newest_first)
        ids = [row.id for row in found]
        start = ids.index(listing.after) + 1 if listing.after in ids else 0 if not listing.after else len(ids)
        return found[start : start + listing.limit]

    async def parts(self, tenant: Tenant, id: str, *, after: int = -1, limit: int = 64) -> list[tuple[int, bytes]]:
        self._asked()
        found = sorted(self.held.get((tenant.org_id, id), {}).items())
        return [part for part in found if part[0] > after][:limit]

    async def put_part(self, tenant: Tenant, id: str, place: int, data: bytes, *, replace: bool = False) -> bool:
        self._asked()
        if (tenant.org_id, id) not in self.rows:
            return False
        parts = self.held.setdefault((tenant.org_id, id), {})
        if place in parts and not replace:
            return False
        parts[place] = data
        return True

    async def remove_part(self, tenant: Tenant, id: str, place: int) -> None:
        self._asked()
        self.held.get((tenant.org_id, id), {}).pop(place, None)

    async def is_anothers(self, org: str, id: str) -> bool:
        self._asked()
        return any(other != org and place == id and self._lasts(row) for (other, place), row in self.rows.items())

    async def claim(self, kinds: Sequence[Kind], owner: str, now: float, until: float, most: int) -> list[Kept]:
        self._asked()
        found: list[Kept] = []
        for place, row in sorted(self.rows.items(), key=lambda pair: pair[1].at):
            whose, end = self.claims.get(place, ("", 0.0))
            if row.state == "active" and row.kind in kinds and (whose == owner or end < now) and len(found) < most:
                self.claims[place] = (owner, until)
                found.append(row)
        return found

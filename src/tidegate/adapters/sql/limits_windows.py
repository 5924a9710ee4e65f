"""The windows of limits in the database: what is used, and what each process was granted of the rest before it spends it.

A grant locks the windows of all its levels in one order, and takes from all or from none. What was used is posted with the ledger's rows in
their own transaction (`limits_post`), so that every row counts once; nothing else raises `used`. Implements `ports.Windows`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select, update

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.limits_past import used_before
from tidegate.adapters.sql.schema import limit_lease, limit_owner, limit_window
from tidegate.adapters.sql.statements import insert
from tidegate.policy.limits.leased import Figures
from tidegate.policy.limits.rules import MEASURE_NAMES, SPEND
from tidegate.ports import Clock
from tidegate.ports.limits import Granted, Want
from tidegate.records import DEFAULT_ORG, EVERYONE

_SECOND = 1_000_000
_NANO = 1_000_000_000
LARGEST_SLICE = _NANO
"""Of money, in nano-dollars; with the fiftieth part of what is left, what a process that dies can hold back."""
_SPARE = 50
_NEAR = 20
"""Where so many calls like this one would use up the rest, nothing is granted in advance."""
LOCK = 0x7469_6C6D
"""PostgreSQL's advisory lock between who makes a window out of the ledger's sums, and who posts to the ledger."""
_KEPT = 7 * 24 * 3600
"""Seconds that a window stays after its end, and a process after its last sign of life."""
_AT_ONCE = 500
"""Old windows that are removed at once."""

_REMEMBERED = 100_000

Place = tuple[str, str, int]
"""(organisation, key, start in microseconds); no organisation where all share the limit. Its row is then one of `DEFAULT_ORG`."""


class Window(msgspec.Struct):
    """A locked window with this process's lease on it."""

    used: int
    held: int
    granted: int = 0
    posted: int = 0

    @property
    def own(self) -> int:
        """How much of `held` is this process's."""
        return max(0, self.granted - self.posted)

    def grant(self, amount: int) -> None:
        before = self.own
        self.granted += amount
        self.held += self.own - before

    def room(self, limit: int, need: int) -> bool:
        """Whether `need` more can be granted."""
        return self.used + self.held - self.own + max(0, self.granted + need - self.posted) <= limit

    def figures(self) -> Figures:
        return Figures(self.used, self.held, self.granted, self.posted)


class SqlWindows:
    """`owner` names this process over its restarts, and no other one."""

    def __init__(self, database: Database, owner: str, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.owner = owner
        self._there: set[Place] = set()
        sqlite = database.is_sqlite
        lease = insert(limit_lease, is_sqlite=sqlite)
        self._set_granted = lease.on_conflict_do_update(
            index_elements=["org_id", "key", "starts_at", "owner"], set_={"granted": lease.excluded.granted}
        )
        self._new_window = insert(limit_window, is_sqlite=sqlite).on_conflict_do_nothing()
        alive = insert(limit_owner, is_sqlite=sqlite)
        self._alive = alive.on_conflict_do_update(index_elements=["owner"], set_={"alive_until": alive.excluded.alive_until})

    async def grant(self, asks: Sequence[Sequence[Want]]) -> Granted:
        wants = {place_of(want): want for ask in asks for want in ask}
        async with self._database.write(EVERYONE) as connection:
            windows = await self._locked(connection, wants)
            before = {place: (window.granted, window.held) for place, window in windows.items()}
            answers = tuple(_take(ask, windows) for ask in asks)
            largest: dict[Place, int] = {}
            for ask, granted in zip(asks, answers, strict=True):
                for want in ask if granted else ():
                    if not want.need:
                        continue
                    place = place_of(want)
                    largest[place] = max(largest.get(place, 0), want.need)
            for place, need in largest.items():
                _add_spare(windows[place], wants[place], need)
            changed = [place for place, window in windows.items() if before[place] != (window.granted, window.held)]
            await self._store(connection, {place: windows[place] for place in changed})
        return Granted(answers, _figures(windows))

    async def look(self, wants: Sequence[Want]) -> dict[tuple[str, int], Figures]:
        async with self._database.read(EVERYONE) as connection:
            return _figures(await self._present(connection, [place_of(want) for want in wants], locked=False))

    async def give_back(self, kept: Mapping[Place, int]) -> None:
        if not kept:
            return
        places = {(org, key, start * _SECOND): amount for (org, key, start), amount in kept.items()}
        async with self._database.write(EVERYONE) as connection:
            windows = await self._present(connection, places)
            for place, window in windows.items():
                window.grant(min(0, places[place] - window.granted))
            await self._store(connection, windows)

    async def release(self) -> None:
        table = limit_lease
        async with self._database.read(EVERYONE) as connection:
            query = select(table.c.org_id, table.c.key, table.c.starts_at).where(table.c.owner == self.owner)
            found = (await connection.execute(query)).all()
        for row in found:
            place = (row.org_id, row.key, row.starts_at)
            async with self._database.write(EVERYONE) as connection:
                windows = await self._present(connection, [place])
                for window in windows.values():
                    window.grant(-window.own)
                await self._store(connection, windows, leases=False)
                one = (table.c.org_id == row.org_id, table.c.key == row.key, table.c.starts_at == row.starts_at)
                await connection.execute(table.delete().where(*one, table.c.owner == self.owner))

    async def alive(self, seconds: float) -> int:
        now = int(self._clock.now() * _SECOND)
        async with self._database.write(EVERYONE) as connection:
            await connection.execute(self._alive.values(owner=self.owner, alive_until=now + int(seconds * _SECOND)))
            counted = select(func.count()).select_from(limit_owner).where(limit_owner.c.alive_until > now)
            await self._forget(connection, now - _KEPT * _SECOND)
            return int((await connection.execute(counted)).scalar_one())

    async def leave(self) -> None:
        async with self._database.write(EVERYONE) as connection:
            await connection.execute(limit_owner.delete().where(limit_owner.c.owner == self.owner))

    async def _locked(self, connection: AsyncConnection, wants: Mapping[Place, Want]) -> dict[Place, Window]:
        """The windows, made where they are not there yet."""
        unsure = wants.keys() - self._there
        missing = sorted(unsure - (await self._present(connection, unsure, locked=False)).keys()) if unsure else []
        # Before any window is locked: whoever posts takes both in this order.
        if missing and not self._database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        for org, key, start in missing:
            want = wants[org, key, start]
            values = {
                "org_id": org or DEFAULT_ORG,
                "key": key,
                "starts_at": start,
                "ends_at": None if want.end == float("inf") else int(want.end) * _SECOND,
                "scope": want.charge.scope,
                "measure": MEASURE_NAMES[want.charge.measure],
                "used": await used_before(connection, want.charge, want.start),
                "held": 0,
            }
            await connection.execute(self._new_window, [values])
        windows = await self._present(connection, wants)
        if len(self._there) > _REMEMBERED:
            self._there.clear()
        self._there.update(windows)
        if windows.keys() != wants.keys():
            self._there -= wants.keys()
            raise LookupError("a window of a limit has gone meanwhile")
        return windows

    async def _forget(self, connection: AsyncConnection, before: int) -> None:
        """What ended long ago. What a process that never came back held there counts as used until then."""
        table = limit_window
        columns = (table.c.org_id, table.c.key, table.c.starts_at)
        old = (await connection.execute(select(*columns).where(table.c.ends_at < before).limit(_AT_ONCE))).all()
        for row in old:
            for kept in (limit_lease, table):
                one = (kept.c.org_id == row.org_id, kept.c.key == row.key, kept.c.starts_at == row.starts_at)
                await connection.execute(kept.delete().where(*one))
        await connection.execute(limit_owner.delete().where(limit_owner.c.alive_until < before))

    async def _present(self, connection: AsyncConnection, places: Iterable[Place], *, locked: bool = True) -> dict[Place, Window]:
        """Those that are there, with this process's leases; locked for a change."""
        wanted = set(places)
        found: dict[Place, Window] = {}
        for org in sorted({place[0] for place in wanted}, key=_shared_last):
            keys = {place[1] for place in wanted if place[0] == org}
            query = _windows(org, keys, {place[2] for place in wanted if place[0] == org})
            rows = (await connection.execute(query.with_for_update() if locked else query)).all()
            leases = await self._leases(connection, org, keys)
            for row in rows:
                place = (org, row.key, row.starts_at)
                if place in wanted:
                    found[place] = Window(row.used, row.held, *leases.get(place, (0, 0)))
        return found

    async def _leases(self, connection: AsyncConnection, org: str, keys: Iterable[str]) -> dict[Place, tuple[int, int]]:
        table = limit_lease
        own = (table.c.org_id == (org or DEFAULT_ORG), table.c.owner == self.owner, table.c.key.in_(sorted(keys)))
        rows = await connection.execute(select(table.c.key, table.c.starts_at, table.c.granted, table.c.posted).where(*own))
        return {(org, row.key, row.starts_at): (row.granted, row.posted) for row in rows}

    async def _store(self, connection: AsyncConnection, windows: Mapping[Place, Window], *, leases: bool = True) -> None:
        for (org, key, start), window in sorted(windows.items()):
            table = limit_window
            one = (table.c.org_id == (org or DEFAULT_ORG), table.c.key == key, table.c.starts_at == start)
            await connection.execute(update(table).where(*one).values(held=window.held))
        if leases and windows:
            rows = [
                {
                    "org_id": org or DEFAULT_ORG,
                    "key": key,
                    "starts_at": start,
                    "owner": self.owner,
                    "granted": window.granted,
                    "posted": window.posted,
                }
                for (org, key, start), window in sorted(windows.items())
            ]
            await connection.execute(self._set_granted, rows)


def place_of(want: Want) -> Place:
    return (want.charge.org, want.charge.key, want.start * _SECOND)


def _shared_last(org: str) -> tuple[bool, str]:
    """The order in which whoever posts locks them too."""
    return (not org, org)


def _figures(windows: Mapping[Place, Window]) -> dict[tuple[str, int], Figures]:
    return {(key, start // _SECOND): window.figures() for (_, key, start), window in windows.items()}


def _windows(org: str, keys: Iterable[str], starts: Iterable[int]) -> Any:
    table = limit_window
    columns = (table.c.key, table.c.starts_at, table.c.used, table.c.held)
    chosen = (table.c.org_id == (org or DEFAULT_ORG), table.c.key.in_(sorted(keys)), table.c.starts_at.in_(sorted(starts)))
    return select(*columns).where(*chosen).order_by(table.c.key, table.c.starts_at)


def _take(ask: Sequence[Want], windows: Mapping[Place, Window]) -> bool:
    if not all(windows[place_of(want)].room(want.charge.limit.amount, want.need) for want in ask):
        return False
    for want in ask:
        windows[place_of(want)].grant(want.need)
    return True


def _add_spare(window: Window, want: Want, need: int) -> None:
    """What next calls will need, so that they need not ask."""
    left = want.charge.limit.amount - window.used - window.held
    if left < _NEAR * need:
        return
    spare = left // _SPARE
    if want.charge.measure == SPEND:
        spare = min(spare, LARGEST_SLICE)
    if spare > need:
        window.grant(spare - need)

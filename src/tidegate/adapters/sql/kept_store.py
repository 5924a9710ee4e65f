"""What tenants keep by id (`ports.kept.KeptStore`), sealed: bodies and parts open in their own place only, and tell nothing to readers of
the database."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, or_, select, tuple_, update

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.schema_kept import kept_object, kept_part
from tidegate.adapters.sql.statements import insert, told_when_away
from tidegate.policy.erased import END_USER, mark_of
from tidegate.ports import Clock, Sealer
from tidegate.ports.kept import Append, Kept, Kind, Listing, Put, Write
from tidegate.records import EVERYONE, Tenant

ACTIVE = "active"
_SECOND = 1_000_000
_NAMES = ("org_id", "id", "kind", "key_id", "upstream", "account", "state", "created_at", "expires_at", "revision", "sealed")
_COLUMNS = [kept_object.c[name] for name in _NAMES]


def part_purpose(place: int) -> str:
    """What a part is sealed for: its place among the others cannot be changed."""
    return f"part {place}"


class SqlKept:
    """Implements `ports.kept.KeptStore`."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock, secret: bytes) -> None:
        """`secret` is the one of the marks of end users."""
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._secret = secret

    async def write(self, tenant: Tenant, writes: Sequence[Write]) -> None:
        with told_when_away():
            async with self._database.write(tenant) as connection:
                for one in writes:
                    if isinstance(one, Put):
                        await self._put(connection, tenant, one.row)
                    elif isinstance(one, Append):
                        await self._append(connection, tenant, one)
                    else:
                        await connection.execute(delete(kept_object).where(*_one(tenant, one.id)))

    async def make(self, tenant: Tenant, row: Kept) -> bool:
        with told_when_away():
            async with self._database.write(tenant) as connection:
                return await self._put(connection, tenant, row, only_after=_micros(self._clock.now()))

    async def get(self, tenant: Tenant, id: str) -> Kept | None:
        with told_when_away():
            async with self._database.read(tenant) as connection:
                row = (await connection.execute(select(*_COLUMNS).where(*_one(tenant, id), self._lasting()))).first()
        return None if row is None else self._opened(row)

    async def change(self, tenant: Tenant, row: Kept) -> bool:
        values = {"state": row.state, "revision": row.revision + 1, "expires_at": _micros(row.expires), **self._sealed(row)}
        same = (*_one(tenant, row.id), kept_object.c.revision == row.revision)
        with told_when_away():
            async with self._database.write(tenant) as connection:
                return (await connection.execute(update(kept_object).where(*same).values(values))).rowcount == 1

    async def remove(self, tenant: Tenant, id: str) -> bool:
        with told_when_away():
            async with self._database.write(tenant) as connection:
                return (await connection.execute(delete(kept_object).where(*_one(tenant, id)))).rowcount == 1

    async def page(self, tenant: Tenant, listing: Listing) -> list[Kept]:
        table = kept_object
        key = tuple_(table.c.created_at, table.c.id)
        query = select(*_COLUMNS).where(*within(tenant, table), table.c.kind.in_(listing.kinds), self._lasting()).limit(listing.limit)
        if listing.states:
            query = query.where(table.c.state.in_(listing.states))
        if listing.after:
            last = select(table.c.created_at, table.c.id).where(*_one(tenant, listing.after))
            query = query.where(key < last.scalar_subquery() if listing.newest_first else key > last.scalar_subquery())
        order = (table.c.created_at.desc(), table.c.id.desc()) if listing.newest_first else (table.c.created_at, table.c.id)
        with told_when_away():
            async with self._database.read(tenant) as connection:
                rows = (await connection.execute(query.order_by(*order))).all()
        return [self._opened(row) for row in rows]

    async def parts(self, tenant: Tenant, id: str, *, after: int = -1, limit: int = 64) -> list[tuple[int, bytes]]:
        table = kept_part
        chosen = (*within(tenant, table), table.c.id == id, table.c.place > after)
        query = select(table.c.place, table.c.sealed).where(*chosen).order_by(table.c.place).limit(limit)
        with told_when_away():
            async with self._database.read(tenant) as connection:
                rows = (await connection.execute(query)).all()
        return [(place, self._sealer.open(part_purpose(place), tenant.org_id, id, sealed)) for place, sealed in rows]

    async def put_part(self, tenant: Tenant, id: str, place: int, data: bytes, *, replace: bool = False) -> bool:
        with told_when_away():
            async with self._database.write(tenant) as connection:
                if not await _is_there(connection, tenant, id):
                    return False
                return await self._part(connection, tenant, id, place, data, replace=replace)

    async def remove_part(self, tenant: Tenant, id: str, place: int) -> None:
        chosen = (*within(tenant, kept_part), kept_part.c.id == id, kept_part.c.place == place)
        with told_when_away():
            async with self._database.write(tenant) as connection:
                await connection.execute(delete(kept_part).where(*chosen))

    async def is_anothers(self, org: str, id: str) -> bool:
        query = select(kept_object.c.id).where(kept_object.c.id == id, kept_object.c.org_id != org, self._lasting()).limit(1)
        with told_when_away():
            async with self._database.read(EVERYONE) as connection:
                return (await connection.execute(query)).first() is not None

    async def claim(self, kinds: Sequence[Kind], owner: str, now: float, until: float, most: int) -> list[Kept]:
        table = kept_object
        free = or_(table.c.claimed_until.is_(None), table.c.claimed_until < _micros(now), table.c.claimed_by == owner)
        query = select(*_COLUMNS).where(table.c.state == ACTIVE, table.c.kind.in_(kinds), free).order_by(table.c.created_at).limit(most)
        with told_when_away():
            # Mostly there is nothing, and then nobody's writing is put off.
            async with self._database.read(EVERYONE) as connection:
                if (await connection.execute(query)).first() is None:
                    return []
            async with self._database.write(EVERYONE) as connection:
                rows = (await connection.execute(query.with_for_update(skip_locked=True))).all()
                for row in rows:
                    mine = update(table).where(*_one(Tenant(row.org_id), row.id))
                    await connection.execute(mine.values(claimed_by=owner, claimed_until=_micros(until)))
        return [self._opened(row) for row in rows]

    async def _put(self, connection: AsyncConnection, tenant: Tenant, row: Kept, *, only_after: int | None = None) -> bool:
        """Whether it was written: always, or `only_after` the end of another one with its id."""
        values: dict[str, Any] = {
            "kind": row.kind,
            "key_id": row.key,
            "upstream": row.upstream,
            "account": row.account,
            "state": row.state,
            "created_at": _micros(row.at),
            "expires_at": _micros(row.expires),
            "revision": row.revision,
            **self._marked(tenant, row.end_user),
            **self._sealed(row),
        }
        made = insert(kept_object, is_sqlite=self._database.is_sqlite).values(org_id=tenant.org_id, id=row.id, **values)
        over = None if only_after is None else kept_object.c.expires_at <= only_after
        made = made.on_conflict_do_update(index_elements=["org_id", "id"], set_=values, where=over)
        return (await connection.execute(made)).rowcount == 1

    async def _append(self, connection: AsyncConnection, tenant: Tenant, one: Append) -> None:
        """The row is locked, so that places follow each other whoever adds at once."""
        if not await _is_there(connection, tenant, one.id):
            return
        last = select(func.max(kept_part.c.place)).where(*within(tenant, kept_part), kept_part.c.id == one.id)
        found = (await connection.execute(last)).scalar()
        await self._part(connection, tenant, one.id, 0 if found is None else found + 1, one.data, replace=False)
        longer = update(kept_object).where(*_one(tenant, one.id)).values(expires_at=_micros(one.expires))
        await connection.execute(longer)
        if one.end_user:
            nobodys = update(kept_object).where(*_one(tenant, one.id), kept_object.c.end_user_mark == "")
            await connection.execute(nobodys.values(self._marked(tenant, one.end_user)))

    async def _part(self, connection: AsyncConnection, tenant: Tenant, id: str, place: int, data: bytes, *, replace: bool) -> bool:
        values: dict[str, Any] = {
            "kek_id": self._sealer.kek_id,
            "sealed": self._sealer.seal(part_purpose(place), tenant.org_id, id, data),
        }
        key = ["org_id", "id", "place"]
        made = insert(kept_part, is_sqlite=self._database.is_sqlite).values(org_id=tenant.org_id, id=id, place=place, **values)
        made = made.on_conflict_do_update(index_elements=key, set_=values) if replace else made.on_conflict_do_nothing(index_elements=key)
        return (await connection.execute(made)).rowcount == 1

    def _marked(self, tenant: Tenant, name: str) -> dict[str, Any]:
        return {"end_user_mark": mark_of(self._secret, tenant.org_id, END_USER, name)} if name else {}

    def _sealed(self, row: Kept) -> dict[str, Any]:
        if not row.body:
            return {"kek_id": "", "sealed": b""}
        return {"kek_id": self._sealer.kek_id, "sealed": self._sealer.seal(row.kind, row.org, row.id, row.body)}

    def _opened(self, row: Row[Any]) -> Kept:
        return Kept(
            org=row.org_id,
            id=row.id,
            key=row.key_id,
            kind=msgspec.convert(row.kind, Kind),
            upstream=row.upstream,
            account=row.account,
            state=row.state,
            at=row.created_at / _SECOND,
            expires=None if row.expires_at is None else row.expires_at / _SECOND,
            body=self._sealer.open(row.kind, row.org_id, row.id, row.sealed) if row.sealed else b"",
            revision=row.revision,
        )

    def _lasting(self) -> Any:
        return or_(kept_object.c.expires_at.is_(None), kept_object.c.expires_at > _micros(self._clock.now()))


async def _is_there(connection: AsyncConnection, tenant: Tenant, id: str) -> bool:
    """Locks the row until the transaction ends."""
    return (await connection.execute(select(kept_object.c.id).where(*_one(tenant, id)).with_for_update())).first() is not None


def _one(tenant: Tenant, id: str) -> tuple[Any, ...]:
    return (*within(tenant, kept_object), kept_object.c.id == id)


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * _SECOND)

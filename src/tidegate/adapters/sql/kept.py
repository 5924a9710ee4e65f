"""What the snapshot needs of the database besides keys: stored providers, routes, prices and webhooks, and credentials with
their sealed bytes."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import bindparam, or_, select, update

from tidegate.adapters.sql.changes import generation
from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import credential, price_version, stored_provider, stored_route, webhook
from tidegate.adapters.sql.statements import told_when_away
from tidegate.records import EVERYONE, Credential, Kept, Scope, StoredPrice, StoredProvider, StoredRoute, StoredWebhook, Tenant

_CREDENTIAL = [credential.c[name] for name in Credential.__struct_fields__]
_PROVIDER = [stored_provider.c[name] for name in StoredProvider.__struct_fields__]
_ROUTE = [stored_route.c[name] for name in StoredRoute.__struct_fields__]
_WEBHOOK = [webhook.c[name] for name in StoredWebhook.__struct_fields__]
_PRICE = [price_version.c[name] for name in StoredPrice.__struct_fields__]


class KeptRows:
    """Implements `ports.KeptSource`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, reached: int) -> tuple[int, Kept] | None:
        """As `ports.KeptSource`."""
        with told_when_away():
            # The generation first: rows that are newer are read once more.
            now = await generation(self._database)
            return None if now == reached else (now, await self.load(EVERYONE))

    async def load(self, scope: Scope) -> Kept:
        """Everything, in the order in which it was made, but for when it was used."""
        providers = select(*_PROVIDER).where(*within(scope, stored_provider)).order_by(stored_provider.c.created_at, stored_provider.c.id)
        routes = select(*_ROUTE).where(*within(scope, stored_route)).order_by(stored_route.c.created_at, stored_route.c.id)
        prices = select(*_PRICE).where(*within(scope, price_version)).order_by(price_version.c.created_at, price_version.c.id)
        webhooks = select(webhook.c.org_id, *_WEBHOOK).where(*within(scope, webhook)).order_by(webhook.c.created_at, webhook.c.id)
        sealed = select(credential.c.org_id, *_CREDENTIAL).where(*within(scope, credential))
        async with self._database.read(scope) as connection:
            return Kept(
                providers=tuple(record_of(StoredProvider, row) for row in await connection.execute(providers)),
                routes=tuple(record_of(StoredRoute, row) for row in await connection.execute(routes)),
                credentials=tuple(
                    (row[0], msgspec.structs.replace(record_of(Credential, row[1:]), last_used_at=None))
                    for row in await connection.execute(sealed.order_by(credential.c.created_at, credential.c.id))
                ),
                prices=tuple(record_of(StoredPrice, row) for row in await connection.execute(prices)),
                webhooks=tuple((row[0], record_of(StoredWebhook, row[1:])) for row in await connection.execute(webhooks)),
            )

    async def touch(self, tenant: Tenant, used: Mapping[str, int]) -> None:
        """As `ports.KeptSource`. No change of configuration."""
        later = or_(credential.c.last_used_at.is_(None), credential.c.last_used_at < bindparam("at"))
        statement = update(credential).where(*within(tenant, credential), credential.c.id == bindparam("used"), later)
        values = [{"used": id, "at": at} for id, at in sorted(used.items())]
        if not values:
            return
        with told_when_away():
            async with self._database.write(tenant) as connection:
                await connection.execute(statement.values(last_used_at=bindparam("at")), values)

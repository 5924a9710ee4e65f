"""The attempts of a period as the ledger has them, with what corrected them since: for whoever puts a wrong price right."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, tuple_

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.ledger_rows import PRICED
from tidegate.adapters.sql.schema import organisation
from tidegate.adapters.sql.schema_usage import KINDS, ledger
from tidegate.adapters.sql.statements import told_when_away
from tidegate.ir.usage import Usage
from tidegate.policy.reprice import Booked, Correction
from tidegate.ports import UsageEvent
from tidegate.records import EVERYONE, Tenant

CORRECTION = "correction"
_AT_ONCE = 500
_MICROS = 1_000_000
_BOOKED = ("settled", "unknown")


class Entry(msgspec.Struct, frozen=True):
    """A row of the ledger, and what it says."""

    row: Any
    booked: Booked

    def corrected(self, found: Correction) -> UsageEvent:
        """The entry that puts it right; its number makes that happen once."""
        row = self.row
        return UsageEvent(
            request_id=row.request_id,
            attempt=row.attempt,
            at=row.at / _MICROS,
            key=row.key_id,
            key_name=row.key_name,
            surface=row.surface,
            route=row.route,
            target=row.target,
            provider=row.provider,
            model=row.model,
            stream=row.stream,
            identity=row.identity,
            status=row.status,
            upstream_status=row.upstream_status,
            error=None,
            usage={PRICED: 1} if found.priced else None,
            estimated=row.estimated,
            cost_nano=found.nano,
            price_source=found.price_source,
            duration_ms=0.0,
            first_byte_ms=None,
            receipt=[],
            org=row.org_id,
            team=row.team_id,
            user=row.user_id,
            end_user=row.end_user,
            tags=list(row.tags or ()),
            lines=list(found.lines),
            saved_nano=found.saved,
            entry=f"{CORRECTION}:{self.booked.corrections + 1}",
        )


class LedgerPeriod:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self) -> list[Tenant]:
        """Everybody who may have used something."""
        with told_when_away():
            async with self._database.read(EVERYONE) as connection:
                return [Tenant(id) for id in (await connection.execute(select(organisation.c.org_id))).scalars()]

    async def entries(self, tenant: Tenant, since: int, until: int) -> AsyncIterator[list[Entry]]:
        """Pages of the attempts in `[since, until)`, in microseconds, in their order. Raises `StorageUnavailable`."""
        place = tuple_(ledger.c.at, ledger.c.seq)
        chosen = (*within(tenant, ledger), ledger.c.at >= since, ledger.c.at < until, ledger.c.entry.in_(_BOOKED))
        query = select(ledger).where(*chosen).order_by(ledger.c.at, ledger.c.seq).limit(_AT_ONCE)
        after: tuple[int, int] | None = None
        while True:
            with told_when_away():
                async with self._database.read(tenant) as connection:
                    rows = (await connection.execute(query if after is None else query.where(place > after))).all()
                    since_then = await _corrections(connection, tenant, [row.request_id for row in rows])
            if rows:
                yield [Entry(row, _booked(row, since_then.get((row.request_id, row.attempt), ()))) for row in rows]
            if len(rows) < _AT_ONCE:
                return
            after = (rows[-1].at, rows[-1].seq)


async def _corrections(connection: AsyncConnection, tenant: Tenant, ids: Sequence[str]) -> dict[tuple[str, int], list[Any]]:
    columns = (ledger.c.request_id, ledger.c.attempt, ledger.c.cost_nano, ledger.c.saved_nano)
    chosen = (*within(tenant, ledger), ledger.c.request_id.in_(ids), ledger.c.entry.startswith(CORRECTION))
    found: dict[tuple[str, int], list[Any]] = {}
    for row in await connection.execute(select(*columns).where(*chosen)):
        found.setdefault((row.request_id, row.attempt), []).append(row)
    return found


def _booked(row: Any, corrections: Sequence[Any]) -> Booked:
    costs = [found.cost_nano for found in (row, *corrections) if found.cost_nano is not None]
    tier = row.other_usage.get("tier") if row.other_usage else None
    tokens = {kind: getattr(row, f"{kind}_tokens") for kind in KINDS}
    return Booked(
        target=row.target,
        at=row.at / _MICROS,
        usage=Usage(**tokens, web_searches=row.web_searches, images=row.images, tier=tier if isinstance(tier, str) else None),
        nano=sum(costs) if costs else None,
        saved=row.saved_nano + sum(found.saved_nano for found in corrections),
        price_source=row.price_source,
        corrections=len(corrections),
    )

"""`tidegate ledger reprice`: a period is priced again by the prices of now, and the differences are booked as corrections."""

from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.buckets import zone
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.ledger_period import LedgerPeriod
from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.version import Behind
from tidegate.cli.database import Unusable, with_database
from tidegate.cli.options import ConfigPath, Home, complain, say, table
from tidegate.cli.usage import dollars
from tidegate.cli.vault import running
from tidegate.control.problems import ConfigError
from tidegate.policy.models import Models
from tidegate.policy.reprice import Booked, correction
from tidegate.policy.snapshot import Snapshot
from tidegate.ports import UsageEvent
from tidegate.ports.billing import begin_of
from tidegate.providers.spec import Price
from tidegate.records import Tenant

app = App(name="ledger")

Since = Annotated[date, Parameter(help="The first day of the period.")]
Until = Annotated[date, Parameter(help="The day after its last one.")]
Only = Annotated[
    list[str] | None, Parameter(name="--model", negative=(), help="Only these, like `openai/gpt-5` or `openai/*`. May be given often.")
]
Org = Annotated[str | None, Parameter(help="One organisation; else all of them.")]
TimeZone = Annotated[str, Parameter(help="Where the days begin: a name like Europe/Berlin.")]
Apply = Annotated[bool, Parameter(negative=(), help="Book the corrections; without it they are only shown.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON object per line; money in nano-dollars.")]


class Change(msgspec.Struct):
    """What changes for one organisation and model: attempts, of which so many had no known price, and the cost before and after."""

    org: str
    target: str
    attempts: int = 0
    priced: int = 0
    was_nano: int = 0
    is_nano: int = 0


@app.command
def reprice(
    *,
    since: Since,
    until: Until,
    model: Only = None,
    org: Org = None,
    time_zone: TimeZone = "UTC",
    apply: Apply = False,
    json: AsJson = False,
    config: ConfigPath = None,
    home: Home = None,
) -> int:
    """Price a period again, and book the differences.

    Each attempt is priced by what `tidegate.yaml`, the database (`tidegate prices`) and the catalogue say now of the day on which it was
    made. Where that is another cost than the ledger's, a correction of the difference is shown, and booked with `--apply`: a
    new entry at the time of the attempt, so that every report and invoice of that time is right. No row changes, and doing it again
    changes nothing. What a provider reported itself stays.
    """
    try:
        zone(time_zone)
        begin, end = begin_of(since, time_zone), begin_of(until, time_zone)

        async def work(database: Database) -> dict[tuple[str, str], Change]:
            await ready(database)
            snapshot = (await running(database, home, config, None)).snapshot
            return await _reprice(database, snapshot, Period(begin, end, org, tuple(model or ())), apply=apply)

        changes = with_database(home, work)
    except (BadAddress, Behind, ConfigError, Unusable, ValueError, OSError) as error:
        complain(f"error: {error}")
        return 1
    _print([changes[place] for place in sorted(changes)], json=json, apply=apply)
    return 0


class Period(msgspec.Struct, frozen=True):
    """`[begin, end)` in microseconds, of one organisation or all, of targets that match one of `models` or of all."""

    begin: int
    end: int
    org: str | None
    models: tuple[str, ...]

    def has(self, booked: Booked) -> bool:
        return not self.models or any(fnmatchcase(booked.target, pattern) for pattern in self.models)


async def _reprice(database: Database, snapshot: Snapshot, period: Period, *, apply: bool) -> dict[tuple[str, str], Change]:
    ledger, entries, prices = LedgerStore(database), LedgerPeriod(database), _Prices(snapshot)
    changes: dict[tuple[str, str], Change] = {}
    try:
        for tenant in [Tenant(period.org)] if period.org is not None else await entries.tenants():
            async for page in entries.entries(tenant, period.begin, period.end):
                events: list[UsageEvent] = []
                for entry in page:
                    booked = entry.booked
                    found = correction(booked, prices.of(booked.target)) if period.has(booked) else None
                    if found is None:
                        continue
                    change = changes.setdefault((tenant.org_id, booked.target), Change(tenant.org_id, booked.target))
                    change.attempts += 1
                    change.priced += found.priced
                    change.was_nano += booked.nano or 0
                    change.is_nano += (booked.nano or 0) + found.nano
                    events.append(entry.corrected(found))
                if apply and events:
                    await ledger.post(events)
    finally:
        await ledger.aclose()
    return changes


class _Prices:
    """Those of the configuration, by target."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._models = Models(snapshot)
        self._known: dict[str, Price | None] = {}

    def of(self, target: str) -> Price | None:
        if target not in self._known:
            provider, _, name = target.partition("/")
            self._known[target] = self._models.price(provider, name)
        return self._known[target]


def _print(changes: list[Change], *, json: bool, apply: bool) -> None:
    if json:
        for change in changes:
            say(msgspec.json.encode(change).decode())
        return
    if not changes:
        complain("Every attempt of this time costs what the prices of now say.")
        return
    head = ("ORGANISATION", "MODEL", "ATTEMPTS", "WITHOUT PRICE", "WAS $", "IS $", "DIFFERENCE $")
    table([head, *(_row(change) for change in changes)])
    if apply:
        complain("Booked. Invoices that are final do not change: `tidegate invoices correct` puts the difference onto the next one.")
    else:
        complain("Nothing is booked yet: --apply does it.")


def _row(change: Change) -> tuple[str, ...]:
    money = (change.was_nano, change.is_nano, change.is_nano - change.was_nano)
    return (change.org, change.target, f"{change.attempts:,}", f"{change.priced:,}", *(dollars(nano) for nano in money))

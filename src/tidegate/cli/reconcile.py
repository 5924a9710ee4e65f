"""`tidegate reconcile`: a provider's own export of usage or cost beside the ledger."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.version import Behind
from tidegate.cli.database import Unusable, with_database
from tidegate.cli.options import Home, complain, say, table
from tidegate.cli.usage import dollars
from tidegate.control.problems import ConfigError
from tidegate.control.reconcile import Amounts, Difference, Key, compare, read_export
from tidegate.ports.billing import begin_of
from tidegate.records import EVERYONE
from tidegate.usage_report import UsageQuery, UsageReport

Export = Annotated[Path, Parameter(help="The provider's export, CSV or JSON.")]
Provider = Annotated[list[str], Parameter(negative=(), help="Which of the configured providers it is about. May be given often.")]
All = Annotated[bool, Parameter(name="--all", negative=(), help="Also the rows that are the same.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON object per line; money in nano-dollars.")]

_MICROS = 1_000_000


def reconcile(export: Export, /, *, provider: Provider, all: All = False, json: AsJson = False, home: Home = None) -> int:
    """See `texts.RECONCILE`."""
    try:
        theirs = read_export(_read(export))
        query = _query(theirs, tuple(dict.fromkeys(provider)))

        async def ask(database: Database) -> tuple[UsageReport, UsageReport]:
            await ready(database)
            ledger = LedgerStore(database)
            anything = msgspec.structs.replace(query, by=("provider",), bucket=None, only={})
            return await ledger.usage(EVERYONE, query), await ledger.usage(EVERYONE, anything)

        ours, anything = with_database(home, ask)
    except (BadAddress, Behind, ConfigError, Unusable, ValueError, OSError) as error:
        complain(f"error: {error}")
        return 2
    found = compare(theirs, ours)
    different = [row for row in found if not row.same]
    # A report by model may have an amount of none, as Anthropic's costs have for web searches.
    nameless = "none" if any(row.model for row in found) else "all"
    _print(found if all else different, nameless, json=json)
    if not json:
        complain(f"{len(found) - len(different):,} of {len(found):,} days and models are the same.")
    _warn(query.only["provider"], ours, anything)
    return 1 if different else 0


def _read(export: Path) -> str:
    """Raises `ValueError` and `OSError`."""
    try:
        return export.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"there is no file {export}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{export} is no text: an export is CSV or JSON in UTF-8") from None


def _query(theirs: dict[Key, Amounts], providers: tuple[str, ...]) -> UsageQuery:
    days = sorted(day for day, _ in theirs)
    since, until = date.fromisoformat(days[0]), date.fromisoformat(days[-1]) + timedelta(days=1)
    return UsageQuery(
        since=begin_of(since, "UTC") / _MICROS,
        until=begin_of(until, "UTC") / _MICROS,
        by=("model",),
        bucket="day",
        only={"provider": providers},
    )


def _warn(providers: tuple[str, ...], ours: UsageReport, anything: UsageReport) -> None:
    """Of what makes a difference that is none of the provider's."""
    known = {row.group["provider"] for row in anything.rows}
    strange = [name for name in providers if name not in known]
    if strange:
        has = f"it has {_listed(sorted(known))}" if known else "it has nothing at all of them"
        complain(f"The ledger has nothing of {_listed(strange)} in these days: {has}.")
    if ours.total.unpriced:
        complain(f"{ours.total.unpriced:,} attempts of the ledger have no known price and are not in its cost.")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _print(rows: list[Difference], nameless: str, *, json: bool) -> None:
    if json:
        for row in rows:
            say(msgspec.json.encode(row).decode())
    elif rows:
        head = ("DAY", "MODEL", "INPUT", "LEDGER", "DIFFERENCE", "OUTPUT", "LEDGER", "DIFFERENCE", "COST $", "LEDGER $", "DIFFERENCE $")
        table([head, *(_cells(row, nameless) for row in rows)])


def _cells(row: Difference, nameless: str) -> tuple[str, ...]:
    theirs, ours = row.theirs, row.ours
    return (
        row.day,
        row.model or nameless,
        *(_count(value) for value in (theirs.input, ours.input, row.input, theirs.output, ours.output, row.output)),
        *("-" if value is None else dollars(value) for value in (theirs.cost_nano, ours.cost_nano, row.cost_nano)),
    )


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"

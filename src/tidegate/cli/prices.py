"""`tidegate prices`: what models cost, as versions in the database."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system import SystemClock
from tidegate.cli.directory import AsJson, NotThere, actor, attempt, attempt_on, everything, new_id, now
from tidegate.cli.options import ConfigPath, Home, said, say, table
from tidegate.cli.vault import running
from tidegate.control.entries import plain
from tidegate.control.kept import PLACE
from tidegate.control.load import Loaded
from tidegate.control.prices import Prices, flaw_of_name
from tidegate.control.problems import Problems
from tidegate.policy.price import day_of
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, StoredPrice, Tenant

app = App(name="prices")

Usd = Annotated[str | None, Parameter(help="Dollars per million tokens.")]
_OPERATOR = Tenant(DEFAULT_ORG)
_MICROSECONDS = 1_000_000


@app.command(name="list")
def list_(*, json: AsJson = False, home: Home = None) -> int:
    """List the prices that the database defines, with every version."""
    rows = attempt(home, lambda control: everything(control, _OPERATOR, StoredPrice))
    if rows is None:
        return 1
    rows.sort(key=lambda row: (row.name, row.valid_from))
    if json:
        for row in rows:
            say(msgspec.json.encode({**msgspec.structs.asdict(row), "name": row.name}).decode())
    else:
        table([("ID", "MODEL", "FROM", "INPUT $/M", "OUTPUT $/M", "OTHERS", "READ AT"), *(_cells(row) for row in rows)])
    return 0


@app.command(name="set")
def set_(
    name: str,
    /,
    *,
    input: Usd = None,
    output: Usd = None,
    cache_read: Usd = None,
    cache_write: Usd = None,
    cache_write_1h: Usd = None,
    entry: str | None = None,
    begin: Annotated[date | None, Parameter(name="--from")] = None,
    read_at: str = "",
    config: ConfigPath = None,
    home: Home = None,
) -> int:
    """Set what a model costs from a day on, and print the id of that version.

    Where there is a version of that day, it gets these amounts in place of its own. What was charged before does not change:
    `tidegate ledger reprice` books corrections.

    Examples

    ```
    tidegate prices set openai/gpt-5 --input 1.25 --output 10 --cache-read 0.125
    tidegate prices set 'lab/*' --input 0 --output 0
    tidegate prices set lab/big --entry '{"input": 1, "output": 8, "above": {"tokens": 200000, "input": 2, "output": 12}}'
    ```

    Parameters
    ----------
    name:
        `provider/model`, or all that begin so: `lab/*`.
    entry:
        Everything else that `prices` of tidegate.yaml takes (steps, tiers, audio, images, searches), as JSON.
    begin:
        The first day, of UTC; always, where it is not given.
    read_at:
        Where the price was read, for people.
    """
    given = {"input": input, "output": output, "cache_read": cache_read, "cache_write": cache_write, "cache_write_1h": cache_write_1h}

    async def work(database: Database) -> str:
        values = {**_decoded(entry), **{kind: amount for kind, amount in given.items() if amount is not None}}
        _check_name(name, await running(database, home, config, None))
        provider, _, model = name.partition("/")
        by = actor()
        fresh = StoredPrice(
            id=new_id("price"),
            provider=provider,
            model=model,
            valid_from=0 if begin is None else int(datetime(begin.year, begin.month, begin.day, tzinfo=UTC).timestamp()) * _MICROSECONDS,
            price=values,
            source=read_at,
            created_by=f"{by.kind}/{by.id}",
            created_at=now(),
            updated_at=now(),
        )
        fresh = msgspec.structs.replace(fresh, price=_checked(fresh))
        store = _store(database)
        rows = await everything(store, _OPERATOR, StoredPrice)
        present = next((row for row in rows if (row.name, row.valid_from) == (name, fresh.valid_from)), None)
        async with store.change(_OPERATOR, by) as change:
            if present is None:
                await change.add(fresh)
                return fresh.id
            await change.replace(msgspec.structs.replace(present, price=fresh.price, source=read_at or present.source), "price.update")
            return present.id

    return said(attempt_on(home, work))


@app.command
def delete(id: str, /, *, home: Home = None) -> int:
    """Delete a version of a price. What it priced stays as it is.

    Parameters
    ----------
    id:
        The version's id.
    """

    async def work(control: ControlStore) -> str:
        async with control.change(_OPERATOR, actor()) as change:
            row = await change.get(StoredPrice, id)
            if row is None:
                raise NotThere(f"there is no price `{id}`: `tidegate prices list` shows them")
            await change.remove(row)
        return id

    return said(attempt(home, work))


def _decoded(entry: str | None) -> dict[str, Any]:
    if entry is None:
        return {}
    try:
        return msgspec.json.decode(entry, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ValueError(f"--entry is no JSON object: {error}") from None


def _check_name(name: str, served: Loaded) -> None:
    """Raises `ValueError`."""
    flaw = flaw_of_name(name, list({**served.snapshot.upstreams, **served.snapshot.known}))
    if flaw is not None:
        raise ValueError(flaw)
    if name in served.config.prices:
        raise ValueError(f"`{name}` has its prices in {served.config_file}, which goes before the database: change them there")


def _checked(row: StoredPrice) -> dict[str, Any]:
    """The amounts as they are kept. Raises `ValueError`."""
    problems = Problems(PLACE)
    entry = Prices(problems).entry_of(row, ("prices", row.name))
    if entry is None:
        raise ValueError("; ".join(f"{problem.where}: {problem.message}" for problem in problems.errors))
    return plain(entry)


def _store(database: Database) -> ControlStore:
    return SqlControlStore(Changes(database, SystemClock()))


def _cells(row: StoredPrice) -> tuple[str, ...]:
    others = [kind for kind in row.price if kind not in ("input", "output")]
    amounts = (str(row.price.get(kind, "-")) for kind in ("input", "output"))
    return (row.id, row.name, day_of(row.valid_from // _MICROSECONDS) or "always", *amounts, ", ".join(others) or "-", row.source or "-")

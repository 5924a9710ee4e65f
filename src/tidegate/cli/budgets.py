"""`tidegate budgets`: what may be spent, by whom and in which time; how much of it is used."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system import SystemClock
from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt, attempt_on, control_store, everything, new_id, now
from tidegate.cli.named import subject
from tidegate.cli.options import Home, complain, listed, said, store
from tidegate.cli.usage import nano
from tidegate.control.api.limits import NewBudget
from tidegate.control.limit_rows import PERIODS, flaws, limits_of, zone_of
from tidegate.policy.limits.rules import Standing
from tidegate.policy.limits.verdict import usd as dollars
from tidegate.policy.limits.windows import TOTAL, Window, WindowPer, window
from tidegate.ports.control import Change, ControlStore
from tidegate.records import DEFAULT_ORG, LimitRule, Tenant

app = App(name="budgets")

Scope = Literal["organisation", "team", "user", "key", "end_user", "route", "model", "tag"]
Per = Literal["hour", "day", "week", "month", "total"]
Mode = Literal["hard", "soft", "observe"]
_NANO = 1_000_000_000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One budget as `--json` prints it. Money in nano-dollars; `used`, `held` and `left` are of the running window, None where it has many
    subjects. `held` is what gateways reserve, and is not taken off `left`. `resets_at` is when the next window begins, in the budget's
    time zone; None for one in total."""

    id: str
    name: str
    scope: str
    scope_id: str
    per: str
    amount: int
    used: int | None
    held: int | None
    left: int | None
    mode: str
    time_zone: str
    resets_at: str | None
    disabled: bool


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the budgets of an organisation: what is used, reserved and left of each, and when its next window begins.

    What is reserved belongs to calls that run and to gateways that spend it without asking for each call. A budget with many subjects (each
    model, each end user) shows its amount only.
    """

    async def work(database: Database) -> list[Line]:
        rows = await everything(control_store(database), Tenant(org), LimitRule, {"measure": "spend"})
        async with control_store(database).view(Tenant(org)) as view:
            stands = await view.standings(limits_of((org, row) for row in rows), SystemClock().now())
        return [_line(row, stands.get(row.id)) for row in rows]

    lines = attempt_on(home, work, org)
    if lines == [] and not json:
        complain(f"No budget of `{org}` is in the database. Those of tidegate.yaml hold without being listed here.")
    head = ("ID", "NAME", "FOR", "PER", "BUDGET", "USED", "RESERVED", "LEFT", "MODE", "NEXT WINDOW", "TIME ZONE")
    return listed(lines, head, _cells, json=json)


@app.command
def create(
    name: str,
    /,
    *,
    usd: str,
    per: Per,
    scope: Scope = "organisation",
    id: str = "",
    mode: Mode = "hard",
    alert: Sequence[int] = (80, 100),
    reserve: Literal["strict", "estimate"] = "strict",
    ceiling: str | None = None,
    max_output: int | None = None,
    time_zone: str = "UTC",
    org: Org = DEFAULT_ORG,
    home: Home = None,
) -> int:
    """Set a budget and print its id.

    Examples

    ```
    tidegate budgets create "search, a month" --scope team --id team_8sKq --usd 500 --per month
    tidegate budgets create "each end user" --scope end_user --usd 0.50 --per day --mode hard
    ```

    Parameters
    ----------
    name:
        For people.
    usd:
        How many dollars, like `25` or `0.50`.
    per:
        The window: it begins with the hour, day, week or month of the time zone.
    scope:
        What it is for.
    id:
        Which one: the id or name of a team, user or key, or the name of a tag, route, model or end user. Empty for each model or end user.
    mode:
        `hard` refuses, `soft` only alerts, `observe` counts.
    alert:
        Percentages at which to alert; may be given more than once.
    reserve:
        Whether a call reserves what it cannot exceed, or what is likely.
    ceiling:
        Dollars that a call may cost at most where nothing else bounds it.
    max_output:
        The most output tokens of a call.
    time_zone:
        Like `Europe/Berlin`.
    """

    async def work(control: ControlStore) -> str:
        checked({"name": name, "scope": scope, "scope_id": id, "per": per, "amount": 0}, NewBudget)
        of_file = store(home).peek().keys if org == DEFAULT_ORG else ()
        row = LimitRule(
            id=new_id("lim"),
            name=name,
            scope_kind=scope,
            scope_id=id,
            measure="spend",
            per=per,
            amount=nano(usd),
            mode="observe" if mode == "observe" else "enforce",
            hard=mode != "soft",
            reserve=reserve,
            alerts=sorted(set(alert)),
            ceiling_nano=None if ceiling is None else nano(ceiling),
            output_cap=max_output,
            time_zone=time_zone,
            created_by=f"cli/{actor().id}",
            created_at=now(),
            updated_at=now(),
        )
        check(row)
        async with control.change(Tenant(org), actor()) as change:
            whose = await subject(change, scope, id, of_file, Tenant(org))
            await change.add(msgspec.structs.replace(row, scope_id=whose))
        return row.id

    return said(attempt(home, work, org))


@app.command
def edit(
    budget: str,
    /,
    *,
    usd: str | None = None,
    mode: Mode | None = None,
    enabled: Annotated[bool | None, Parameter(name="--enable", negative="--disable")] = None,
    org: Org = DEFAULT_ORG,
    home: Home = None,
) -> int:
    """Change a budget. What was spent stays spent.

    Parameters
    ----------
    budget:
        Its id.
    usd:
        The new amount in dollars.
    mode:
        `hard` refuses, `soft` only alerts, `observe` counts.
    enabled:
        Switch it on or off.
    """

    async def work(control: ControlStore) -> bool:
        async with control.change(Tenant(org), actor()) as change:
            row = await rule_of(change, budget, ("spend",), "budget")
            if usd is not None:
                row = msgspec.structs.replace(row, amount=nano(usd))
            if mode is not None:
                row = msgspec.structs.replace(row, mode="observe" if mode == "observe" else "enforce", hard=mode != "soft")
            if enabled is not None:
                row = msgspec.structs.replace(row, disabled_at=None if enabled else row.disabled_at or now())
            check(row)
            await change.replace(row, "limit.update")
        return True

    return 0 if attempt(home, work, org) else 1


@app.command
def delete(budget: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Take a budget away.

    Parameters
    ----------
    budget:
        Its id.
    """

    async def work(control: ControlStore) -> bool:
        async with control.change(Tenant(org), actor()) as change:
            await change.remove(await rule_of(change, budget, ("spend",), "budget"))
        return True

    return 0 if attempt(home, work, org) else 1


async def rule_of(change: Change, id: str, measures: Collection[str], noun: str) -> LimitRule:
    """The rule of an id, if it is one of these. Raises `NotThere`."""
    row = await change.get(LimitRule, id)
    if row is None or row.measure not in measures:
        raise NotThere(f"there is no {noun} `{id}`: `tidegate {noun}s list` shows them")
    return row


def check(row: LimitRule) -> None:
    found = flaws(row)
    if found:
        raise ValueError("; ".join(f"{name.replace('_', ' ')}: {why}" for name, why in found.items()))


def _of_now(per: str, zone: tzinfo) -> Window:
    if per not in PERIODS["spend"]:
        raise ValueError("no budget has such a window")
    return window(msgspec.convert(per, WindowPer), SystemClock().now(), zone)


def _line(row: LimitRule, stands: Standing | None) -> Line:
    zone = zone_of(row.time_zone) or UTC
    end = _of_now(row.per, zone).end
    return Line(
        id=row.id,
        name=row.name,
        scope=row.scope_kind,
        scope_id=row.scope_id,
        per=row.per,
        amount=row.amount,
        used=None if stands is None else stands.used,
        held=None if stands is None else stands.reserved,
        left=None if stands is None else max(0, row.amount - stands.used),
        mode="observe" if row.mode == "observe" else "hard" if row.hard else "soft",
        time_zone=row.time_zone,
        resets_at=None if end == TOTAL.end else datetime.fromtimestamp(end, zone).isoformat(timespec="minutes"),
        disabled=row.disabled_at is not None,
    )


def _cells(line: Line) -> tuple[str, ...]:
    figures = ("" if nano is None else dollars(nano) for nano in (line.used, line.held, line.left))
    whose = f"{line.scope} {line.scope_id}".strip()
    opens = "-" if line.resets_at is None else line.resets_at[:16].replace("T", " ")
    mode = "off" if line.disabled else line.mode
    return (line.id, line.name, whose, line.per, dollars(line.amount), *figures, mode, opens, line.time_zone)

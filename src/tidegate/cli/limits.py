"""`tidegate limits`: how many requests, tokens and calls at once, for whom and in which time. What may be spent is `budgets`."""

from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from tidegate.cli.asked import checked
from tidegate.cli.budgets import Scope, check, rule_of
from tidegate.cli.directory import AsJson, Org, actor, attempt, everything, new_id, now
from tidegate.cli.named import subject
from tidegate.cli.options import Home, listed, said, store
from tidegate.control.api.limits import NewLimit
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, LimitRule, Tenant

app = App(name="limits")

Of = Literal["requests", "tokens", "concurrent"]
_OF: tuple[Of, ...] = ("requests", "tokens", "concurrent")
Per = Annotated[Literal["minute", "hour", "day"] | None, Parameter(help="In which time; calls at once have none.")]
Mode = Literal["enforce", "observe"]


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the limits of an organisation that are no budgets. `GET /v1/tidegate/quota` tells a key how its own stand."""
    rows = attempt(home, lambda control: everything(control, Tenant(org), LimitRule, {"measure": _OF}), org)
    return listed(rows, ("ID", "NAME", "FOR", "LIMIT", "PER", "MODE", "TIME ZONE"), _cells, json=json, shown=_shown)


@app.command
def create(
    name: str,
    /,
    *,
    amount: int,
    of: Of = "requests",
    per: Per = None,
    scope: Scope = "organisation",
    id: str = "",
    mode: Mode = "enforce",
    time_zone: str = "UTC",
    org: Org = DEFAULT_ORG,
    home: Home = None,
) -> int:
    """Set a limit and print its id.

    Examples

    ```
    tidegate limits create "search" --scope team --id search --amount 600 --per minute
    tidegate limits create "each end user" --scope end_user --of tokens --amount 20000 --per hour
    tidegate limits create "batch job" --scope key --id indexer --of concurrent --amount 4
    ```

    Parameters
    ----------
    name:
        For people.
    amount:
        How many.
    of:
        `requests`, `tokens`, or `concurrent` for calls at once.
    scope:
        What it is for.
    id:
        Which one: the id or name of a team, user or key, or the name of a tag, route, model or end user. Empty for each model or end user.
    mode:
        `enforce` refuses, `observe` counts.
    time_zone:
        Of days, like `Europe/Berlin`.
    """

    async def work(control: ControlStore) -> str:
        of_file = store(home).peek().keys if org == DEFAULT_ORG else ()
        fields = {"name": name, "amount": amount, "measure": of, "scope": scope, "scope_id": id, "mode": mode, "time_zone": time_zone}
        asked = checked(fields | ({} if per is None else {"per": per}), NewLimit)
        at, by = now(), actor()
        row = LimitRule(
            id=new_id("lim"),
            name=asked.name,
            scope_kind=asked.scope,
            scope_id=asked.scope_id,
            measure=asked.measure,
            per=asked.per,
            amount=asked.amount,
            mode=asked.mode,
            time_zone=asked.time_zone,
            created_by=f"{by.kind}/{by.id}",
            created_at=at,
            updated_at=at,
        )
        check(row)
        async with control.change(Tenant(org), by) as change:
            await change.add(msgspec.structs.replace(row, scope_id=await subject(change, scope, id, of_file, Tenant(org))))
        return row.id

    return said(attempt(home, work, org))


@app.command
def edit(
    limit: str,
    /,
    *,
    amount: int | None = None,
    mode: Mode | None = None,
    enabled: Annotated[bool | None, Parameter(name="--enable", negative="--disable")] = None,
    org: Org = DEFAULT_ORG,
    home: Home = None,
) -> int:
    """Change a limit. What was used stays used.

    Parameters
    ----------
    limit:
        Its id.
    amount:
        How many.
    mode:
        `enforce` refuses, `observe` counts.
    enabled:
        Switch it on or off.
    """

    async def work(control: ControlStore) -> str:
        async with control.change(Tenant(org), actor()) as change:
            row = await rule_of(change, limit, _OF, "limit")
            off = row.disabled_at if enabled is None else None if enabled else row.disabled_at or now()
            row = msgspec.structs.replace(row, amount=row.amount if amount is None else amount, mode=mode or row.mode, disabled_at=off)
            check(row)
            await change.replace(row, "limit.update")
        return limit

    return said(attempt(home, work, org))


@app.command
def delete(limit: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Take a limit away.

    Parameters
    ----------
    limit:
        Its id.
    """

    async def work(control: ControlStore) -> str:
        async with control.change(Tenant(org), actor()) as change:
            await change.remove(await rule_of(change, limit, _OF, "limit"))
        return limit

    return said(attempt(home, work, org))


def _shown(row: LimitRule) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "scope": row.scope_kind,
        "scope_id": row.scope_id,
        "of": row.measure,
        "per": None if row.per == "moment" else row.per,
        "amount": row.amount,
        "mode": row.mode,
        "time_zone": row.time_zone,
        "disabled": row.disabled_at is not None,
    }


def _cells(row: LimitRule) -> tuple[str, ...]:
    whose = f"{row.scope_kind} {row.scope_id}".strip()
    mode = "off" if row.disabled_at is not None else row.mode
    return (row.id, row.name, whose, f"{row.amount:,} {row.measure}", "-" if row.per == "moment" else row.per, mode, row.time_zone)

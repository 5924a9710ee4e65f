"""`tidegate keys create`: a key of `keys.json`, or one of the database where anything is said that only those have."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from tidegate.adapters.keystore import KeyStoreError
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.asked import checked
from tidegate.cli.directory import actor, attempt_on, control_store, new_id, now, pepper_of
from tidegate.cli.keys import failed
from tidegate.cli.keys_known import moment
from tidegate.cli.named import found
from tidegate.cli.options import Home, complain, say, store
from tidegate.cli.usage import nano
from tidegate.control.api.key_fields import NewKey, check
from tidegate.control.api.problem import Problem
from tidegate.control.config import PriorityName
from tidegate.control.key_state import with_token
from tidegate.control.limit_rows import PERIODS, flaws
from tidegate.control.limits import RATES
from tidegate.control.problems import ConfigError
from tidegate.policy.keys import ID_LENGTH, SECRET_LENGTH
from tidegate.ports.control import View
from tidegate.records import DEFAULT_ORG, ApiKey, LimitRule, ServiceAccount, Team, Tenant, User

Env = Literal["live", "test", "svc"]

Name = Annotated[str, Parameter(help="What the key is for; shown in lists and in the usage ledger.")]
Models = Annotated[
    list[str] | None,
    Parameter(
        name="--model",
        negative=(),
        help="A model or route that the key may use, or a beginning with `*` at its end. May be given often; none = all.",
    ),
]
EnvName = Annotated[Env, Parameter(name="--env", help="Written into the key, so that people see which it is; `svc` is for a program's.")]
Org = Annotated[str | None, Parameter(help="Whose it is, the organisation's id. [default: default]")]
TeamName = Annotated[str | None, Parameter(name="--team", help="The team that it belongs to, by id or name.")]
UserName = Annotated[str | None, Parameter(name="--user", help="The user whose key it is, by id, email or name.")]
Account = Annotated[str | None, Parameter(name="--service-account", help="The service account whose key it is, by id or name.")]
Expires = Annotated[
    str | None,
    Parameter(help="When it ends: after `90d`, `12h` or `4w`, at a date or time of UTC (`2027-01-31`, `2027-01-31T12:00`), or `never`."),
]
Routes = Annotated[list[str] | None, Parameter(name="--route", negative=(), help="As `--model`, of configured routes only.")]
Addresses = Annotated[
    list[str] | None,
    Parameter(name="--address", negative=(), help="A network that it may be used from, like 10.0.0.0/8."),
]
Tags = Annotated[list[str] | None, Parameter(name="--tag", negative=(), help="A tag of all its usage.")]
Limits = Annotated[
    list[str] | None,
    Parameter(name="--limit", negative=(), help=f"NAME=AMOUNT, like requests_per_minute=60: {', '.join(name for name, _, _ in RATES)}."),
]
Budgets = Annotated[
    list[str] | None,
    Parameter(name="--budget", negative=(), help=f"Dollars that it may spend, like 25/month: per {', '.join(PERIODS['spend'])}."),
]
Priority = Annotated[PriorityName | None, Parameter(help="How important its calls are where there is too little room.")]
Purpose = Annotated[str | None, Parameter(help="More words for people.")]

_DAYS = 90
_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}
_MICROS = 1_000_000
_LAST = int(datetime(2201, 1, 1, tzinfo=UTC).timestamp()) * _MICROS


def create(
    *,
    name: Name = "key",
    model: Models = None,
    env: EnvName = "live",
    org: Org = None,
    team: TeamName = None,
    user: UserName = None,
    account: Account = None,
    expires: Expires = None,
    route: Routes = None,
    address: Addresses = None,
    tag: Tags = None,
    limit: Limits = None,
    budget: Budgets = None,
    priority: Priority = None,
    purpose: Purpose = None,
    home: Home = None,
) -> int:
    """See `texts.CREATE_KEY`."""
    asked: dict[str, Any] = {
        "models": model,
        "routes": route,
        "addresses": address,
        "tags": tag,
        "priority": priority,
        "purpose": purpose,
    }
    more = (org, team, user, account, expires, route, address, tag, limit, budget, priority, purpose)
    if env != "svc" and all(option is None for option in more):
        return _in_file(name, env, tuple(model or ()), home)
    if user is not None and account is not None:
        complain("error: a key is a user's or a service account's: give --user or --service-account")
        return 1
    tenant = Tenant(org or DEFAULT_ORG)

    async def work(database: Database) -> tuple[ApiKey, str]:
        at = now()
        fields = checked({name: value for name, value in asked.items() if value is not None} | {"name": name, "env": env}, NewKey)
        _check(fields)
        ends, rules = _ends(expires, at), [*map(_limit, limit or ()), *map(_budget, budget or ())]
        control, pepper = control_store(database), await pepper_of(database, home)
        by = actor()
        created_by = f"{by.kind}/{by.id}"
        async with control.change(tenant, by) as change:
            row = ApiKey(
                id=SystemSecrets().base62(ID_LENGTH),
                name=name,
                env=env,
                purpose=fields.purpose,
                models=fields.models,
                routes=fields.routes,
                addresses=fields.addresses,
                tags=fields.tags,
                priority=fields.priority,
                expires_at=ends,
                created_by=created_by,
                created_at=at,
                updated_at=at,
                **await _owner(change, tenant, team, user, account),
            )
            row, token = with_token(row, SystemSecrets().base62(SECRET_LENGTH), pepper, version=1)
            await change.add(row)
            for rule in rules:
                await change.add(msgspec.structs.replace(rule, scope_id=row.id, created_by=created_by, created_at=at, updated_at=at))
        return row, token

    made = attempt_on(home, work, tenant.org_id)
    if made is None:
        return 1
    row, token = made
    until = "for ever" if row.expires_at is None else f"until {moment(row.expires_at // _MICROS)} UTC"
    whose = f"the organisation `{tenant.org_id}`" if row.owner_kind == "org" else f"the {row.owner_kind.replace('_', ' ')} {row.owner_id}"
    models = ", ".join(row.models) or "all models"
    complain(f"Made the key `{row.name}` with the id {row.id} of {whose}, for {models}, {until}. It is not shown again:")
    say(token)
    return 0


def _in_file(name: str, env: Literal["live", "test"], models: tuple[str, ...], home: Path | None) -> int:
    for pattern in models:
        if not pattern or "*" in pattern[:-1]:
            complain(f"error: --model `{pattern}`: a name, or its beginning with `*` at the end, like `anthropic/*`")
            return 1
    try:
        row, token = store(home).create(name, env=env, models=models)
    except (ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    complain(f"Made the key `{row.name}` with the id {row.id} for {', '.join(row.models) or 'all models'}. It is not shown again:")
    say(token)
    return 0


def _check(fields: NewKey) -> None:
    try:
        check(models=fields.models, routes=fields.routes, addresses=fields.addresses, times=[])
    except Problem as problem:
        raise ValueError(problem.detail) from None


async def _owner(view: View, tenant: Tenant, team: str | None, user: str | None, account: str | None) -> dict[str, Any]:
    """The fields of a key that say whose it is. Raises `NotThere`."""
    team_id = None if team is None else (await found(view, Team, team, tenant)).id
    if user is not None:
        id = (await found(view, User, user, tenant)).id
        return {"owner_kind": "user", "owner_id": id, "team_id": team_id, "user_id": id}
    if account is not None:
        row = await found(view, ServiceAccount, account, tenant)
        if row.team_id is not None and team_id not in (None, row.team_id):
            raise ValueError(f"--team: the service account `{row.name}` is of the team {row.team_id}")
        return {"owner_kind": "service_account", "owner_id": row.id, "team_id": row.team_id or team_id}
    if team_id is not None:
        return {"owner_kind": "team", "owner_id": team_id, "team_id": team_id}
    return {"owner_kind": "org", "owner_id": tenant.org_id}


def _ends(text: str | None, at: int) -> int | None:
    """Microseconds since 1970; None for a key without an end. Raises `ValueError`."""
    if text == "never":
        return None
    given = text or f"{_DAYS}d"
    after = re.fullmatch(r"(\d{1,6})([hdw])", given)
    if after:
        micros = at + int(after[1]) * _SECONDS[after[2]] * _MICROS
    else:
        try:
            ends = datetime.fromisoformat(given)
            micros = int((ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()) * _MICROS
        except (ValueError, OverflowError):
            raise ValueError(f"--expires `{given[:40]}`: it is like 90d, 12h, 2027-01-31, 2027-01-31T12:00 or never") from None
    if micros <= at:
        raise ValueError(f"--expires `{given}`: it has passed")
    if micros >= _LAST:
        raise ValueError(f"--expires `{given}`: it is not between the years 1970 and 2200; `never` is for ever")
    return micros


def _limit(text: str) -> LimitRule:
    """Of a key that is yet to be made. Raises `ValueError`."""
    name, sign, amount = text.partition("=")
    for field, measure, per in RATES:
        if sign and field == name.strip() and amount.strip().isdecimal():
            words = field.replace("_", " ")
            return _flawless(LimitRule(id=new_id("lim"), name=words, scope_kind="key", measure=measure, per=per, amount=int(amount)))
    raise ValueError(f"--limit `{text[:60]}`: it is like requests_per_minute=60, and one of {', '.join(field for field, _, _ in RATES)}")


def _budget(text: str) -> LimitRule:
    amount, _, per = text.partition("/")
    if per not in PERIODS["spend"]:
        raise ValueError(f"--budget `{text[:60]}`: it is dollars per {', '.join(PERIODS['spend'])}, like 25/month")
    rule: Any = {"per": per, "amount": nano(amount)}
    return _flawless(LimitRule(id=new_id("lim"), name=f"budget per {per}", scope_kind="key", measure="spend", alerts=[80, 100], **rule))


def _flawless(rule: LimitRule) -> LimitRule:
    wrong = {name: why for name, why in flaws(rule).items() if name != "scope_id"}
    if wrong:
        raise ValueError("; ".join(f"{rule.name}: {name.replace('_', ' ')}: {why}" for name, why in wrong.items()))
    return rule

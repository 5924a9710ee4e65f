"""`tidegate keys show`: one key with everything that is known of it but its secret."""

from typing import Any

import msgspec

from tidegate.adapters.keystore import KeyStoreError
from tidegate.adapters.sql.engine import Database
from tidegate.cli.directory import AsJson, attempt_on, control_store, everything, now
from tidegate.cli.keys import failed
from tidegate.cli.keys_change import Named, Org, Place, located
from tidegate.cli.keys_known import ends, moment
from tidegate.cli.options import Home, say, store, table
from tidegate.cli.usage import dollars
from tidegate.control.key_state import state_of
from tidegate.control.problems import ConfigError
from tidegate.policy.keys import StoredKey
from tidegate.records import DEFAULT_ORG, ApiKey, LimitRule

_MICROS = 1_000_000
_HIDDEN = ("digest", "pepper_version", "revision")


def show(id: Named, /, *, org: Org = None, json: AsJson = False, home: Home = None) -> int:
    """See `texts.SHOW_KEY`."""
    try:
        kept = next((row for row in store(home).peek().keys if row.id == id), None) if org in (None, DEFAULT_ORG) else None
    except (ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    place = kept or located(home, id, org)
    if place is None:
        return 1
    facts = _of_file(place) if isinstance(place, StoredKey) else attempt_on(home, lambda database: _of_database(database, place))
    if facts is None:
        return 1
    if json:
        say(msgspec.json.encode(facts).decode())
    else:
        table([(name.replace("_", " "), text) for name, value in facts.items() if (text := _told(name, value))])
    return 0


def _of_file(row: StoredKey) -> dict[str, Any]:
    state = "active" if row.revoked is None else "revoked"
    revoked = None if row.revoked is None else row.revoked * _MICROS
    return {
        "id": row.id,
        "name": row.name,
        "env": row.env,
        "kept_in": "keys.json",
        "state": state,
        "models": list(row.models),
        "created_at": row.created * _MICROS,
        "revoked_at": revoked,
    }


async def _of_database(database: Database, place: Place) -> dict[str, Any]:
    """Times in microseconds since 1970, money in nano-dollars."""
    control, at = control_store(database), now()
    rows = await everything(control, place.tenant, ApiKey)
    row = next(row for row in rows if row.id == place.id)
    new = {other.rotated_from: other.id for other in rows}
    last = row.id
    while last in new:
        last = new[last]
    limits = await everything(control, place.tenant, LimitRule, {"scope_kind": "key", "scope_id": last})
    fields = {name: value for name, value in msgspec.structs.asdict(row).items() if name not in _HIDDEN}
    head = {"id": row.id, "name": row.name, "env": row.env, "kept_in": "database", "organisation": place.tenant.org_id}
    return {
        **head,
        "state": state_of(row, at),
        "replaced_by": new.get(row.id),
        "ends_at": ends(row),
        **fields,
        "limits": [_limit(limit) for limit in limits],
    }


def _limit(row: LimitRule) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "of": row.measure,
        "per": row.per,
        "amount": row.amount,
        "disabled": row.disabled_at is not None,
    }


def _told(name: str, value: Any) -> str:
    """A fact in words; nothing where there is none."""
    match value:
        case None | "":
            return ""
        case []:
            return "all" if name in ("models", "routes") else ""
        case int():
            return f"{moment(value // _MICROS)} UTC"
        case [dict(), *_] if name == "limits":
            return "; ".join(_words(limit) for limit in value)
        case [dict(), *_]:
            return "; ".join(msgspec.json.encode(one).decode() for one in value)
        case list():
            return ", ".join(msgspec.convert(value, list[str]))
        case _:
            return str(value)


def _words(limit: dict[str, Any]) -> str:
    amount = dollars(limit["amount"]) + " $" if limit["of"] == "spend" else f"{limit['amount']:,} {limit['of']}"
    per = {"total": " in total", "moment": ""}.get(limit["per"], f" per {limit['per']}")
    return f"{amount}{per} ({limit['id']}{', off' if limit['disabled'] else ''})"

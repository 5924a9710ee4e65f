"""`tidegate keys list` and `check`: the keys that a gateway knows, of `keys.json` and of the database."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tidegate.adapters.keystore import KeyStoreError
from tidegate.adapters.sql.address import BadAddress, address
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.keys import key_of
from tidegate.cli.directory import AsJson, attempt_on, control_store, everything, now
from tidegate.cli.keys import failed
from tidegate.cli.options import Home, complain, say, store, table
from tidegate.control.key_state import state_of
from tidegate.control.problems import ConfigError
from tidegate.control.settings import settings
from tidegate.policy import keys as form
from tidegate.policy.keys import StoredKey, StoredKeys
from tidegate.ports.control import View
from tidegate.records import DEFAULT_ORG, ApiKey, KeyState, Organisation, ServiceAccount, Team, Tenant, User

Org = Annotated[str, Parameter(help="Whose keys of the database; those of `keys.json` are of `default`.")]
State = Annotated[KeyState | None, Parameter(help="Only those that are so now.")]
Key = Annotated[
    str, Parameter(help="The key; `-` reads it from standard input, where no shell history keeps it.", allow_leading_hyphen=True)
]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One key as it is listed. `created`, `last_used` and `ends` in Unix seconds; `place` is where it is kept, `owner` whose it is there,
    and `replaced_by` the id of the one that a rotation made, also while both work."""

    id: str
    name: str
    env: str
    place: str
    owner: str
    created: int
    last_used: int | None
    ends: int | None
    replaced_by: str | None
    state: KeyState
    models: list[str]


def list_(*, state: State = None, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """See `texts.LIST_KEYS`."""
    try:
        lines = [_of_file(row) for row in store(home).peek().keys] if org == DEFAULT_ORG else []
        is_there = has_database(home)
    except (BadAddress, ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    if is_there:
        rows = attempt_on(home, lambda database: everything(control_store(database), Tenant(org), ApiKey), org)
        if rows is None:
            return 1
        at = now()
        new = {row.rotated_from: row.id for row in rows if row.rotated_from is not None}
        lines += [_of_database(row, at, new.get(row.id)) for row in rows]
    chosen = [line for line in lines if state in (None, line.state)]
    if json:
        for line in chosen:
            say(msgspec.json.encode(line).decode())
    elif not lines:
        complain("No keys yet: `tidegate keys create` makes one, and so does the first `tidegate serve`.")
    else:
        head = ("ID", "NAME", "ENV", "KEPT IN", "OWNER", "CREATED", "LAST USED", "ENDS", "STATE", "MODELS")
        table([head, *(_cells(line) for line in chosen)])
    return 0


def check(key: Key = "-", /, *, home: Home = None) -> int:
    """See `texts.CHECK_KEY`."""
    text = (sys.stdin.readline() if key == "-" else key).strip()
    flaw = form.flaw(text)
    if flaw is not None and form.flaw_of_foreign(text) is not None:
        complain(f"This is not a whole gateway key: {flaw}.")
        return 1
    try:
        stored = store(home).peek()
        is_there = has_database(home)
    except (BadAddress, ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    digest = form.token_digest(stored.pepper, text)
    row = next((row for row in stored.keys if row.digest == digest), None)
    if row is not None:
        complain(f"The key {row.id} is `{row.name}`, {_state(row)}, for {_models(row.models)}.")
        return 1 if row.revoked is not None else 0
    if is_there:
        found = attempt_on(home, lambda database: _told(database, stored, text))
        if found is None:
            return 1
        is_good, words = found
        if words:
            complain(words)
            return 0 if is_good else 1
    where = "those of keys.json and of the database" if is_there else "those in keys.json, and there is no database here"
    complain(f"This is not a whole gateway key: {flaw}, and it was not imported." if flaw else f"The key is whole, and not one of {where}.")
    return 1


async def _told(database: Database, stored: StoredKeys, text: str) -> tuple[bool, str]:
    """Whether a key would be let in, and what there is to say of it; nothing where the database does not know it."""
    found = await key_of(database, form.foreign_digests(stored.pepper, text))
    if found is None:
        return False, ""
    tenant, row = found
    state = state_of(row, now())
    async with control_store(database).view(tenant) as view:
        stopped = await _stopped(view, row)
    is_good = state == "active" and not stopped
    what = "an admin key of the control API" if row.env == "adm" else f"for {_models(row.models)}"
    why = f"; {stopped}" if stopped else ""
    return is_good, f"The key {row.id} is `{row.name}` of the organisation `{tenant.org_id}`, {state}, {what}{why}."


async def _stopped(view: View, row: ApiKey) -> str:
    """Which of those whom a key acts for is disabled."""
    of_account = row.owner_id if row.owner_kind == "service_account" else None
    named = (
        ("organisation", await view.get(Organisation)),
        ("team", None if row.team_id is None else await view.get(Team, row.team_id)),
        ("user", None if row.user_id is None else await view.get(User, row.user_id)),
        ("service account", None if of_account is None else await view.get(ServiceAccount, of_account)),
    )
    return next((f"its {name} is disabled" for name, found in named if found is not None and found.disabled_at is not None), "")


def has_database(home: Path | None) -> bool:
    """A look at keys makes none. Raises `BadAddress` and `ConfigError`."""
    url = address(os.environ, settings(os.environ, home=home).home)
    return not url.drivername.startswith("sqlite") or (url.database is not None and Path(url.database).exists())


def _of_file(row: StoredKey) -> Line:
    return Line(
        id=row.id,
        name=row.name,
        env=row.env,
        place="keys.json",
        owner="",
        created=row.created,
        last_used=None,
        ends=row.revoked,
        replaced_by=None,
        state="active" if row.revoked is None else "revoked",
        models=list(row.models),
    )


def _of_database(row: ApiKey, at: int, replaced_by: str | None) -> Line:
    end = ends(row)
    return Line(
        id=row.id,
        name=row.name,
        env=row.env,
        place="database",
        owner="" if row.owner_kind == "org" else f"{row.owner_kind} {row.owner_id}",
        created=row.created_at // 1_000_000,
        last_used=None if row.last_used_at is None else row.last_used_at // 1_000_000,
        ends=None if end is None else end // 1_000_000,
        replaced_by=replaced_by,
        state=state_of(row, at),
        models=row.models,
    )


def _cells(line: Line) -> tuple[str, ...]:
    times = ("" if at is None else moment(at) for at in (line.created, line.last_used, line.ends))
    models = ", ".join(line.models) or "all"
    return line.id, line.name, line.env, line.place, line.owner or "-", *times, state_words(line.state, line.replaced_by), models


def ends(row: ApiKey) -> int | None:
    """When a key ends or has ended, in microseconds; None for one without an end. One that is disabled can begin again."""
    return min((at for at in (row.revoked_at, row.overlap_until, row.expires_at) if at is not None), default=None)


def state_words(state: KeyState, replaced_by: str | None) -> str:
    """With the id of the key that a rotation made."""
    if replaced_by is None:
        return state
    return f"replaced by {replaced_by}" if state == "replaced" else f"{state}, replaced by {replaced_by}"


def _models(models: tuple[str, ...] | list[str]) -> str:
    return ", ".join(models) or "all models"


def _state(row: StoredKey) -> str:
    return "active" if row.revoked is None else f"revoked {moment(row.revoked)}"


def moment(seconds: int) -> str:
    """Of UTC, for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")

"""`tidegate keys import`: keys that other gateways made go into the database."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.asked import checked
from tidegate.cli.directory import NotThere, Org, actor, attempt_on, control_store, now, pepper_of
from tidegate.cli.options import Home, complain, say
from tidegate.control.api.key_fields import check
from tidegate.control.api.key_import import ImportedKey
from tidegate.control.api.problem import Problem
from tidegate.control.config import PriorityName
from tidegate.control.foreign_keys import ForeignKey, read_keys
from tidegate.policy.keys import ID_LENGTH, digest_of_hash, token_digest
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, ApiKey, Team, Tenant

_LARGEST = 16 << 20
_TOLD = 20

File = Annotated[Path, Parameter(allow_leading_hyphen=True, help="A CSV or JSON file; `-` is standard input.")]
TeamId = Annotated[str | None, Parameter(name="--team", help="The team whose keys they become; else they are the organisation's.")]

Importance = Annotated[PriorityName, Parameter(name="--priority", help="How important their calls are where there is too little room.")]


def import_(file: File, /, *, org: Org = DEFAULT_ORG, team: TeamId = None, priority: Importance = "interactive", home: Home = None) -> int:
    """See `texts.IMPORT_KEYS`."""
    try:
        text = sys.stdin.read(_LARGEST) if str(file) == "-" else file.read_text(encoding="utf-8")
        found, wrong = read_keys(text)
    except (OSError, ValueError) as error:
        complain(f"error: {error}")
        return 1
    wrong += [f"{key.name[:40]!r}: {flaw}" for key in found if (flaw := _flaw(key)) is not None]
    for line in wrong[:_TOLD]:
        complain(f"error: {line}")
    if wrong:
        complain(f"{len(wrong)} keys cannot be taken over: nothing was imported")
        return 1

    async def work(database: Database) -> list[str]:
        pepper = await pepper_of(database, home)
        return await _stored(control_store(database), Tenant(org), team, priority, found, pepper)

    ids = attempt_on(home, work, org)
    if ids is None:
        return 1
    for id in ids:
        say(id)
    complain(f"Imported {len(ids)} keys; {len(found) - len(ids)} were there before.")
    return 0


def _flaw(key: ForeignKey) -> str | None:
    """What the control API would refuse of it."""
    said = {"name": key.name, "value": key.value, "sha256": key.sha256, "models": key.models, "tags": key.tags}
    try:
        checked(said, ImportedKey)
        check(models=key.models, routes=[], addresses=[], times=[])
    except ValueError as error:
        return str(error)
    except Problem as problem:
        return problem.detail
    return None


async def _stored(
    control: ControlStore, tenant: Tenant, team: str | None, priority: PriorityName, found: list[ForeignKey], pepper: bytes
) -> list[str]:
    """The ids of the new keys."""
    by, at = actor(), now()
    digests = [token_digest(pepper, key.value) if key.value else digest_of_hash(pepper, key.sha256) for key in found]
    ids: list[str] = []
    async with control.change(tenant, by) as change:
        if team is not None and await change.get(Team, team) is None:
            raise NotThere(f"there is no team `{team}` here: `tidegate teams list` shows them")
        present = await change.digests_there(digests)
        for key, digest in zip(found, digests, strict=True):
            if digest in present:
                continue
            present.add(digest)
            row = ApiKey(
                id=SystemSecrets().base62(ID_LENGTH),
                name=key.name,
                env="ext",
                digest=digest,
                owner_kind="org" if team is None else "team",
                owner_id=team or tenant.org_id,
                team_id=team,
                models=key.models,
                tags=key.tags,
                priority=priority,
                expires_at=key.expires_at,
                created_by=f"{by.kind}/{by.id}",
                created_at=at,
                updated_at=at,
            )
            await change.add(row)
            ids.append(row.id)
    return ids

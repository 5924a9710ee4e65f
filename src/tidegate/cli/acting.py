"""What users and service accounts have in common at the command line: roles, and keys for the control API. Used by `users` and
`service_accounts`."""

from pathlib import Path
from typing import Literal, TypeVar

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.asked import checked
from tidegate.cli.directory import actor, attempt, attempt_on, control_store, new_id, now, pepper_of
from tidegate.cli.named import found
from tidegate.cli.options import complain, said
from tidegate.control.api.key_fields import NewKey
from tidegate.policy.keys import ID_LENGTH, SECRET_LENGTH, format_token, token_digest
from tidegate.policy.roles import GATEWAY, flaw_of_scope, org_scope, within
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, ApiKey, RoleBinding, ServiceAccount, Tenant, User

Acting = TypeVar("Acting", User, ServiceAccount)
RoleName = Literal["owner", "admin", "key-custodian", "billing", "developer", "auditor", "viewer", "service"]


def granted(kind: type[Acting], named: str, role: RoleName, scope: str | None, org: str, home: Path | None) -> int:
    """Gives a role and prints the binding's id."""
    chosen = scope or org_scope(org)
    flaw = flaw_of_scope(chosen)
    if flaw is None and not within(chosen, org_scope(org)) and not (chosen == GATEWAY and org == DEFAULT_ORG):
        flaw = f"it is not within `{org_scope(org)}`"
    if flaw is not None:
        complain(f"error: --scope `{chosen}`: {flaw}")
        return 1

    async def work(control: ControlStore) -> str:
        by = actor()
        async with control.change(Tenant(org), by) as change:
            who = await found(change, kind, named, Tenant(org))
            row = RoleBinding(
                id=new_id("rb"),
                subject_kind=_kind(who),
                subject_id=who.id,
                role=role,
                scope=chosen,
                created_by=f"{by.kind}/{by.id}",
                created_at=now(),
            )
            await change.add(row)
        return row.id

    return said(attempt(home, work, org))


def admin_key_made(kind: type[Acting], named: str, name: str, org: str, home: Path | None) -> int:
    """Makes an admin key and prints it, once."""
    secrets = SystemSecrets()
    public = secrets.base62(ID_LENGTH)
    token = format_token("adm", public, secrets.base62(SECRET_LENGTH))

    async def work(database: Database) -> str:
        checked({"name": name, "env": "adm"}, NewKey)
        by, pepper = actor(), await pepper_of(database, home)
        async with control_store(database).change(Tenant(org), by) as change:
            who = await found(change, kind, named, Tenant(org))
            row = ApiKey(
                id=public,
                name=name,
                env="adm",
                digest=token_digest(pepper, token),
                owner_kind=_kind(who),
                owner_id=who.id,
                team_id=who.team_id if isinstance(who, ServiceAccount) else None,
                user_id=who.id if isinstance(who, User) else None,
                created_by=f"{by.kind}/{by.id}",
                created_at=now(),
                updated_at=now(),
            )
            await change.add(row)
        return token

    made = attempt_on(home, work, org)
    if made is not None:
        complain(f"Made the admin key {public}. It is not shown again:")
    return said(made)


def _kind(who: User | ServiceAccount) -> Literal["user", "service_account"]:
    return "user" if isinstance(who, User) else "service_account"

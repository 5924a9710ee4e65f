"""How an erasure begins: what somebody could do ends at once, and that the rest is to go is written down. The control API and the command
line begin one; `adapters.sql.erasing` carries it out."""

from typing import TypeVar

import msgspec

from tidegate.policy.erased import USER, mark_of
from tidegate.ports import Secrets
from tidegate.ports.control import Change
from tidegate.records import ApiKey, Conflict, Erasure, LimitRule, ListQuery, RoleBinding, Subject, TeamMember, Tenant, User

ID_LENGTH = 16

T = TypeVar("T", ApiKey, Erasure, LimitRule, RoleBinding, TeamMember)


def erasure(tenant: Tenant, subject: Subject, secret: bytes, ids: Secrets, *, by: str, now: int) -> Erasure:
    """A new one. `secret` is the one of the marks; `now` in microseconds."""
    return Erasure(
        id="erasure_" + ids.base62(ID_LENGTH),
        subject_kind=subject.kind,
        subject=subject.id,
        mark=mark_of(secret, tenant.org_id, subject.kind, subject.id),
        pseudonym="erased_" + ids.base62(ID_LENGTH),
        created_by=by,
        created_at=now,
        updated_at=now,
    )


async def begin(change: Change, row: Erasure) -> None:
    """Raises `Conflict` where this is being done already."""
    if await _all(change, Erasure, {"mark": row.mark, "subject": row.subject}):
        raise Conflict("this one is being erased already")
    scopes: dict[str, tuple[str, ...]] = {row.subject_kind: (row.subject,)}
    if row.subject_kind == USER:
        scopes["key"] = await _end(change, row)
    for kind, subjects in scopes.items():
        for limit in await _all(change, LimitRule, {"scope_kind": kind, "scope_id": subjects}) if subjects else ():
            await change.remove(limit)
    await change.add(row)


async def _end(change: Change, row: Erasure) -> tuple[str, ...]:
    """The user can do nothing any more; the ids of the keys."""
    user = await change.get(User, row.subject)
    if user is not None and user.disabled_at is None:
        await change.replace(msgspec.structs.replace(user, disabled_at=row.created_at), "user.update")
    keys = [*await _all(change, ApiKey, {"user_id": row.subject}), *await _all(change, ApiKey, {"owner_id": row.subject})]
    by_id = {key.id: key for key in keys if key.user_id == row.subject or key.owner_kind == USER}
    for key in by_id.values():
        if key.revoked_at is None:
            await change.replace(msgspec.structs.replace(key, revoked_at=row.created_at), "key.revoke")
    for binding in await _all(change, RoleBinding, {"subject_kind": USER, "subject_id": row.subject}):
        await change.remove(binding)
    for member in await _all(change, TeamMember, {"user_id": row.subject}):
        await change.remove(member)
    return tuple(by_id)


async def _all(change: Change, kind: type[T], only: dict[str, str | tuple[str, ...]]) -> list[T]:
    found: list[T] = []
    after: str | None = None
    while True:
        page = await change.page(kind, ListQuery(limit=500, after=after, only=only))
        found += page.items
        after = page.cursor
        if after is None:
            return found

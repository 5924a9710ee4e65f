"""Organisations, teams, users, service accounts and keys: what is kept, who sees it, and that every change is counted and audited."""

import asyncio
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import select
from tests.support.clock import FixedClock

from tidegate.adapters.sql.changes import Changes, generation
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.keys import touch
from tidegate.adapters.sql.schema import api_key
from tidegate.records import (
    EVERYONE,
    Actor,
    ApiKey,
    AuditEvent,
    Conflict,
    ListQuery,
    Organisation,
    Page,
    ServiceAccount,
    Team,
    TeamMember,
    Tenant,
    User,
)

ALICE = Actor(kind="user", id="user_alice", request_id="req1", address="127.0.0.1", reason="because")
OWN = Tenant()
OTHER = Tenant("org_b")
T = TypeVar("T", bound=msgspec.Struct)


class Directory:
    """A database as the control API works with it, one transaction for each step."""

    def __init__(self, database: Database) -> None:
        self.clock = FixedClock(1_780_315_200.0)
        self.changes = Changes(database, self.clock)
        self.store = SqlControlStore(self.changes)

    async def organisation(self, row: Organisation) -> None:
        async with self.store.change(OWN, ALICE) as change:
            await change.add_organisation(row)

    async def add(self, tenant: Tenant, row: T) -> T:
        now = self.changes.now()
        times = {name: now for name in ("created_at", "updated_at") if name in row.__struct_fields__}
        made = msgspec.structs.replace(row, **times)
        async with self.store.change(tenant, ALICE) as change:
            await change.add(made)
        return made

    async def get(self, tenant: Tenant, kind: type[T], *key: str) -> T | None:
        async with self.store.view(tenant) as view:
            return await view.get(kind, *key)

    async def edit(self, tenant: Tenant, row: T, action: str, **fields: Any) -> T:
        async with self.store.change(tenant, ALICE) as change:
            return await change.replace(msgspec.structs.replace(row, **fields), action)

    async def remove(self, tenant: Tenant, row: msgspec.Struct) -> None:
        async with self.store.change(tenant, ALICE) as change:
            await change.remove(row)

    async def page(self, scope: Tenant, kind: type[T], **query: Any) -> Page[T]:
        async with self.store.view(scope) as view:
            return await view.page(kind, ListQuery(**query))

    async def events(self, tenant: Tenant, **only: str) -> tuple[AuditEvent, ...]:
        return (await self.page(tenant, AuditEvent, only=only)).items


@pytest.fixture
async def directory(database: Database) -> Directory:
    """With a second organisation."""
    made = Directory(database)
    await made.organisation(Organisation(org_id=OTHER.org_id, name="other"))
    return made


async def test_a_change_is_kept_counted_and_audited(directory: Directory, database: Database) -> None:
    before = await generation(database)
    kept = await directory.add(OWN, Team(id="team_1", name="core"))
    assert kept == await directory.get(OWN, Team, "team_1")
    assert (kept.created_at, kept.revision) == (1_780_315_200_000_000, 1)
    directory.clock.at += 60
    edited = await directory.edit(OWN, kept, "team.update", name="platform")
    assert edited == await directory.get(OWN, Team, "team_1")
    assert (edited.name, edited.revision, edited.updated_at - edited.created_at) == ("platform", 2, 60_000_000)
    assert await generation(database) == before + 2
    last, first = await directory.events(OWN)
    assert (first.seq, first.action, first.subject_id, first.before, first.after) == (
        *(1, "team.create", "team_1", None),
        {"name": "core", "disabled_at": None},
    )
    assert (last.seq, last.action, last.before, last.after) == (2, "team.update", {"name": "core"}, {"name": "platform"})
    who = (last.actor_kind, last.actor_id, last.request_id, last.address, last.reason)
    assert who == ("user", "user_alice", "req1", "127.0.0.1", "because")
    assert last.generation == before + 2


async def test_what_cannot_be_changed_leaves_no_trace(directory: Directory, database: Database) -> None:
    team = await directory.add(OWN, Team(id="team_1", name="core"))
    before = await generation(database)
    with pytest.raises(Conflict, match="taken"):
        await directory.add(OWN, Team(id="team_2", name="core"))
    with pytest.raises(Conflict, match="in the meantime"):
        await directory.edit(OWN, team, "team.update", name="x", revision=7)
    with pytest.raises(ValueError, match="created_at cannot be set"):
        await directory.edit(OWN, team, "team.update", created_at=0)
    with pytest.raises(Conflict, match="not there"):
        await directory.add(OWN, ServiceAccount(id="sa_1", name="ci", team_id="team_9"))
    with pytest.raises(Conflict, match="in the meantime"):
        await directory.edit(OWN, msgspec.structs.replace(team, id="team_9"), "team.update", name="x")
    assert len(await directory.events(OWN)) == 1
    assert await generation(database) == before
    assert await directory.get(OWN, Team, "team_2") is None


async def test_a_key_that_is_used_meanwhile_is_edited_and_was_used(directory: Directory, database: Database) -> None:
    row = await directory.add(OWN, ApiKey(id="k1", name="ci", env="live", digest=b"x", created_by="user_alice"))
    await touch(database, {(OWN.org_id, "k1"): 7})
    await directory.edit(OWN, row, "key.update", name="renamed")
    found = await directory.get(OWN, ApiKey, "k1")
    assert found is not None
    assert (found.name, found.last_used_at) == ("renamed", 7)


async def test_pages_show_every_row_once(directory: Directory) -> None:
    for number in range(7):
        directory.clock.at += number % 2
        await directory.add(OWN, User(id=f"user_{6 - number}", name=f"n{number}", email=f"{number}@example.org"))
    seen: list[User] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor is not None:
        page = await directory.page(OWN, User, limit=3, after=cursor)
        seen += page.items
        cursor = page.cursor
        pages += 1
    assert pages == 3
    assert sorted(user.name for user in seen) == [f"n{number}" for number in range(7)]
    assert [(user.created_at, user.id) for user in seen] == sorted((user.created_at, user.id) for user in seen)
    assert [user.name for user in (await directory.page(OWN, User, only={"email": "3@example.org"})).items] == ["n3"]
    for bad in ("", "x", "!!!", "[1]"):
        with pytest.raises(ValueError, match="cursor"):
            await directory.page(OWN, User, after=bad)


async def test_another_tenant_reaches_nothing(directory: Directory, database: Database) -> None:
    await directory.add(OWN, Team(id="team_1", name="core"))
    user = await directory.add(OWN, User(id="user_1", name="u"))
    key = await directory.add(OWN, ApiKey(id="k1", name="key", digest=b"d1"))
    await directory.add(OTHER, Team(id="team_1", name="core"))
    assert await directory.get(OTHER, User, "user_1") is None
    assert (await directory.page(OTHER, User)).items == () == (await directory.page(OTHER, ApiKey)).items
    with pytest.raises(Conflict):
        await directory.edit(OTHER, user, "user.update", name="stolen")
    with pytest.raises(Conflict):
        await directory.edit(OTHER, key, "key.revoke", revoked_at=5)
    await touch(database, {(OTHER.org_id, "k1"): 5})
    with pytest.raises(Conflict, match="not there"):
        await directory.add(OTHER, TeamMember(team_id="team_1", user_id="user_1"))
    with pytest.raises(Conflict, match="not there"):
        await directory.add(OTHER, ApiKey(id="k2", name="key", digest=b"d2", user_id="user_1"))
    assert [event.subject_id for event in await directory.events(OTHER)] == ["team_1", "org_b"]
    assert [one.org_id for one in (await directory.page(OTHER, Organisation)).items] == ["org_b"]
    kept = await directory.get(OWN, ApiKey, "k1")
    assert kept is not None and (kept.revoked_at, kept.last_used_at) == (None, None)


async def test_members_come_and_go(directory: Directory) -> None:
    await directory.add(OWN, Team(id="team_1", name="core"))
    await directory.add(OWN, User(id="user_1", name="u"))
    member = await directory.add(OWN, TeamMember(team_id="team_1", user_id="user_1"))
    with pytest.raises(Conflict, match="one like it already"):
        await directory.add(OWN, TeamMember(team_id="team_1", user_id="user_1"))
    assert (await directory.page(OWN, TeamMember, only={"team_id": "team_1"})).items == (member,)
    await directory.remove(OWN, member)
    assert await directory.get(OWN, TeamMember, "team_1", "user_1") is None
    actions = [event.action for event in await directory.events(OWN, subject_id="team_1/user_1")]
    assert actions == ["team_member.delete", "team_member.create"]


async def test_the_digest_of_a_key_is_for_whoever_proves_it_alone(directory: Directory, database: Database) -> None:
    rules = ApiKey(
        id="k1", name="ci", digest=b"canary", models=["anthropic/*"], addresses=["10.0.0.0/8"], times=[{"days": "mon-fri"}], tags=["x"]
    )
    await directory.add(OWN, rules)
    shown = await directory.get(OWN, ApiKey, "k1")
    assert shown is not None and (shown.digest, shown.models, shown.times) == (b"", ["anthropic/*"], [{"days": "mon-fri"}])
    assert (await directory.page(OWN, ApiKey)).items == (shown,)
    async with directory.store.view(EVERYONE) as view:
        found = await view.find_key("k1")
    assert found is not None and (found[0], found[1].digest) == (OWN, b"canary")
    with pytest.raises(Conflict):
        await directory.add(OTHER, ApiKey(id="k1", name="same id elsewhere", digest=b"digest-9"))
    await directory.edit(OWN, shown, "key.revoke", revoked_at=5)
    async with database.read(EVERYONE) as connection:
        row = (await connection.execute(select(api_key))).one()
    assert [name for name, value in zip(row._fields, row, strict=True) if "canary" in str(value)] == ["digest"]
    events = await directory.events(OWN)
    assert [event.action for event in events] == ["key.revoke", "key.create"]
    assert not any("canary" in str((event.before, event.after)) for event in events)


async def test_last_use_only_grows_and_is_no_change_of_configuration(directory: Directory, database: Database) -> None:
    for id in ("k1", "k2"):
        await directory.add(OWN, ApiKey(id=id, name=id, digest=id.encode()))
    before = await generation(database)
    await touch(database, {})
    await touch(database, {(OWN.org_id, "k1"): 100, (OWN.org_id, "k2"): 200, (OWN.org_id, "gone"): 1})
    await touch(database, {(OWN.org_id, "k1"): 50, (OWN.org_id, "k2"): 300})
    assert [key.last_used_at for key in (await directory.page(OWN, ApiKey)).items] == [100, 300]
    assert await generation(database) == before


async def test_changes_at_once_leave_no_gap_in_the_audit_log(directory: Directory, database: Database) -> None:
    before = await generation(database)
    await asyncio.gather(*(directory.add(OWN, Team(id=f"team_{n}", name=f"n{n}")) for n in range(8)))
    events = await directory.events(OWN)
    assert [event.seq for event in events] == list(range(8, 0, -1))
    assert [event.generation for event in events] == list(range(before + 8, before, -1))


async def test_the_audit_log_has_pages(directory: Directory) -> None:
    for number in range(5):
        await directory.add(OWN, Team(id=f"team_{number}", name=f"n{number}"))
    page = await directory.page(OWN, AuditEvent, limit=3)
    rest = await directory.page(OWN, AuditEvent, limit=3, after=page.cursor)
    assert [event.seq for event in (*page.items, *rest.items)] == [5, 4, 3, 2, 1]
    assert rest.cursor is None


async def test_an_organisation_is_edited_like_all_else(directory: Directory) -> None:
    before = await directory.get(OTHER, Organisation)
    assert before is not None
    edited = await directory.edit(OTHER, before, "org.update", name="renamed")
    assert edited == await directory.get(OTHER, Organisation)
    with pytest.raises(Conflict):
        await directory.edit(OTHER, before, "org.update", name="again")
    with pytest.raises(Conflict):
        await directory.edit(Tenant("org_none"), before, "org.update", name="x")
    with pytest.raises(ValueError, match="id"):
        await directory.organisation(Organisation(org_id="*", name="all"))

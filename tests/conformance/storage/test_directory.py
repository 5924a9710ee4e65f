"""Organisations, teams, users, service accounts and keys: what is kept, who sees it, and that every change is counted and audited."""

import asyncio

import pytest
from sqlalchemy import select
from tests.support.clock import FixedClock

from tidegate.adapters.sql.audit import Audit
from tidegate.adapters.sql.changes import Changes, generation
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.keys import Keys
from tidegate.adapters.sql.organisations import Organisations
from tidegate.adapters.sql.schema import api_key
from tidegate.adapters.sql.service_accounts import ServiceAccounts
from tidegate.adapters.sql.teams import Teams
from tidegate.adapters.sql.users import Users
from tidegate.records import EVERYONE, Actor, ApiKey, Conflict, Organisation, ServiceAccount, Team, Tenant, User

ALICE = Actor(kind="user", id="user_alice", request_id="req1", address="127.0.0.1", reason="because")
OWN = Tenant()
OTHER = Tenant("org_b")


class Directory:
    def __init__(self, database: Database) -> None:
        self.clock = FixedClock(1_780_315_200.0)
        self.changes = Changes(database, self.clock)
        self.organisations = Organisations(self.changes)
        self.teams = Teams(self.changes)
        self.users = Users(self.changes)
        self.service_accounts = ServiceAccounts(self.changes)
        self.keys = Keys(self.changes)
        self.audit = Audit(database)


@pytest.fixture
async def directory(database: Database) -> Directory:
    """With a second organisation."""
    made = Directory(database)
    await made.organisations.insert(ALICE, Organisation(org_id=OTHER.org_id, name="other"))
    return made


async def test_a_change_is_kept_counted_and_audited(directory: Directory, database: Database) -> None:
    before = await generation(database)
    kept = await directory.teams.insert(OWN, ALICE, Team(id="team_1", name="core"))
    assert kept == await directory.teams.get(OWN, "team_1")
    assert (kept.created_at, kept.revision) == (1_780_315_200_000_000, 1)
    directory.clock.at += 60
    edited = await directory.teams.update(OWN, ALICE, "team_1", {"name": "platform"}, revision=1)
    assert edited is not None and edited == await directory.teams.get(OWN, "team_1")
    assert (edited.name, edited.revision, edited.updated_at - edited.created_at) == ("platform", 2, 60_000_000)
    assert await generation(database) == before + 2
    last, first = (await directory.audit.list(OWN)).items
    assert (first.seq, first.action, first.subject_id, first.before, first.after) == (
        *(1, "team.create", "team_1", None),
        {"name": "core", "disabled_at": None},
    )
    assert (last.seq, last.action, last.before, last.after) == (2, "team.update", {"name": "core"}, {"name": "platform"})
    who = (last.actor_kind, last.actor_id, last.request_id, last.address, last.reason)
    assert who == ("user", "user_alice", "req1", "127.0.0.1", "because")
    assert last.generation == before + 2


async def test_what_cannot_be_changed_leaves_no_trace(directory: Directory, database: Database) -> None:
    await directory.teams.insert(OWN, ALICE, Team(id="team_1", name="core"))
    before = await generation(database)
    with pytest.raises(Conflict, match="taken"):
        await directory.teams.insert(OWN, ALICE, Team(id="team_2", name="core"))
    with pytest.raises(Conflict, match="revision is 1"):
        await directory.teams.update(OWN, ALICE, "team_1", {"name": "x"}, revision=7)
    with pytest.raises(ValueError, match="created_at cannot be set"):
        await directory.teams.update(OWN, ALICE, "team_1", {"created_at": 0})
    with pytest.raises(Conflict, match="not there"):
        await directory.service_accounts.insert(OWN, ALICE, ServiceAccount(id="sa_1", name="ci", team_id="team_9"))
    assert await directory.teams.update(OWN, ALICE, "team_9", {"name": "x"}) is None
    # A look that finds nothing to change has taken a number, and nothing else was changed.
    assert len((await directory.audit.list(OWN)).items) == 1
    assert await generation(database) - before <= 1
    assert await directory.teams.get(OWN, "team_2") is None


async def test_pages_show_every_row_once(directory: Directory) -> None:
    for number in range(7):
        directory.clock.at += number % 2
        await directory.users.insert(OWN, ALICE, User(id=f"user_{6 - number}", name=f"n{number}", email=f"{number}@example.org"))
    seen: list[User] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor is not None:
        page = await directory.users.list(OWN, limit=3, cursor=cursor)
        seen += page.items
        cursor = page.cursor
        pages += 1
    assert pages == 3
    assert sorted(user.name for user in seen) == [f"n{number}" for number in range(7)]
    assert [(user.created_at, user.id) for user in seen] == sorted((user.created_at, user.id) for user in seen)
    assert [user.name for user in (await directory.users.list(OWN, only={"email": "3@example.org"})).items] == ["n3"]
    for bad in ("", "x", "!!!", "e30"):
        with pytest.raises(ValueError, match="cursor"):
            await directory.users.list(OWN, cursor=bad)
    first = (await directory.organisations.list(EVERYONE, limit=1)).cursor
    assert [one.org_id for one in (await directory.organisations.list(EVERYONE, cursor=first)).items] == ["org_b"]


async def test_another_tenant_reaches_nothing(directory: Directory) -> None:
    await directory.teams.insert(OWN, ALICE, Team(id="team_1", name="core"))
    await directory.users.insert(OWN, ALICE, User(id="user_1", name="u"))
    await directory.keys.insert(OWN, ALICE, ApiKey(id="k1", name="key", digest=b"d1"))
    await directory.teams.insert(OTHER, ALICE, Team(id="team_1", name="core"))
    assert await directory.users.get(OTHER, "user_1") is None
    assert (await directory.users.list(OTHER)).items == () == (await directory.keys.list(OTHER)).items
    assert await directory.users.update(OTHER, ALICE, "user_1", {"name": "stolen"}) is None
    assert await directory.keys.revoke(OTHER, ALICE, "k1") is None
    await directory.keys.touch(OTHER, {"k1": 5})
    with pytest.raises(Conflict, match="not there"):
        await directory.teams.add_member(OTHER, ALICE, "team_1", "user_1")
    with pytest.raises(Conflict, match="not there"):
        await directory.keys.insert(OTHER, ALICE, ApiKey(id="k2", name="key", digest=b"d2", user_id="user_1"))
    assert [event.subject_id for event in (await directory.audit.list(OTHER)).items] == ["team_1", "org_b"]
    assert [one.org_id for one in (await directory.organisations.list(OTHER)).items] == ["org_b"]
    kept = await directory.keys.get(OWN, "k1")
    assert kept is not None and (kept.revoked_at, kept.last_used_at) == (None, None)


async def test_members_come_and_go(directory: Directory) -> None:
    await directory.teams.insert(OWN, ALICE, Team(id="team_1", name="core"))
    await directory.users.insert(OWN, ALICE, User(id="user_1", name="u"))
    assert await directory.teams.add_member(OWN, ALICE, "team_1", "user_1")
    assert not await directory.teams.add_member(OWN, ALICE, "team_1", "user_1")
    assert await directory.teams.members(OWN, "team_1") == ("user_1",)
    assert await directory.teams.remove_member(OWN, ALICE, "team_1", "user_1")
    assert not await directory.teams.remove_member(OWN, ALICE, "team_1", "user_1")
    actions = [event.action for event in (await directory.audit.list(OWN, subject=("team", "team_1"))).items]
    assert actions == ["team.remove_member", "team.add_member", "team.create"]


async def test_a_key_from_its_making_to_its_end(directory: Directory) -> None:
    keys = directory.keys
    rules = ApiKey(
        id="k1", name="ci", digest=b"digest-1", models=["anthropic/*"], addresses=["10.0.0.0/8"], times=[{"days": "mon-fri"}], tags=["x"]
    )
    await keys.insert(OWN, ALICE, rules)
    shown = await keys.get(OWN, "k1")
    assert shown is not None and (shown.digest, shown.models, shown.times) == (b"", ["anthropic/*"], [{"days": "mon-fri"}])
    assert [(org, key.id, key.digest) for org, key in await keys.load(EVERYONE)] == [("default", "k1", b"digest-1")]
    with pytest.raises(Conflict):
        await keys.insert(OTHER, ALICE, ApiKey(id="k1", name="same id elsewhere", digest=b"digest-9"))
    with pytest.raises(ValueError, match="revoked_at cannot be set"):
        await keys.update(OWN, ALICE, "k1", {"revoked_at": None})
    assert (await keys.update(OWN, ALICE, "k1", {"disabled_at": 5})) is not None
    successor = ApiKey(id="k2", name="ci", digest=b"digest-2")
    rotated = await keys.rotate(OWN, ALICE, "k1", successor, overlap_until=9)
    assert rotated is not None and (rotated.rotated_from, rotated.digest) == ("k1", b"")
    with pytest.raises(Conflict, match="rotated before"):
        await keys.rotate(OWN, ALICE, "k1", ApiKey(id="k3", name="ci", digest=b"digest-3"), overlap_until=9)
    assert await keys.get(OWN, "k3") is None
    first, again = await keys.revoke(OWN, ALICE, "k1"), await keys.revoke(OWN, ALICE, "k1")
    assert first is not None and first == again and first.revoked_at == directory.changes.now()
    assert [key.id for _, key in await keys.load(OWN)] == ["k2"]
    events = (await directory.audit.list(OWN)).items
    assert [event.action for event in events] == ["key.revoke", "key.rotate", "key.create", "key.update", "key.create"]
    assert not any("digest" in str((event.before, event.after)) for event in events)


async def test_last_use_only_grows_and_is_no_change_of_configuration(directory: Directory, database: Database) -> None:
    for id in ("k1", "k2"):
        await directory.keys.insert(OWN, ALICE, ApiKey(id=id, name=id, digest=id.encode()))
    before = await generation(database)
    await directory.keys.touch(OWN, {})
    await directory.keys.touch(OWN, {"k1": 100, "k2": 200, "gone": 1})
    await directory.keys.touch(OWN, {"k1": 50, "k2": 300})
    assert [key.last_used_at for key in (await directory.keys.list(OWN)).items] == [100, 300]
    assert await generation(database) == before


async def test_changes_at_once_leave_no_gap_in_the_audit_log(directory: Directory, database: Database) -> None:
    before = await generation(database)
    await asyncio.gather(*(directory.teams.insert(OWN, ALICE, Team(id=f"team_{n}", name=f"n{n}")) for n in range(8)))
    events = (await directory.audit.list(OWN)).items
    assert [event.seq for event in events] == list(range(8, 0, -1))
    assert [event.generation for event in events] == list(range(before + 8, before, -1))


async def test_the_audit_log_has_pages(directory: Directory) -> None:
    for number in range(5):
        await directory.teams.insert(OWN, ALICE, Team(id=f"team_{number}", name=f"n{number}"))
    page = await directory.audit.list(OWN, limit=3)
    rest = await directory.audit.list(OWN, limit=3, cursor=page.cursor)
    assert [event.seq for event in (*page.items, *rest.items)] == [5, 4, 3, 2, 1]
    assert rest.cursor is None
    with pytest.raises(ValueError):
        await directory.audit.list(OWN, cursor="x")


async def test_no_digest_is_in_any_other_column(directory: Directory, database: Database) -> None:
    await directory.keys.insert(OWN, ALICE, ApiKey(id="k1", name="n", digest=b"canary"))
    async with database.read(EVERYONE) as connection:
        row = (await connection.execute(select(api_key))).one()
    assert [name for name, value in zip(row._fields, row, strict=True) if "canary" in str(value)] == ["digest"]


async def test_an_organisation_is_edited_like_all_else(directory: Directory) -> None:
    edited = await directory.organisations.update(OTHER, ALICE, {"name": "renamed"}, revision=1)
    assert edited is not None and edited == await directory.organisations.get(OTHER)
    with pytest.raises(Conflict):
        await directory.organisations.update(OTHER, ALICE, {"name": "again"}, revision=1)
    with pytest.raises(ValueError, match="org_id"):
        await directory.organisations.update(OTHER, ALICE, {"org_id": "x"})
    assert await directory.organisations.update(Tenant("org_none"), ALICE, {"name": "x"}) is None
    with pytest.raises(ValueError, match="id"):
        await directory.organisations.insert(ALICE, Organisation(org_id="*", name="all"))

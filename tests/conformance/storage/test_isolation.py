"""T-ISO-2: every statement on a tenant's table is limited to that tenant, whatever the repository; and on PostgreSQL the wall behind holds
also where a statement is not."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Delete, Insert, Select, Table, Update, event, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.sql.visitors import iterate
from tests.conformance.storage.test_directory import ALICE, OTHER, OWN, Directory
from tests.support.clock import FixedClock
from tests.support.control import KEK
from tests.support.usage import NOON, usage_event

from tidegate.adapters import sql
from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring
from tidegate.adapters.sql.columns import METADATA
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.erasing import Erasing
from tidegate.adapters.sql.kept import KeptRows
from tidegate.adapters.sql.kept_store import SqlKept
from tidegate.adapters.sql.keys import touch
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.ledger_period import LedgerPeriod
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.sql.personal_export import SqlPersonal
from tidegate.adapters.sql.schema import organisation, team
from tidegate.adapters.sql.schema_usage import TENANT_FREE, ledger
from tidegate.adapters.sql.sealed import SealedRows
from tidegate.ports.kept import Append, Drop, Kept, Listing, Put
from tidegate.records import (
    EVERYONE,
    ApiKey,
    AuditEvent,
    Credential,
    Erasure,
    ListQuery,
    Message,
    Organisation,
    Remembered,
    RoleBinding,
    ServiceAccount,
    Subject,
    Team,
    TeamMember,
    Tenant,
    User,
)
from tidegate.usage_report import UsageQuery

SEALER = EnvelopeSealer(Keyring((KEK,), lambda: (KEK,)))
TENANT_TABLES = {name for name in METADATA.tables if name not in TENANT_FREE}


def tables_of(statement: Any) -> set[str]:
    """Names of the tenants' tables that it touches."""
    return {found.name for found in iterate(statement) if isinstance(found, Table)} & TENANT_TABLES


def limited_to(statement: Any) -> set[str]:
    """Names of the tables whose `org_id` its conditions compare with a value."""
    return {
        found.left.table.name
        for part in iterate(statement)
        if (condition := getattr(part, "whereclause", None)) is not None
        for found in iterate(condition)
        if isinstance(found, BinaryExpression) and found.operator is operators.eq and getattr(found.left, "name", "") == "org_id"
    }


def unlimited(statement: Any, parameters: Any) -> set[str]:
    """Tables of tenants that the statement touches without saying whose rows."""
    if isinstance(statement, Insert):
        rows = parameters if isinstance(parameters, list | tuple) else [parameters]
        named = all(any(name.startswith("org_id") for name in row) for row in rows) and bool(rows)
        return set() if named else {statement.table.name}
    return tables_of(statement) - limited_to(statement)


class Seen:
    """What was executed: statement and parameters."""

    def __init__(self, database: Database) -> None:
        self.statements: list[tuple[Any, Any]] = []
        event.listen(database.engine, "before_execute", self._take)

    def _take(self, _connection: Connection, statement: Any, many: Any, single: Any, _options: Any) -> None:
        if isinstance(statement, Select | Insert | Update | Delete):
            self.statements.append((statement, many or [{**single, **statement.compile().params}]))

    def problems(self) -> Iterator[str]:
        for statement, parameters in self.statements:
            if tables_of(statement) | ({statement.table.name} if isinstance(statement, Insert) else set()):
                for table in unlimited(statement, parameters):
                    yield f"{table}: {statement}"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (select(team), {"team"}),
        (select(team).where(team.c.org_id == "a"), set()),
        (select(team.c.id).where(team.c.id == "a"), {"team"}),
        (select(team).join(ledger, ledger.c.team_id == team.c.id).where(team.c.org_id == "a"), {"ledger"}),
        (select(team).where(team.c.id.in_(select(ledger.c.team_id)), team.c.org_id == "a"), {"ledger"}),
        (update(team).values(name="x").where(team.c.id == "a"), {"team"}),
        (update(team).values(name="x").where(team.c.org_id == "a"), set()),
    ],
)
def test_what_counts_as_limited(statement: Any, problem: set[str]) -> None:
    assert unlimited(statement, {}) == problem


def test_an_insert_names_the_tenant() -> None:
    assert unlimited(insert(team), [{"org_id": "a"}, {"org_id": "b"}]) == set()
    assert unlimited(insert(team), [{"org_id": "a"}, {"id": "b"}]) == {"team"}


async def everything(database: Database) -> None:
    """Every function of every repository that takes a tenant."""
    made = Directory(database)
    team_1 = await made.add(OWN, Team(id="team_1", name="core"))
    await made.edit(OWN, team_1, "team.update", name="x")
    await made.add(OWN, User(id="user_1", name="u"))
    await made.add(OWN, ServiceAccount(id="sa_1", name="s", team_id="team_1"))
    await made.remove(OWN, await made.add(OWN, TeamMember(team_id="team_1", user_id="user_1")))
    for kind in (Team, User, ServiceAccount, ApiKey):
        await made.page(OWN, kind, limit=1, after='[1,"a"]', only={"name": "x"})
        await made.get(OWN, kind, "x")
    await made.add(OWN, ApiKey(id="k1", name="k", digest=b"1"))
    await touch(database, {(OWN.org_id, "k1"): 1})
    await made.organisation(Organisation(org_id="org_b", name="b"))
    await made.page(OWN, AuditEvent, after="[5]", only={"subject_kind": "team", "subject_id": "team_1"})
    await everything_of_the_control_plane(SqlControlStore(made.changes))
    kept = KeptRows(database)
    await kept.load(OWN)
    await kept.touch(OWN, {"c1": 1})
    sealed = SealedRows(database)
    await sealed.kek_ids(OWN)
    await sealed.rewrap(made.changes, OWN, ALICE, SEALER)
    await sealed.forget(made.changes, OWN, ALICE, SEALER.kek_id)
    by_id = SqlKept(database, SEALER, FixedClock(), b"p")
    kept_row = Kept(org=OWN.org_id, id="f1", key="k1", kind="file", upstream="", at=1.0, expires=None, body=b"x")
    await by_id.write(OWN, [Put(kept_row), Append(OWN.org_id, "f1", b"x", None), Drop(OWN.org_id, "f2")])
    await by_id.make(OWN, kept_row)
    await by_id.change(OWN, kept_row)
    await by_id.make(OWN, kept_row)
    await by_id.page(OWN, Listing(kinds=("file",), after="f1", states=("x",)))
    await by_id.put_part(OWN, "f1", 3, b"x")
    await by_id.parts(OWN, "f1")
    await by_id.remove_part(OWN, "f1", 3)
    await by_id.remove(OWN, "f1")
    await erased(made, database)
    async for _ in LedgerPeriod(database).entries(OWN, 0, 1 << 60):
        pass
    outbox = Outbox(database)
    await outbox.add(OWN, Message(id="out_1", topic="t", message={}, created_at=1, due_at=1))
    await outbox.later(OWN, "out_1", 2, "no", tries=1)
    await outbox.done(OWN, "out_1", 3)
    store = LedgerStore(database)
    await store.post([usage_event(1, tags=["x"]), usage_event(2, org="org_b")])
    await store.usage(OWN, UsageQuery(since=NOON, until=NOON + 9, by=("key",), bucket="hour", only={"tag": ("x",)}))


async def erased(made: Directory, database: Database) -> None:
    personal, worker = SqlPersonal(database, SEALER, b"p"), Erasing(made.changes)
    for number, subject in enumerate((Subject("user", "user_1"), Subject("end_user", "patron"))):
        after: str | None = None
        while (page := await personal.page(OWN, subject, after)).cursor is not None:
            after = page.cursor
        row = Erasure(id=f"e{number}", subject_kind=subject.kind, subject=subject.id, mark="m", pseudonym="p")
        async with SqlControlStore(made.changes).change(OWN, ALICE) as change:
            await change.note("personal_data.export", subject.kind, subject.id)
            await change.add(row)
        await worker.sweep(OWN, row)
        await worker.finish(OWN, row)


async def everything_of_the_control_plane(store: SqlControlStore) -> None:
    """All but what is asked of everyone: `find_key`, by which a caller is found before the tenant is known."""
    async with store.change(OWN, ALICE) as change:
        await change.add(User(id="user_2", name="second"))
        await change.add(Credential(id="c1", name="c", provider="p", origin="o", sealed=b"not an envelope", kek_id="old"))
        await change.add(RoleBinding(id="rb_1", subject_kind="user", subject_id="user_2", role="viewer", scope="org"))
        user = await change.get(User, "user_2")
        assert user is not None
        await change.replace(msgspec.structs.replace(user, name="renamed"), "user.update")
        binding = await change.get(RoleBinding, "rb_1")
        assert binding is not None
        await change.remove(binding)
        await change.add_organisation(Organisation(org_id="org_c", name="c"))
        answer = Remembered(owner="key", key="k", fingerprint=b"f", status=201, answer=b"{}", created_at=1, expires_at=9)
        await change.remember(answer)
    async with store.view(OWN) as view:
        assert await view.remembered("key", "k", 5) is not None
        await view.page(Team, ListQuery(limit=1, only={"name": "x"}))
        await view.page(AuditEvent, ListQuery(limit=1))
        assert await view.sealed("c1") is not None
        assert await view.digests_there([b"1"]) == {b"1"}
        assert await view.get(Organisation) is not None
    await store.touch(OWN, "k1", 7)


async def test_every_statement_is_limited_to_its_tenant(database: Database) -> None:
    seen = Seen(database)
    await everything(database)
    assert list(seen.problems()) == []
    touched = {name for statement, _ in seen.statements for name in tables_of(statement)}
    touched |= {statement.table.name for statement, _ in seen.statements if isinstance(statement, Insert)}
    people = {"organisation", "team", "user_account", "team_member", "service_account", "api_key", "audit_event"}
    # What is posted is text (`test_posting` looks at it): every row of it names its tenant.
    assert touched >= people | {"role_binding", "idempotency_record", "rollup_hour", "kept_object", "kept_part"}


def test_the_audit_calls_every_function_that_takes_a_tenant() -> None:
    """A new repository function must be added to `everything`."""
    folder = Path(sql.__file__ or "").parent
    public: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                names = {argument.arg for argument in node.args.args}
                public |= {node.name} if names & {"tenant", "scope"} and "connection" not in names else set()
    source = ast.parse(Path(__file__).read_text())
    bodies = [node for node in source.body if isinstance(node, ast.AsyncFunctionDef) and node.name in ("everything", "erased")]
    called = {node.attr for body in bodies for node in ast.walk(body) if isinstance(node, ast.Attribute)}
    # Where the transactions of all of them come from, and what every change calls.
    assert public - called <= {"read", "write", "begin", "view", "change", "audit"}


def _imported(path: Path) -> set[str]:
    return {name.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) for name in node.names}


def test_all_organisations_are_seen_by_few() -> None:
    """Only these read or write across tenants; whoever joins them says why here."""
    folder = Path(sql.__file__ or "").parent
    users = {path.name for path in folder.glob("*.py") if "EVERYONE" in _imported(path)}
    assert users <= {
        "changes.py",  # the generation belongs to nobody
        "migrate.py",  # the schema too
        "fresh.py",
        "now.py",  # the clock is nobody's
        "version.py",
        "control_store.py",  # the operator makes organisations
        "limits_windows.py",  # a process takes of several tenants' limits at once; every statement names whose
        "limits_parts.py",  # a process looks at its parts of all limits at once; their keys are counters, with nothing of a tenant beside
        "limits_post.py",  # a batch of usage is of several tenants: which of them have windows, and which of their keys replaced others
        "limit_rules.py",  # a gateway serves all of them
        "limits_past.py",  # what all used of a limit that all share
        "keys.py",  # whoever checks a key knows nothing but the key; the uses of all are noted at once, each of its organisation
        "kept.py",  # and what the database defines for all of them
        "directory.py",  # the gateway serves the keys of all of them
        "kept_store.py",  # a gateway runs the batches of all of them
        "erasing.py",  # every gateway carries out those of all of them
        "outbox.py",  # one loop sends the messages of all of them
        "metering.py",  # the operator's payment provider is told of all customers
        "unlinked.py",
        "limits_passed.py",  # whoever looks tells of the budgets of all
        "ledger_period.py",  # a price was wrong for all of them
        "installation.py",  # whether there are any keys
        "backup.py",  # the operator's, of everything
        "restore.py",
        "retention.py",  # what is too old goes, whosever it is
    }


@pytest.fixture
async def walled(postgres_database: Database) -> Database:
    """PostgreSQL with rows of two tenants. SQLite has no such wall: the audit of statements is its own."""
    made = Directory(postgres_database)
    await made.organisation(Organisation(org_id=OTHER.org_id, name="other"))
    await everything_of(made, OWN)
    await everything_of(made, OTHER)
    await LedgerStore(postgres_database).post([usage_event(1), usage_event(2, org=OTHER.org_id)])
    return postgres_database


async def everything_of(made: Directory, tenant: Tenant) -> None:
    await made.add(tenant, Team(id="team_1", name="core"))
    await made.add(tenant, User(id="user_1", name="u"))
    await made.add(tenant, ApiKey(id=f"k_{tenant.org_id}", name="k", digest=tenant.org_id.encode()))


async def test_without_a_tenant_there_are_no_rows(walled: Database) -> None:
    async with walled.connect() as connection, connection.begin():
        for name in sorted(TENANT_TABLES):
            assert (await connection.execute(select(METADATA.tables[name]))).all() == [], name


async def test_a_statement_that_forgets_the_tenant_meets_the_wall(walled: Database) -> None:
    async with walled.read(OTHER) as connection:
        for name in sorted(TENANT_TABLES):
            table = METADATA.tables[name]
            assert set((await connection.execute(select(table.c.org_id))).scalars()) <= {OTHER.org_id}, name
        assert (await connection.execute(select(organisation.c.org_id))).scalars().all() == [OTHER.org_id]
    async with walled.write(OTHER) as connection:
        assert (await connection.execute(update(team).values(name="taken over"))).rowcount == 1
    with pytest.raises(DBAPIError, match="row-level security"):
        async with walled.write(OTHER) as connection:
            row = {"org_id": OWN.org_id, "id": "team_9", "name": "x", "created_at": 0, "updated_at": 0, "revision": 1}
            await connection.execute(insert(team).values(row))
    async with walled.read(EVERYONE) as connection:
        names = (await connection.execute(select(team.c.org_id, team.c.name).order_by(team.c.org_id))).all()
    assert [tuple(row) for row in names] == [("default", "core"), ("org_b", "taken over")]


async def test_the_tenant_does_not_outlive_its_transaction(walled: Database) -> None:
    for _ in range(3):
        async with walled.read(OWN) as connection:
            assert (await connection.execute(select(team.c.org_id))).scalars().all() == [OWN.org_id]
        async with walled.connect() as connection, connection.begin():
            assert (await connection.execute(select(team))).all() == []

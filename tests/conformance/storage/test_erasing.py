"""Somebody's data is given out and erased: afterwards no column of any table, and no byte of SQLite's files, has what told who they were,
and every sum of money is what it was."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, insert, select
from tests.support.control import ACTOR, PEPPER, SEALER, START, World, world
from tests.support.usage import usage_event

from tidegate.adapters.sql.columns import METADATA
from tidegate.adapters.sql.directory import SqlDirectories
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.erasing import WAIT, Erasing
from tidegate.adapters.sql.kept_store import SqlKept
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.sql.schema import limit_lease, limit_window
from tidegate.adapters.sql.schema_usage import MEASURES, WRITTEN, ledger
from tidegate.control.directory import listed
from tidegate.ports.kept import Append, Kept, Put
from tidegate.records import EVERYONE, ApiKey, Erasure, Message, Tenant, User

A = Tenant("a")
PATRON = "patron 7/ü"
GRACE, MAIL = "Grace Brewster Hopper", "grace@navy.example"


@pytest.fixture
async def api(database: Database) -> AsyncGenerator[World]:
    async with world(database) as made:
        yield made


async def ask(api: World, method: str, path: str, body: Any = None, **more: Any) -> Any:
    answer = await api.ask(method, "/orgs/a" + path, api.operator, body, **more)
    assert answer.status < 300, answer.body
    return answer.json


class Somebody(msgspec.Struct):
    """A user with everything that can name one. `tells` are the texts by which somebody else would know who it was."""

    id: str
    token: str
    keys: list[str]

    @property
    def tells(self) -> list[str]:
        return [self.id, *self.keys, GRACE, MAIL, "Grace's laptop", "compiler of Grace", "10.44.0.7", "sentence of Grace"]


async def somebody(api: World) -> Somebody:
    """Made and used by the API as people do."""
    once = {"idempotency-key": "grace-1"}
    made = (await ask(api, "POST", "/users", {"name": GRACE, "email": MAIL}, headers=once))["id"]
    await ask(api, "POST", "/teams/x/members", {"user_id": made})
    await ask(api, "POST", "/role-bindings", {"subject_kind": "user", "subject_id": made, "role": "admin"})
    token = (await ask(api, "POST", "/keys", {"name": "Grace's laptop", "env": "adm", "owner_kind": "user", "owner_id": made}))["token"]
    named = {"name": "Grace's laptop", "purpose": "compiler of Grace", "addresses": ["10.44.0.7/32"], "owner_kind": "user"}
    live = (await ask(api, "POST", "/keys", {**named, "owner_id": made}))["id"]
    await ask(api, "POST", "/limits", {"name": "hers", "scope": "user", "scope_id": made, "measure": "tokens", "per": "day", "amount": 9})
    await ask(api, "POST", "/budgets", {"name": "k", "scope": "key", "scope_id": live, "per": "day", "amount": 9})
    await ask(api, "POST", "/customers", {"name": "x", "kind": "team", "subject": "x", "email": MAIL})
    answer = await api.ask("POST", "/orgs/a/keys", token, {"name": "of the team", "owner_kind": "team", "owner_id": "x"}, peer="10.44.0.7")
    assert answer.status == 201, answer.body
    kept = SqlKept(api.database, SEALER, api.clock, PEPPER)
    row = Kept(org="a", id="resp_g", key=live, kind="response", upstream="", at=START, expires=None, body=b'{"said":"sentence of Grace"}')
    await kept.write(A, [Put(row), Append("a", "resp_g", b"sentence of Grace", None)])
    return Somebody(made, token, [live, token[8:20]])


async def used(api: World, user: str, key: str, end_user: str = "") -> None:
    more = {"org": "a", "team": "x", "route": "smart", "tags": ["blue"]}
    mine = [usage_event(n, at=START - 900 + n, user=user, key=key, key_name="Grace's laptop", end_user=end_user, **more) for n in range(7)]
    others = [usage_event(100 + n, at=START - 900 + n, user="user_of_another", key="otherkey", end_user="patron", **more) for n in range(5)]
    assert await LedgerStore(api.database).post([*mine, *others]) == 12


async def sums(database: Database) -> list[Any]:
    """All money and tokens, by table."""
    async with database.read(EVERYONE) as connection:
        of_rollups = [
            tuple((await connection.execute(select(*(func.sum(table.c[name]) for name in MEASURES)))).one()) for _, table in WRITTEN
        ]
        columns = (func.count(), func.sum(ledger.c.cost_nano), func.sum(ledger.c.input_tokens), func.sum(ledger.c.output_tokens))
        return [*of_rollups, tuple((await connection.execute(select(*columns))).one())]


async def everything(database: Database) -> str:
    """Every column of every table, and what is sealed opened as far as a test must look."""
    async with database.read(EVERYONE) as connection:
        texts = [repr(row) for table in METADATA.sorted_tables for row in (await connection.execute(select(table))).all()]
    return "\n".join(texts)


async def carried_out(api: World) -> Erasure:
    """As the gateway's loop does it: swept at once, finished after the wait."""
    worker = Erasing(api.services.store._changes)  # pyright: ignore # the store's own, on the same clock
    ((org, row),) = await worker.rows()
    await worker.sweep(Tenant(org), row)
    await worker.sweep(Tenant(org), row)
    api.clock.seconds += WAIT / 1_000_000
    await worker.finish(Tenant(org), row)
    await worker.finish(Tenant(org), row)
    ((_, row),) = await worker.rows()
    return row


def in_files(database: Database, told: str) -> list[str]:
    """SQLite's files that have a text."""
    file = database.engine.url.database
    if not database.is_sqlite or file is None:
        return []
    return [path.name for path in Path(file).parent.glob(Path(file).name + "*") if told.encode() in path.read_bytes()]


async def test_nothing_tells_of_an_erased_user(api: World) -> None:
    grace = await somebody(api)
    await used(api, grace.id, grace.keys[0])
    before, text = await sums(api.database), await everything(api.database)
    assert [told for told in grace.tells if told not in text and told != "sentence of Grace"] == []
    erasure = await ask(api, "POST", "/erasures", {"kind": "user", "id": grace.id})
    assert (erasure["state"], erasure["subject"]) == ("running", grace.id)
    assert (await api.ask("GET", "/me", grace.token)).status == 401
    row = await carried_out(api)
    text = await everything(api.database)
    assert [line for told in grace.tells for line in text.splitlines() if told in line] == []
    assert [(told, found) for told in grace.tells if (found := in_files(api.database, told))] == []
    assert await sums(api.database) == before
    assert row.subject == ""
    assert row.counts["ledger"] == 7
    assert row.counts["rollup_day"] == 2  # with its tag and without
    assert row.counts["kept_object"] == 1
    async with api.database.read(A) as connection:
        told = (await connection.execute(select(ledger.c.user_id, ledger.c.key_id, ledger.c.key_name).distinct())).all()
    assert {tuple(one) for one in told} == {(row.pseudonym, row.pseudonym, ""), ("user_of_another", "otherkey", "laptop")}
    shown = await ask(api, "GET", f"/erasures/{erasure['id']}")
    assert (shown["state"], shown["subject"]) == ("finished", None)
    assert (await api.ask("GET", f"/orgs/a/users/{grace.id}", api.operator)).status == 404
    events = (await ask(api, "GET", "/audit-events", query={"limit": 500}))["items"]
    assert [event["seq"] for event in events] == list(range(len(events), 0, -1))


async def by_user(api: World, window: dict[str, str]) -> dict[str, Any]:
    rows = (await ask(api, "GET", "/usage", query=window))["rows"]
    return {row["group"]["user"]: row["figures"] for row in rows}


async def test_usage_is_told_under_the_pseudonym(api: World) -> None:
    grace = await somebody(api)
    await used(api, grace.id, grace.keys[0])
    window = {"since": "2027-01-15T00:00:00Z", "until": "2027-01-16T00:00:00Z", "by": "user"}
    before = await by_user(api, window)
    await ask(api, "POST", "/erasures", {"kind": "user", "id": grace.id})
    row = await carried_out(api)
    after = await by_user(api, window)
    assert before[grace.id] == after[row.pseudonym]
    assert grace.id not in after
    assert after["user_of_another"] == before["user_of_another"]


async def test_nothing_tells_of_an_erased_end_user_and_others_of_the_name_stay(api: World) -> None:
    await used(api, "", "somekey", PATRON)
    await ask(api, "POST", "/customers", {"name": f"the {PATRON}", "kind": "end_user", "subject": PATRON, "email": "p@patrons.example"})
    limit = {"name": f"for {PATRON}", "scope": "end_user", "scope_id": PATRON, "measure": "tokens", "per": "day", "amount": 9}
    await ask(api, "POST", "/limits", limit, headers={"idempotency-key": "patron"})
    await ask(api, "POST", "/plans", {"name": "patron"})
    kept = SqlKept(api.database, SEALER, api.clock, PEPPER)
    row = Kept(org="a", id="resp_p", key="somekey", kind="response", upstream="", at=START, expires=None, end_user=PATRON)
    await kept.write(A, [Put(row), Put(msgspec.structs.replace(row, id="resp_q", end_user="patron"))])
    await kept.write(A, [Put(msgspec.structs.replace(row, id="conv_p", kind="conversation", end_user=""))])
    await kept.write(A, [Append("a", "conv_p", b"[]", None, PATRON), Append("a", "conv_p", b"[]", None, "patron")])
    alert = {"to": "w", "data": {"scope": {"kind": "end_user", "id": f"a/{PATRON}"}}}
    await Outbox(api.database).add(A, Message(id="alert_1", topic="t", message=alert, created_at=1, due_at=1))
    key = {"org_id": "a", "key": f"lim|a/{PATRON}", "starts_at": 1}
    async with api.database.write(A) as connection:
        await connection.execute(insert(limit_window).values(**key, scope=f"end_user:a/{PATRON}", measure="tokens", used=1, held=0))
        await connection.execute(insert(limit_lease).values(**key, owner="o", granted=1, posted=0))
    before = await sums(api.database)
    await ask(api, "POST", "/personal-data", {"kind": "end_user", "id": PATRON})
    await ask(api, "POST", "/erasures", {"kind": "end_user", "id": PATRON})
    again = await api.ask("POST", "/orgs/a/erasures", api.operator, {"kind": "end_user", "id": PATRON})
    assert again.status == 409
    row = await carried_out(api)
    text = await everything(api.database)
    assert PATRON not in text
    assert "p@patrons.example" not in text
    assert in_files(api.database, PATRON) == []
    assert await sums(api.database) == before
    assert {"ledger": row.counts["ledger"], "kept_object": row.counts["kept_object"]} == {"ledger": 7, "kept_object": 2}
    assert [plan["name"] for plan in (await ask(api, "GET", "/plans"))["items"]] == ["patron"]
    assert (await kept.get(A, "resp_q")) is not None
    customers = (await ask(api, "GET", "/customers"))["items"]
    assert [(one["subject"], one["name"], one["email"]) for one in customers] == [(row.pseudonym, "", "")]


async def exported(api: World, kind: str, id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = (await ask(api, "POST", "/personal-data", {"kind": kind, "id": id}))["next"]
    while cursor is not None:
        page = await ask(api, "GET", "/personal-data", query={"cursor": cursor})
        found += page["items"]
        cursor = page["next"]
    return found


async def test_an_export_has_everything_that_names_them_and_no_secret(api: World) -> None:
    grace = await somebody(api)
    await used(api, grace.id, grace.keys[0], PATRON)
    found = await exported(api, "user", grace.id)
    kinds = {row["kind"] for row in found}
    assert kinds >= {
        "user_account",
        "team_member",
        "role_binding",
        "api_key",
        "limit_rule",
        "ledger",
        "audit_event",
        "kept_object",
        "kept_part",
    }
    text = msgspec.json.encode(found).decode()
    assert [told for told in grace.tells if told not in text] == []
    assert "digest" not in text
    assert "sealed" not in text
    assert [row["data"]["content"] for row in found if row["kind"] == "kept_part"] == ["sentence of Grace"]
    assert len([row for row in found if row["kind"] == "ledger"]) == 7
    theirs = await exported(api, "end_user", PATRON)
    assert {row["data"]["end_user"] for row in theirs if row["kind"] == "ledger"} == {PATRON}
    events = (await ask(api, "GET", "/audit-events", query={"action": "personal_data.export"}))["items"]
    assert [(event["subject_kind"], event["subject_id"]) for event in events] == [("end_user", PATRON), ("user", grace.id)]


async def test_who_holds_less_neither_exports_nor_erases(api: World) -> None:
    grace = await somebody(api)
    owner = await api.user("a")
    await api.bind("a", owner, "owner", "org/a")
    for path in ("/personal-data", "/erasures"):
        for subject, status in ((owner, 403), ("user_of_nobody", 404)):
            answer = await api.ask("POST", "/orgs/a" + path, grace.token, {"kind": "user", "id": subject})
            assert answer.status == status, answer.body
    foreign = (await ask(api, "POST", "/personal-data", {"kind": "user", "id": owner}))["next"]
    assert (await api.ask("GET", "/orgs/b/personal-data", api.operator, query={"cursor": foreign})).status == 400
    last = await api.ask("POST", "/orgs/a/erasures", api.operator, {"kind": "user", "id": owner})
    assert last.kind == "last-owner"


async def test_a_replica_that_was_behind_learns_that_the_keys_have_ended(api: World) -> None:
    grace = await somebody(api)
    changes = api.services.store._changes  # pyright: ignore # the store's own
    directories = SqlDirectories(changes, listed)
    behind = (await directories.whole()).generation
    await ask(api, "POST", "/erasures", {"kind": "user", "id": grace.id})
    told = await directories.since(behind)
    assert told is not None
    assert told.keys[grace.keys[0]] is not None
    await carried_out(api)
    late = await directories.since(behind)
    assert late is not None
    assert late.whole
    assert grace.keys[0] not in late.keys


async def test_what_another_tenant_has_of_the_same_names_stays(api: World) -> None:
    async with api.store.change(Tenant("b"), ACTOR) as change:
        await change.add(User(id="user_same", name=GRACE, email=MAIL))
        await change.add(ApiKey(id="k_of_b", name="k", digest=b"1", owner_kind="user", owner_id="user_same", user_id="user_same"))
    await LedgerStore(api.database).post([usage_event(900, org="b", user="user_same", end_user=PATRON, at=START)])
    grace = await somebody(api)
    await used(api, grace.id, grace.keys[0], PATRON)
    await ask(api, "POST", "/erasures", {"kind": "user", "id": grace.id})
    await carried_out(api)
    async with api.database.read(Tenant("b")) as connection:
        of_b = select(ledger.c.user_id, ledger.c.end_user).where(ledger.c.org_id == "b")
        assert tuple((await connection.execute(of_b)).one()) == ("user_same", PATRON)
    answer = await api.ask("GET", "/orgs/b/users/user_same", api.operator)
    assert answer.json["email"] == MAIL

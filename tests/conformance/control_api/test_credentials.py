"""Provider credentials over the control API: written, never read; and what may be asked by whom that the matrix does not tell."""

import msgspec
import pytest
from sqlalchemy import select
from tests.support.control import World

from tidegate.adapters.sql.kept import KeptRows
from tidegate.adapters.sql.schema import audit_event, credential, idempotency_record
from tidegate.records import EVERYONE, Credential, Tenant

CANARY = "sk-ant-canary-9876543210"
NEW = {"name": "main", "provider": "anthropic", "secret": CANARY}
PATH = "/orgs/a/credentials"


async def created(api: World, token: str, **fields: object) -> dict[str, object]:
    answer = await api.ask("POST", PATH, token, {**NEW, **fields})
    assert answer.status == 201, answer.body
    return answer.json


async def stored(api: World, id: object) -> tuple[str, Credential]:
    kept = await KeptRows(api.database).load(EVERYONE)
    return next((org, row) for org, row in kept.credentials if row.id == id)


async def test_a_secret_goes_in_and_never_comes_out(each: World) -> None:
    custodian = await each.admin("a", "key-custodian")
    seen: list[bytes] = []
    made = await each.ask("POST", PATH, custodian, NEW, headers={"idempotency-key": "once"})
    again = await each.ask("POST", PATH, custodian, NEW, headers={"idempotency-key": "once"})
    assert (made.status, again.status, again.json) == (201, 201, made.json)
    id = made.json["id"]
    assert {name: made.json[name] for name in ("origin", "last4", "version", "shared", "weight")} == {
        "origin": "https://api.anthropic.com",
        "last4": "3210",
        "version": 1,
        "shared": False,
        "weight": 1,
    }
    for method, path, body in (
        ("GET", PATH, None),
        ("GET", f"{PATH}/{id}", None),
        ("PATCH", f"{PATH}/{id}", {"name": "other", "weight": 3, "limits": {"requests_per_minute": 5}}),
        ("POST", f"{PATH}/{id}/rotate", {"secret": CANARY[::-1]}),
        ("POST", f"{PATH}/{id}/disable", None),
        ("POST", f"{PATH}/{id}/enable", None),
        ("GET", "/orgs/a/audit-events", each.operator),
    ):
        token = each.operator if "audit" in path else custodian
        answer = await each.ask(method, path, token, None if "audit" in path else body, headers={"if-match": "*"})
        assert answer.status == 200, answer.body
        seen.append(answer.body)
    org, row = await stored(each, id)
    assert (row.version, row.weight, row.limits, row.last4) == (2, 3, {"requests_per_minute": 5}, "a-ks")
    vault = each.services.vault()
    assert vault is not None
    assert vault.open(org, row).reveal() == CANARY[::-1]
    for text in (CANARY, CANARY[::-1]):
        assert not any(text.encode() in body or text[6:16].encode() in body for body in seen)
    async with each.database.read(EVERYONE) as connection:
        tables = (credential, audit_event, idempotency_record)
        rows = [repr(tuple(found)) for table in tables for found in await connection.execute(select(table))]
    assert rows
    assert not any(CANARY in text or CANARY[::-1] in text for text in rows)
    assert (await each.ask("DELETE", f"{PATH}/{id}", custodian)).status == 204
    assert (await each.ask("GET", f"{PATH}/{id}", custodian)).status == 404


async def test_who_administers_the_tenant_does_not_touch_its_secrets(api: World) -> None:
    admin = await api.admin("a", "admin")
    id = (await created(api, await api.admin("a", "key-custodian")))["id"]
    assert (await api.ask("GET", f"{PATH}/{id}", admin)).status == 200
    for method, path, body in (("POST", PATH, NEW), ("POST", f"{PATH}/{id}/rotate", {"secret": CANARY}), ("DELETE", f"{PATH}/{id}", None)):
        assert (await api.ask(method, path, admin, body)).status == 403


async def test_only_the_operator_shares(api: World) -> None:
    owner = await api.admin("a", "owner")
    assert (await api.ask("POST", PATH, owner, {**NEW, "shared": True})).status == 403
    assert (await api.ask("POST", PATH, api.operator, {**NEW, "shared": True})).status == 400
    shared = await api.ask("POST", "/orgs/default/credentials", api.operator, {**NEW, "shared": True})
    assert (shared.status, shared.json["shared"]) == (201, True)
    path = f"/orgs/default/credentials/{shared.json['id']}"
    custodian = await api.admin("default", "key-custodian")
    assert (await api.ask("GET", path, custodian)).status == 200
    for method, rest, body in (("POST", "/rotate", {"secret": CANARY}), ("POST", "/disable", None), ("DELETE", "", None)):
        assert (await api.ask(method, path + rest, custodian, body)).status == 404
    assert (await api.ask("POST", path + "/disable", api.operator)).status == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"origin": "https://attacker.example"}, "origin"),
        ({"secret": "short"}, "secret"),
        ({"secret": "has a\nline end"}, "secret"),
        ({"weight": 0}, "weight"),
        ({"limits": {"requests_per_year": 1}}, "limits.requests_per_year"),
        ({"base_url": "https://attacker.example"}, "base_url"),
        ({"sealed": "AAAA"}, "sealed"),
    ],
)
async def test_what_is_refused(api: World, fields: dict[str, object], field: str) -> None:
    answer = await api.ask("POST", PATH, await api.admin("a", "key-custodian"), {**NEW, **fields})
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, [field])
    assert CANARY.encode() not in answer.body


async def test_the_provider_moved_so_the_secret_is_given_again(api: World) -> None:
    custodian = await api.admin("a", "key-custodian")
    id = (await created(api, custodian))["id"]
    api.services = msgspec.structs.replace(api.services, origin_of={"anthropic": "https://eu.anthropic.com"}.get)
    org, before = await stored(api, id)
    assert before.origin == "https://api.anthropic.com"
    moved = await api.rebuilt().ask("POST", f"{PATH}/{id}/rotate", custodian, {"secret": CANARY})
    assert moved.json["origin"] == "https://eu.anthropic.com"
    _, after = await stored(api, id)
    vault = api.services.vault()
    assert vault is not None
    assert vault.open(org, after).reveal() == CANARY


async def test_without_a_key_nothing_is_kept(api: World) -> None:
    api.services = msgspec.structs.replace(api.services, vault=lambda: None)
    answer = await api.rebuilt().ask("POST", PATH, await api.admin("a", "key-custodian"), NEW)
    assert (answer.status, answer.kind) == (503, "no-vault")


async def test_when_it_was_last_used(api: World) -> None:
    custodian = await api.admin("a", "key-custodian")
    id = str((await created(api, custodian))["id"])
    await KeptRows(api.database).touch(Tenant("a"), {id: 1_800_000_000_000_000})
    await KeptRows(api.database).touch(Tenant("a"), {id: 1_700_000_000_000_000})
    assert (await api.ask("GET", f"{PATH}/{id}", custodian)).json["last_used_at"] == "2027-01-15T08:00:00Z"

"""A day of an operator and of a tenant's admin, on both databases: everything that is made is there, and the audit log says who made it."""

from typing import Any

from tests.conformance.control_api.requests import SAMPLES
from tests.support.control import World

from tidegate.control.api.routes import ROUTES


async def made(api: World, token: str, path: str, body: Any) -> dict[str, Any]:
    answer = await api.ask("POST", path, token, body)
    assert answer.status == 201, answer.body
    return answer.json


async def test_keys_are_listed_by_what_they_are_now_page_by_page(each: World) -> None:
    at = each.services.now()
    facts: dict[str, list[dict[str, int]]] = {
        "active": [{}, {"expires_at": at + 1}, {"overlap_until": at + 1}],
        "expired": [{"expires_at": at}, {"expires_at": at - 1, "overlap_until": at + 1}],
        "replaced": [{"overlap_until": at}, {"expires_at": at - 1, "overlap_until": at - 2}],
        "disabled": [{"disabled_at": at - 5}, {"disabled_at": at - 5, "expires_at": at - 1}],
        "revoked": [{"revoked_at": at - 5}, {"revoked_at": at - 5, "disabled_at": at - 5, "expires_at": at - 1, "overlap_until": at}],
    }
    wanted = {state: {(await each.key("a", None, env="live", **fields))[0].id for fields in rows} for state, rows in facts.items()}
    for state, ids in wanted.items():
        found: list[str] = []
        query = {"state": state, "env": "live", "limit": "1"}
        while True:
            page = (await each.ask("GET", "/orgs/a/keys", each.operator, query=query)).json
            assert {item["state"] for item in page["items"]} == {state}
            found += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert len(found) == len(ids) and set(found) == ids
    first = (await each.ask("GET", "/orgs/a/keys", each.operator, query={"state": "active", "limit": "1"})).json["next"]
    other = await each.ask("GET", "/orgs/a/keys", each.operator, query={"state": "revoked", "cursor": first})
    assert (other.status, other.json["errors"][0]["field"]) == (400, "cursor")
    assert (await each.ask("GET", "/orgs/a/keys", each.operator, query={"state": "asleep"})).status == 400


async def test_from_the_first_key_to_a_team_with_keys(each: World) -> None:
    api, operator = each, each.operator
    me = (await api.ask("GET", "/me", operator)).json
    assert (me["org_id"], me["kind"], [held["scope"] for held in me["held"]]) == ("default", "user", ["gateway"])

    await made(api, operator, "/orgs", {"id": "acme", "name": "Acme"})
    person = await made(api, operator, "/orgs/acme/users", {"name": "Ada", "email": "ada@example.com"})
    await made(api, operator, "/orgs/acme/role-bindings", {"subject_kind": "user", "subject_id": person["id"], "role": "owner"})
    first = await made(
        api,
        operator,
        "/orgs/acme/keys",
        {"name": "Ada's", "env": "adm", "owner_kind": "user", "owner_id": person["id"], "expires_at": None},
    )
    owner = first["token"]
    assert owner.startswith("tgk_adm_" + first["id"])

    team = await made(api, owner, "/orgs/acme/teams", {"name": "Search"})
    await made(api, owner, f"/orgs/acme/teams/{team['id']}/members", {"user_id": person["id"]})
    account = await made(api, owner, "/orgs/acme/service-accounts", {"name": "indexer", "team_id": team["id"]})
    hours = {"days": ["mon"], "from": "08:00", "to": "18:00", "time_zone": "Europe/Berlin"}
    fields = {
        "models": ["claude-*"],
        "routes": ["smart"],
        "addresses": ["10.0.0.0/8"],
        "times": [hours],
        "tags": ["night"],
        "priority": "background",
    }
    sent = {"name": "index", "env": "svc", "owner_kind": "service_account", "owner_id": account["id"], "purpose": "to index", **fields}
    key = await made(api, owner, "/orgs/acme/keys", sent)
    assert {name: key[name] for name in (*fields, "team_id", "owner_id", "purpose")} == {
        **fields,
        "team_id": team["id"],
        "owner_id": account["id"],
        "purpose": "to index",
    }
    assert key["expires_at"] == "2027-04-15T08:00:00Z"

    shown = (await api.ask("GET", f"/orgs/acme/keys/{key['id']}", owner)).json
    assert shown == {name: value for name, value in key.items() if name not in ("token", "aws_secret_access_key")}
    listed = (await api.ask("GET", "/orgs/acme/keys", owner, query={"team_id": team["id"]})).json
    assert [item["id"] for item in listed["items"]] == [key["id"]]

    edited = await api.ask(
        "PATCH", f"/orgs/acme/keys/{key['id']}", owner, {"models": ["claude-haiku"], "expires_at": None}, headers={"if-match": '"1"'}
    )
    assert (edited.status, edited.headers["etag"], edited.json["models"], edited.json["expires_at"]) == (200, '"2"', ["claude-haiku"], None)

    rotated = await made(api, owner, f"/orgs/acme/keys/{key['id']}/rotate", {"overlap_seconds": 60})
    assert rotated["rotated_from"] == key["id"]
    assert rotated["token"] not in (key["token"], None)
    assert (await api.ask("GET", f"/orgs/acme/keys/{key['id']}", owner)).json["overlap_until"] == "2027-01-15T08:01:00Z"
    assert (await api.ask("POST", f"/orgs/acme/keys/{rotated['id']}/disable", owner)).json["state"] == "disabled"
    assert (await api.ask("POST", f"/orgs/acme/keys/{rotated['id']}/enable", owner)).json["state"] == "active"
    assert (await api.ask("POST", f"/orgs/acme/keys/{rotated['id']}/revoke", owner)).json["state"] == "revoked"
    again = await api.ask("POST", f"/orgs/acme/keys/{rotated['id']}/revoke", owner)
    assert again.json["revoked_at"] == "2027-01-15T08:00:00Z"

    assert (await api.ask("DELETE", f"/orgs/acme/teams/{team['id']}/members/{person['id']}", owner)).status == 204
    assert (await api.ask("GET", f"/orgs/acme/teams/{team['id']}/members", owner)).json["items"] == []

    events = (await api.ask("GET", "/orgs/acme/audit-events", owner)).json["items"]
    assert [event["seq"] for event in events] == list(range(len(events), 0, -1))
    assert [event["action"] for event in reversed(events)][:6] == [
        "org.create",
        "user.create",
        "role_binding.create",
        "key.create",
        "team.create",
        "team_member.create",
    ]
    edit = next(event for event in events if event["action"] == "key.update")
    assert (edit["actor_id"], edit["address"], edit["before"]["models"], edit["after"]["models"]) == (
        person["id"],
        "127.0.0.1",
        ["claude-*"],
        ["claude-haiku"],
    )
    for token in (owner, key["token"], rotated["token"]):
        assert token[-49:-6] not in str(events)

    usage = await api.ask("GET", "/orgs/acme/usage", owner, query={"by": ["team", "model"], "bucket": "day"})
    assert usage.status == 200
    assert usage.json["total"]["requests"] == 0


async def test_last_use_is_noted_once_a_minute(each: World) -> None:
    api = each
    key_id = (await api.ask("GET", "/me", api.operator)).json["key_id"]

    async def last_use() -> str:
        return (await api.ask("GET", f"/orgs/default/keys/{key_id}", api.operator)).json["last_used_at"]

    assert await last_use() == "2027-01-15T08:00:00Z"
    api.clock.seconds += 30
    assert await last_use() == "2027-01-15T08:00:00Z"
    api.clock.seconds += 31
    assert await last_use() == "2027-01-15T08:01:01Z"


async def test_pages_end_and_their_cursors_are_for_one_list_only(each: World) -> None:
    api = each
    owner = await api.admin("a", "owner")
    other = await api.admin("b", "owner")
    names = [f"team {number}" for number in range(5)]
    for name in names:
        await made(api, owner, "/orgs/a/teams", {"name": name})
    seen: list[str] = []
    first, cursor = "", None
    for _ in range(10):
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.ask("GET", "/orgs/a/teams", owner, query=asked)).json
        seen += [item["name"] for item in page["items"]]
        first, cursor = cursor or page["next"], page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted([*names, "x", "y"])
    for path, token in (("/orgs/b/teams", other), ("/orgs/a/users", owner), ("/orgs/a/teams", owner)):
        bad = first if path != "/orgs/a/teams" else f"{first[:-2]}AA"
        answer = await api.ask("GET", path, token, query={"cursor": bad})
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, "cursor")


async def test_a_creation_that_is_repeated_is_made_once(each: World) -> None:
    api = each
    owner = await api.admin("a", "owner")
    header = {"idempotency-key": "k-1"}
    first = await api.ask("POST", "/orgs/a/keys", owner, {"name": "once"}, headers=header)
    again = await api.ask("POST", "/orgs/a/keys", owner, {"name": "once"}, headers=header)
    assert (first.status, again.status, again.headers["idempotency-replayed"]) == (201, 201, "true")
    assert again.json == {**first.json, "token": None, "aws_secret_access_key": None}
    assert first.json["token"] is not None
    other = await api.ask("POST", "/orgs/a/keys", owner, {"name": "twice"}, headers=header)
    assert (other.status, other.kind) == (422, "idempotency-key")
    elsewhere = await api.ask("POST", "/orgs/a/teams", owner, {"name": "once"}, headers=header)
    assert elsewhere.status == 422
    colleague = await api.admin("a", "owner")
    assert (await api.ask("POST", "/orgs/a/keys", colleague, {"name": "once"}, headers=header)).json["id"] != first.json["id"]
    api.clock.seconds += 24 * 3600 + 1
    late = await api.ask("POST", "/orgs/a/keys", owner, {"name": "once"}, headers=header)
    assert late.json["id"] != first.json["id"]
    named = [key for key in (await api.ask("GET", "/orgs/a/keys", owner)).json["items"] if key["name"] == "once"]
    assert len(named) == 3


async def test_what_fails_is_not_remembered(each: World) -> None:
    api = each
    owner = await api.admin("a", "owner")
    header = {"idempotency-key": "k-2"}
    refused = await api.ask("POST", "/orgs/a/teams", owner, {"name": "x"}, headers=header)
    assert (refused.status, refused.kind) == (409, "conflict")
    assert (await api.ask("POST", "/orgs/a/teams", owner, {"name": "z"}, headers=header)).status == 201


async def test_an_edit_says_what_it_edits(each: World) -> None:
    api = each
    owner = await api.admin("a", "owner")
    assert (await api.ask("PATCH", "/orgs/a/teams/x", owner, {"name": "n"})).status == 428
    assert (await api.ask("PATCH", "/orgs/a/teams/x", owner, {"name": "n"}, headers={"if-match": '"7"'})).status == 412
    done = await api.ask("PATCH", "/orgs/a/teams/x", owner, {"name": "n"}, headers={"if-match": '"1"'})
    assert (done.status, done.headers["etag"]) == (200, '"2"')
    assert (await api.ask("PATCH", "/orgs/a/teams/x", owner, {"name": "m"}, headers={"if-match": '"1"'})).status == 412
    assert (await api.ask("PATCH", "/orgs/a/teams/x", owner, {"disabled": True}, headers={"if-match": "*"})).json["name"] == "n"


async def test_a_disabled_organisation_stops(each: World) -> None:
    api = each
    owner = await api.admin("a", "owner")
    assert (await api.ask("POST", "/orgs/a/disable", owner)).status == 403
    assert (await api.ask("POST", "/orgs/default/disable", api.operator)).status == 400
    assert (await api.ask("POST", "/orgs/a/disable", api.operator)).status == 200
    assert (await api.ask("GET", "/me", owner)).status == 401
    assert (await api.ask("POST", "/orgs/a/enable", api.operator)).status == 200
    assert (await api.ask("GET", "/me", owner)).status == 200


async def test_an_edit_of_what_somebody_else_has_changed_is_refused_everywhere(api: World) -> None:
    wrong: list[str] = []
    tried = 0
    for route in ROUTES:
        if route.method not in ("PATCH", "PUT"):
            continue
        asked = await SAMPLES[route.name](api)
        if "if-match" in asked.headers:
            tried += 1
            answer = await api.ask(route.method, asked.path, api.operator, asked.body, headers={**asked.headers, "if-match": '"99"'})
            if answer.status != 412:
                wrong.append(f"{route.method} {asked.path}: {answer.status} {answer.body!r}")
    assert wrong == []
    assert tried >= 8

"""Keys of other gateways over the control API."""

import hashlib

from tests.support.control import World

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.directory import SqlDirectories
from tidegate.control.directory import listed

SK = "sk-Rk7qP0v1mZ8yT3wX5nB9"
PATH = "/orgs/a/key-imports"


async def test_they_are_imported_once_and_shown_without_what_could_be_used(each: World) -> None:
    token = await each.admin("a", "developer")
    hashed = hashlib.sha256((SK + "2").encode()).hexdigest()
    body = {"keys": [{"name": "one", "value": SK, "models": ["gpt-*"]}, {"name": "two", "sha256": hashed}, {"name": "again", "value": SK}]}
    done = await each.ask("POST", PATH, token, body)
    assert done.status == 200, done.body
    first, second, third = done.json["ids"]
    assert None not in (first, second)
    assert third is None
    assert (await each.ask("POST", PATH, token, body)).json["ids"] == [None, None, None]
    shown = await each.ask("GET", f"/orgs/a/keys/{first}", token)
    assert (shown.json["env"], shown.json["models"], shown.json["state"]) == ("ext", ["gpt-*"], "active")
    events = await each.ask("GET", "/orgs/a/audit-events", await each.admin("a", "owner"))
    for answer in (done, shown, events):
        assert SK.encode() not in answer.body
        assert hashed.encode() not in answer.body
    delta = await SqlDirectories(Changes(each.database, each.clock), listed).whole()
    found = delta.keys[first]
    assert found is not None
    assert found.foreign
    rotated = await each.ask("POST", f"/orgs/a/keys/{first}/rotate", token, {})
    assert rotated.json["token"].startswith("tgk_live_")


async def test_nothing_is_imported_with_a_mistake_in_it(api: World) -> None:
    token = await api.admin("a", "developer")
    body = {"keys": [{"name": "one", "value": SK}, {"name": "two", "value": "sk-1234"}, {"name": "three"}]}
    refused = await api.ask("POST", PATH, token, body)
    assert (refused.status, [error["field"] for error in refused.json["errors"]]) == (400, ["keys[1]", "keys[2]"])
    assert b"sk-1234" not in refused.body
    assert [key["env"] for key in (await api.ask("GET", "/orgs/a/keys", token)).json["items"]] == ["adm"]


async def test_another_tenants_key_is_not_taken(api: World) -> None:
    body = {"keys": [{"name": "one", "value": SK}]}
    assert (await api.ask("POST", PATH, await api.admin("a", "developer"), body)).status == 200
    theirs = await api.ask("POST", "/orgs/b/key-imports", await api.admin("b", "developer"), body)
    assert theirs.status == 409


async def test_an_import_reaches_no_further_than_who_makes_it(api: World) -> None:
    user = await api.user("a")
    await api.bind("a", user, "developer", "org/a")
    _, token = await api.key("a", user, models=["gpt-*"])
    wider = await api.ask("POST", PATH, token, {"keys": [{"name": "one", "value": SK, "models": ["claude-*"]}]})
    assert wider.status == 403
    team = await api.admin("a", "developer", "org/a/team/x")
    assert (await api.ask("POST", PATH, team, {"keys": [{"name": "one", "value": SK}]})).status == 403
    assert (await api.ask("POST", PATH, team, {"team_id": "x", "keys": [{"name": "one", "value": SK}]})).status == 200

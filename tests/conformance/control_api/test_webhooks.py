"""Webhooks: whose they are, where they may lead, and a secret that is shown once."""

from typing import Any

import pytest
from tests.support.control import World

from tidegate.policy.webhooks import MOST

HOOK: dict[str, Any] = {"name": "on call", "url": "https://hooks.example.com/tidegate"}


async def test_one_from_the_first_to_the_last_day(each: World) -> None:
    made = await each.ask("POST", "/orgs/a/webhooks", each.operator, HOOK, headers={"idempotency-key": "once"})
    hook, secret = made.json["webhook"], made.json["secret"]
    assert (made.status, hook["url"], hook["version"], hook["shared"]) == (201, HOOK["url"], 1, False)
    again = await each.ask("POST", "/orgs/a/webhooks", each.operator, HOOK, headers={"idempotency-key": "once"})
    assert (again.status, again.json["webhook"]["id"], again.json["secret"]) == (201, hook["id"], None)
    assert (await each.ask("POST", "/orgs/a/webhooks", each.operator, HOOK)).status == 409
    path = f"/orgs/a/webhooks/{hook['id']}"
    edited = await each.ask("PATCH", path, each.operator, {"name": "night", "disabled": True}, headers={"if-match": '"1"'})
    assert (edited.status, edited.json["name"], edited.json["disabled"], edited.json["revision"]) == (200, "night", True, 2)
    assert (await each.ask("PATCH", path, each.operator, {"name": "day"}, headers={"if-match": '"1"'})).status == 412
    rotated = await each.ask("POST", f"{path}/rotate", each.operator)
    assert (rotated.json["webhook"]["version"], rotated.json["webhook"]["disabled"]) == (2, True)
    assert rotated.json["secret"] not in (secret, None)
    shown = [await each.ask("GET", at, each.operator) for at in (path, "/orgs/a/webhooks", "/orgs/a/audit-events")]
    assert all(secret.encode() not in one.body and rotated.json["secret"].encode() not in one.body for one in shown)
    events = [event["action"] for event in shown[2].json["items"]]
    assert [event for event in events if event.startswith("webhook.")] == ["webhook.rotate", "webhook.update", "webhook.create"]
    assert (await each.ask("DELETE", path, each.operator)).status == 204
    assert (await each.ask("GET", path, each.operator)).status == 404


async def test_only_whoever_may_change_an_address_sees_it_whole(each: World) -> None:
    url = "https://hooks.example.com/services/T00/canary?key=canary"
    made = await each.ask("POST", "/orgs/a/webhooks", each.operator, {**HOOK, "url": url})
    path = f"/orgs/a/webhooks/{made.json['webhook']['id']}"
    other = {"url": url + "2"}
    assert (await each.ask("PATCH", path, each.operator, other, headers={"if-match": "*"})).json["url"] == other["url"]
    for role in ("auditor", "billing"):
        token = await each.admin("a", role)
        shown = [await each.ask("GET", at, token) for at in (path, "/orgs/a/webhooks")]
        assert shown[0].json["url"] == (other["url"] if role == "billing" else "https://hooks.example.com")
        assert all((b"canary" in one.body) == (role == "billing") for one in shown)
    events = await each.ask("GET", "/orgs/a/audit-events", await each.admin("a", "auditor"))
    assert b"hooks.example.com" in events.body and b"canary" not in events.body
    shared = await each.ask("POST", "/orgs/default/webhooks", each.operator, {**HOOK, "url": url, "shared": True})
    of_default = await each.admin("default", "owner", "org/default")
    assert b"canary" not in (await each.ask("GET", f"/orgs/default/webhooks/{shared.json['webhook']['id']}", of_default)).body


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/x", "https://127.0.0.1/x", "https://169.254.169.254/", "https://u:p@hooks.example.com/", "nonsense"]
)
async def test_an_address_inside_is_refused_when_it_is_given(api: World, url: str) -> None:
    refused = await api.ask("POST", "/orgs/a/webhooks", api.operator, {**HOOK, "url": url})
    assert (refused.status, [error["field"] for error in refused.json["errors"]]) == (400, ["url"])
    made = (await api.ask("POST", "/orgs/a/webhooks", api.operator, HOOK)).json["webhook"]
    path = f"/orgs/a/webhooks/{made['id']}"
    assert (await api.ask("PATCH", path, api.operator, {"url": url}, headers={"if-match": "*"})).status == 400


async def test_only_the_operator_is_told_of_everybody(api: World) -> None:
    shared = {**HOOK, "shared": True}
    assert (await api.ask("POST", "/orgs/a/webhooks", api.operator, shared)).status == 400
    of_default = await api.admin("default", "owner", "org/default")
    assert (await api.ask("POST", "/orgs/default/webhooks", of_default, shared)).status == 403
    made = await api.ask("POST", "/orgs/default/webhooks", api.operator, shared)
    assert made.status == 201
    path = f"/orgs/default/webhooks/{made.json['webhook']['id']}"
    assert (await api.ask("POST", f"{path}/rotate", of_default)).status == 404
    assert (await api.ask("DELETE", path, of_default)).status == 404
    assert (await api.ask("GET", path, of_default)).status == 200


async def test_there_are_only_so_many(api: World) -> None:
    for number in range(MOST):
        assert (await api.ask("POST", "/orgs/a/webhooks", api.operator, {**HOOK, "url": f"{HOOK['url']}/{number}"})).status == 201
    assert (await api.ask("POST", "/orgs/a/webhooks", api.operator, HOOK)).status == 409

"""Limits and budgets over the control API: what is stored is what was asked, within the tenant, and each change is told."""

from typing import Any

import pytest
from tests.conformance.control_api.requests import ANY
from tests.support.control import World
from tests.support.usage import usage_event

from tidegate.control.limit_rows import limits_of
from tidegate.records import LimitRule, ListQuery, Tenant

BUDGET = {"name": "a month", "scope": "team", "scope_id": "x", "per": "month", "amount": 25_000_000_000, "alerts": [100, 50]}
LIMIT = {"name": "slow", "scope": "end_user", "measure": "tokens", "per": "minute", "amount": 1000}


async def test_a_budget_is_made_edited_and_taken_away(api: World) -> None:
    token = await api.admin("a", "admin")
    made = await api.ask("POST", "/orgs/a/budgets", token, BUDGET)
    assert made.status == 201
    assert made.json["alerts"] == [50, 100]
    path = f"/orgs/a/budgets/{made.json['id']}"
    edited = await api.ask("PATCH", path, token, {"amount": 7, "hard": False}, headers={"if-match": made.headers["etag"]})
    assert (made.json["used"], made.json["held"], made.json["left"], made.json["resets_at"][8:10]) == (0, 0, BUDGET["amount"], "01")
    assert (edited.status, edited.json["amount"], edited.json["hard"], edited.json["revision"]) == (200, 7, False, 2)
    late = await api.ask("PATCH", path, token, {"amount": 8}, headers={"if-match": made.headers["etag"]})
    assert late.status == 412
    assert (await api.ask("DELETE", path, token)).status == 204
    assert (await api.ask("GET", path, token)).status == 404
    events = (await api.ask("GET", "/orgs/a/audit-events", token)).json["items"]
    assert [event["action"] for event in events[:3]] == ["limit.delete", "limit.update", "limit.create"]
    assert events[1]["before"] == {"amount": 25_000_000_000, "hard": True}


async def test_a_key_that_takes_the_place_of_another_has_its_limits(api: World) -> None:
    token = await api.admin("a", "owner")
    key = (await api.ask("POST", "/orgs/a/keys", token, {"name": "k", "owner_kind": "org"})).json["id"]
    budget = {**BUDGET, "scope": "key", "scope_id": key}
    assert (await api.ask("POST", "/orgs/a/budgets", token, budget)).status == 201
    rotated = await api.ask("POST", f"/orgs/a/keys/{key}/rotate", await api.admin("a", "key-custodian"), {})
    assert rotated.status == 201
    query = {"scope": "key", "scope_id": rotated.json["id"]}
    (carried,) = (await api.ask("GET", "/orgs/a/budgets", token, query=query)).json["items"]
    assert (carried["amount"], carried["per"], carried["alerts"]) == (BUDGET["amount"], "month", [50, 100])
    assert (await api.ask("GET", "/orgs/a/budgets", token, query={"scope_id": key})).json["items"] == []
    refused = await api.ask("POST", "/orgs/a/budgets", token, budget)
    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "scope_id")


async def test_a_budget_tells_what_is_used_of_it_also_before_a_call_has_met_it(each: World) -> None:
    token = await each.admin("a", "owner")
    await each.services.ledger.post([usage_event(org="a", at=each.clock.now(), team="x", cost_nano=77)])  # pyright: ignore - it is there
    made = (await each.ask("POST", "/orgs/a/budgets", token, {**BUDGET, "alerts": [], "name": "used"})).json
    (listed,) = (await each.ask("GET", "/orgs/a/budgets", token, query={"scope": "team"})).json["items"]
    assert listed == made and (made["used"], made["left"]) == (77, BUDGET["amount"] - 77)
    many = await each.ask("POST", "/orgs/a/budgets", token, {**BUDGET, "scope": "end_user", "scope_id": ""})
    assert (many.json["used"], many.json["resets_at"]) == (None, None)


async def test_each_list_has_its_own(api: World) -> None:
    token = await api.admin("a", "owner")
    budget = (await api.ask("POST", "/orgs/a/budgets", token, BUDGET)).json["id"]
    limit = (await api.ask("POST", "/orgs/a/limits", token, LIMIT)).json["id"]
    for path, own, other in (("budgets", budget, limit), ("limits", limit, budget)):
        listed = [item["id"] for item in (await api.ask("GET", f"/orgs/a/{path}", token, query={"limit": 500})).json["items"]]
        assert own in listed
        assert other not in listed
        assert (await api.ask("GET", f"/orgs/a/{path}/{other}", token)).status == 404


async def test_the_same_request_twice_makes_one(api: World) -> None:
    token = await api.admin("a", "owner")
    answers = [await api.ask("POST", "/orgs/a/limits", token, LIMIT, headers={"idempotency-key": "once-1"}) for _ in range(2)]
    assert answers[0].json["id"] == answers[1].json["id"]


@pytest.mark.parametrize(
    ("path", "changes", "field"),
    [
        ("limits", {"per": "moment"}, "per"),
        ("limits", {"measure": "concurrent", "per": "day"}, "per"),
        ("limits", {"amount": -1}, "amount"),
        ("limits", {"scope": "team"}, "scope_id"),
        ("limits", {"scope": "team", "scope_id": "nobody"}, "scope_id"),
        ("limits", {"scope": "organisation", "scope_id": "b"}, "scope_id"),
        ("limits", {"time_zone": "Mars/Olympus"}, "time_zone"),
        ("limits", {"colour": "red"}, "colour"),
        ("budgets", {"per": "minute"}, "per"),
        ("budgets", {"alerts": [0]}, "alerts[0]"),
        ("budgets", {"amount": 10**16}, "amount"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(api: World, path: str, changes: dict[str, Any], field: str) -> None:
    token = await api.admin("a", "owner")
    answer = await api.ask("POST", f"/orgs/a/{path}", token, {**(BUDGET if path == "budgets" else LIMIT), **changes})
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == [field]


async def test_a_teams_admin_limits_its_keys_and_not_itself(api: World) -> None:
    token = await api.admin("a", "admin", "org/a/team/x")
    key, _ = await api.key("a", None, env="live", team_id="x")
    other, _ = await api.key("a", None, env="live")
    own = await api.ask("POST", "/orgs/a/limits", token, {**LIMIT, "scope": "key", "scope_id": key.id})
    assert own.status == 201
    assert (await api.ask("POST", "/orgs/a/limits", token, {**LIMIT, "scope": "key", "scope_id": other.id})).status == 403
    assert (await api.ask("POST", "/orgs/a/limits", token, {**LIMIT, "scope": "team", "scope_id": "x"})).status == 403
    above = await api.ask("POST", "/orgs/a/limits", await api.admin("a", "owner"), {**LIMIT, "scope": "team", "scope_id": "x"})
    edited = await api.ask("PATCH", f"/orgs/a/limits/{above.json['id']}", token, {"amount": 10**9}, headers=ANY)
    assert edited.status in (403, 404)


async def test_rows_become_limits(api: World) -> None:
    token = await api.admin("a", "owner")
    made = (await api.ask("POST", "/orgs/a/budgets", token, {**BUDGET, "time_zone": "Europe/Berlin"})).json["id"]
    off = (await api.ask("POST", "/orgs/a/limits", token, LIMIT)).json["id"]
    await api.ask("PATCH", f"/orgs/a/limits/{off}", token, {"disabled": True}, headers=ANY)
    async with api.store.view(Tenant("a")) as view:
        rows = (await view.page(LimitRule, ListQuery(limit=500))).items
    limits = {limit.id: limit for limit in limits_of(("a", row) for row in rows)}
    assert off not in limits
    found = limits[made]
    assert (found.org, found.kind, found.subject, found.what, found.per, found.amount) == ("a", "team", "x", "spend", "month", 25 * 10**9)
    assert (found.alerts, found.enforced, found.strict, str(found.zone)) == ((50, 100), True, True, "Europe/Berlin")

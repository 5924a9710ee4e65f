"""The whole configuration at once: export, plan and apply, over the control API."""

from typing import Any

import msgspec
import pytest
from tests.support import databases
from tests.support.control import Served, World, world

LAB = {"kind": "custom", "dialect": "openai_chat", "base_url": "https://lab.example/v1", "models": ["q"]}
OF_ORG: dict[str, Any] = {"keys": [], "limits": [], "budgets": [], "webhooks": []}
NOTHING: dict[str, Any] = {"providers": {}, "routes": {}, "credentials": [], "prices": {}, **OF_ORG}
KEY, OTHER = "sk-lab-0123456789-abcd", "sk-lab-0123456789-efgh"
DOCUMENT: dict[str, Any] = {
    "providers": {"lab": LAB},
    "routes": {"fast": {"targets": ["lab/q", "anthropic/claude-sonnet-4-5"], "limits": {"concurrent": 3}}},
    "credentials": [{"name": "lab", "provider": "lab", "reference": "env:LAB_KEY", "weight": 3}],
}


async def plan(api: World, document: dict[str, Any], **secrets: str) -> list[tuple[str, str, str]]:
    """What would change."""
    answer = await api.ask(
        "POST", "/configuration/plan", api.operator, {**document, "secrets": {f"env:{k}": v for k, v in secrets.items()}}
    )
    assert answer.status == 200, answer.body
    assert not any(secret in answer.body.decode() for secret in secrets.values())
    return [(change["action"], change["kind"], change["name"]) for change in answer.json["changes"]]


async def apply(api: World, document: dict[str, Any], **secrets: str) -> list[tuple[str, str, str]]:
    answer = await api.ask(
        "POST", "/configuration/apply", api.operator, {**document, "secrets": {f"env:{k}": v for k, v in secrets.items()}}
    )
    assert answer.status == 200, answer.body
    return [(change["action"], change["kind"], change["name"]) for change in answer.json["changes"]]


async def export(api: World) -> Any:
    return (await api.ask("GET", "/configuration", api.operator)).json


async def generation(api: World) -> int:
    return (await api.ask("GET", "/orgs/default/audit-events", api.operator)).json["items"][0]["seq"]


async def test_a_plan_says_what_apply_does_and_a_second_one_is_empty(each: World) -> None:
    planned = await plan(each, DOCUMENT, LAB_KEY=KEY)
    assert planned == [("create", "provider", "lab"), ("create", "route", "fast"), ("create", "credential", "lab")]
    before = await generation(each)
    assert await plan(each, DOCUMENT, LAB_KEY=KEY) == planned
    assert await generation(each) == before
    assert await apply(each, DOCUMENT, LAB_KEY=KEY) == planned
    assert await plan(each, DOCUMENT, LAB_KEY=KEY) == []
    assert await plan(each, DOCUMENT) == []
    after = await generation(each)
    assert await apply(each, DOCUMENT, LAB_KEY=KEY) == []
    assert await generation(each) == after == before + 3
    assert await plan(each, DOCUMENT, LAB_KEY=OTHER) == [("update", "credential", "lab")]
    assert await apply(each, DOCUMENT, LAB_KEY=OTHER) == [("update", "credential", "lab")]
    assert await plan(each, DOCUMENT, LAB_KEY=OTHER) == []


async def test_what_is_not_in_a_section_goes_and_other_sections_stay(each: World) -> None:
    await apply(each, DOCUMENT, LAB_KEY=KEY)
    assert await apply(each, {"routes": {}}) == [("delete", "route", "fast")]
    assert (await export(each))["providers"] == {"lab": LAB}
    assert await apply(each, {"providers": {}, "credentials": []}) == [("delete", "provider", "lab"), ("delete", "credential", "lab")]
    assert await export(each) == NOTHING


async def test_an_edit_shows_the_fields_that_differ(api: World) -> None:
    await apply(api, DOCUMENT, LAB_KEY=KEY)
    edited = {**DOCUMENT, "providers": {"lab": {**LAB, "models": ["q", "r"]}}}
    edited["credentials"] = [{**DOCUMENT["credentials"][0], "weight": 5, "disabled": True, "limits": {"concurrent": 2}}]
    answer = await api.ask("POST", "/configuration/apply", api.operator, edited)
    assert [(change["name"], sorted(change["fields"])) for change in answer.json["changes"]] == [
        ("lab", ["models"]),
        ("lab", ["disabled", "limits", "weight"]),
    ]
    assert await plan(api, edited) == []


async def test_a_provider_that_moves_takes_a_secret_that_is_given_again(api: World) -> None:
    await apply(api, DOCUMENT, LAB_KEY=KEY)
    moved = {**DOCUMENT, "providers": {"lab": {**LAB, "base_url": "https://elsewhere.example/v1"}}}
    assert await plan(api, moved) == [("update", "provider", "lab")]
    assert await apply(api, moved, LAB_KEY=KEY) == [("update", "provider", "lab"), ("update", "credential", "lab")]
    assert await plan(api, moved, LAB_KEY=KEY) == []


async def test_what_is_wrong_changes_nothing(api: World) -> None:
    for document, field in (
        ({"providers": {"lab": {**LAB, "kind": "nonsense"}}}, "providers.lab.kind"),
        ({"providers": {"lab": {**LAB, "api_key": 5}}}, "providers.lab.api_key"),
        ({"providers": {"lab": LAB}, "routes": {"fast": {"targets": ["lib/q"]}}}, "routes.fast.targets[0]"),
        ({**DOCUMENT, "credentials": [{"name": "x", "provider": "nobody", "reference": "env:X"}]}, "credentials"),
        (DOCUMENT, "secrets"),
    ):
        answer = await api.ask("POST", "/configuration/apply", api.operator, document)
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, field)
    assert await export(api) == NOTHING


async def test_an_export_applied_to_an_empty_gateway_exports_the_same(api: World, tmp_path: Any) -> None:
    file = 'providers: {own: {kind: custom, dialect: openai_chat, base_url: "https://own.example/v1", api_key: "env:OWN"}}\n'
    file += "routes: {smart: {targets: [own/x]}}"
    api.services = msgspec.structs.replace(api.services, configuration=Served(file, {"OWN": "sk-own-0123456789"}))
    await apply(api.rebuilt(), DOCUMENT, LAB_KEY=KEY)
    first = await export(api)
    assert (sorted(first["providers"]), sorted(first["routes"])) == (["lab", "own"], ["fast", "smart"])
    assert [(entry["name"], entry["reference"]) for entry in first["credentials"]] == [("lab", "env:LAB_KEY"), ("own", "env:OWN")]
    assert await plan(api, first) == []
    folder = tmp_path / "second"
    folder.mkdir()
    async with databases.sqlite_url(folder) as url:
        database = databases.opened(url)
        async with world(database) as empty:
            await apply(empty, first, LAB_KEY=KEY, OWN="sk-own-0123456789")
            assert await export(empty) == first
        await database.aclose()


async def test_what_the_file_defines_cannot_be_said_otherwise(api: World) -> None:
    api.services = msgspec.structs.replace(api.services, configuration=Served("routes: {smart: {targets: [sandbox/echo]}}"))
    answer = await api.rebuilt().ask("POST", "/configuration/plan", api.operator, {"routes": {"smart": {"targets": ["sandbox/story"]}}})
    assert answer.status == 409
    assert "`smart` is defined by the gateway's own file" in answer.json["detail"]
    assert await plan(api, {"routes": {"smart": {"targets": ["sandbox/echo"]}}}) == []


@pytest.mark.parametrize("role", ["admin"])
async def test_secrets_are_changed_by_whoever_may(api: World, role: str) -> None:
    token = await api.admin("default", role, "gateway")
    body = {**DOCUMENT, "secrets": {"env:LAB_KEY": KEY}}
    refused = await api.ask("POST", "/configuration/apply", token, body)
    assert refused.status == 403
    assert (await export(api))["providers"] == {}
    del body["credentials"]
    assert (await api.ask("POST", "/configuration/apply", token, body)).status == 200


async def test_prices_are_planned_applied_and_exported_version_by_version(each: World) -> None:
    prices = {
        "sandbox/echo": [{"input": 1.25, "output": "10"}, {"from": "2027-01-01", "input": 1, "output": 8}],
        "sandbox/*": [{"from": "2026-06-01", "input": 0, "output": 0}],
    }
    made = await each.ask("POST", "/configuration/apply", each.operator, {"prices": prices})
    assert [(change["action"], change["kind"], change["name"]) for change in made.json["changes"]] == [
        ("create", "price", "sandbox/echo"),
        ("create", "price", "sandbox/echo from 2027-01-01"),
        ("create", "price", "sandbox/* from 2026-06-01"),
    ]
    assert (await each.ask("GET", "/configuration", each.operator)).json["prices"] == prices
    assert (await each.ask("POST", "/configuration/plan", each.operator, {"prices": prices})).json["changes"] == []
    fewer = {"sandbox/echo": [{"input": 1.25, "output": "10"}, {"from": "2027-01-01", "input": 1, "output": 7}]}
    changed = (await each.ask("POST", "/configuration/apply", each.operator, {"prices": fewer})).json["changes"]
    assert [(change["action"], change["name"], change["fields"]) for change in changed] == [
        ("update", "sandbox/echo from 2027-01-01", ["output"]),
        ("delete", "sandbox/* from 2026-06-01", ["from", "input", "output"]),
    ]
    assert (await each.ask("POST", "/configuration/plan", each.operator, {"routes": {}})).json["changes"] == []
    assert (await each.ask("GET", "/configuration", each.operator)).json["prices"] == fewer


@pytest.mark.parametrize(
    ("prices", "field"),
    [
        ({"echo": [{"input": 1, "output": 1}]}, "prices.echo"),
        ({"nobody/x": [{"input": 1, "output": 1}]}, "prices.nobody/x"),
        ({"sandbox/x": [{"input": -1}]}, "prices.sandbox/x[0].input"),
        ({"sandbox/x": [{"input": 1}, {"from": "soon", "input": 1}]}, "prices.sandbox/x[1].from"),
        ({"sandbox/x": [{"input": 1}, {"input": 2}]}, "prices.sandbox/x"),
    ],
)
async def test_what_is_wrong_with_prices_is_told_by_place(api: World, prices: dict[str, Any], field: str) -> None:
    answer = await api.ask("POST", "/configuration/apply", api.operator, {"prices": prices})
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, [field])


async def test_who_may_not_set_prices_applies_none(api: World) -> None:
    admin = await api.admin("default", "admin", "gateway")
    prices = {"sandbox/x": [{"input": 1, "output": 1}]}
    assert (await api.ask("POST", "/configuration/apply", admin, {"prices": prices})).status == 403
    assert (await api.ask("POST", "/configuration/apply", admin, {"prices": {}})).status == 200

"""Providers and routes of the database: what may be made, what a gateway's own file has to say, and what a change may not break."""

from typing import Any

import msgspec
import pytest
from tests.support.control import Served, World

LAB = {"kind": "custom", "dialect": "openai_chat", "base_url": "https://lab.example/v1", "models": ["q"]}
FILE = 'providers: {own: {kind: custom, dialect: openai_chat, base_url: "https://own.example/v1", api_key: "sk-in-the-file-0123"}}\n'
FILE += "routes: {smart: {targets: [own/x]}}"


async def make(api: World, kind: str, name: str, entry: dict[str, Any]) -> Any:
    return await api.ask("POST", f"/{kind}s", api.operator, {"name": name, "entry": entry})


async def test_they_are_made_listed_edited_and_deleted(each: World) -> None:
    made = await make(each, "provider", "lab", {**LAB, "headers": {"x-team": "eu"}})
    assert (made.status, made.json["base_url"], made.json["missing"], made.json["source"]) == (
        201,
        "https://lab.example/v1",
        None,
        "database",
    )
    route = (await make(each, "route", "fast", {"targets": ["lab/q"], "limits": {"concurrent": 3}})).json
    assert route["entry"] == {"targets": ["lab/q"], "limits": {"concurrent": 3}}
    listed = (await each.ask("GET", "/providers", each.operator)).json["items"]
    assert {item["name"]: item["source"] for item in listed} == {"anthropic": "environment", "sandbox": "environment", "lab": "database"}
    edited = await each.ask(
        "PATCH", f"/providers/{made.json['id']}", each.operator, {"entry": {**LAB, "timeouts": {"idle": 5}}}, headers={"if-match": '"1"'}
    )
    assert (edited.status, edited.json["revision"], edited.json["entry"]) == (200, 2, {**LAB, "timeouts": {"idle": 5}})
    stale = await each.ask("PATCH", f"/providers/{made.json['id']}", each.operator, {"entry": LAB}, headers={"if-match": '"1"'})
    assert stale.status == 412
    used = await each.ask("DELETE", f"/providers/{made.json['id']}", each.operator)
    assert used.status == 409
    assert "routes.fast.targets[0]: there is no provider `lab`" in used.json["detail"]
    assert (await each.ask("DELETE", f"/routes/{route['id']}", each.operator)).status == 204
    assert (await each.ask("DELETE", f"/providers/{made.json['id']}", each.operator)).status == 204
    assert (await each.ask("GET", f"/providers/{made.json['id']}", each.operator)).status == 404
    events = (await each.ask("GET", "/orgs/default/audit-events", each.operator)).json["items"]
    assert [event["action"] for event in events][:5] == [
        "provider.delete",
        "route.delete",
        "provider.update",
        "route.create",
        "provider.create",
    ]


@pytest.mark.parametrize(
    ("kind", "entry", "field"),
    [
        ("provider", {**LAB, "base_urrl": "x"}, "entry.base_urrl"),
        ("provider", {**LAB, "api_key": "env:SECRET"}, "entry.api_key"),
        ("provider", {**LAB, "base_url": "https://10.0.0.5/v1"}, "entry.base_url"),
        ("provider", {**LAB, "headers": {"x-api-key": "hush"}}, "entry.headers.x-api-key"),
        ("provider", {"kind": "nonsense"}, "entry.kind"),
        ("provider", {**LAB, "models": [1]}, "entry.models[0]"),
        ("route", {"targets": []}, "entry.targets"),
        ("route", {"targets": ["nowhere/x"]}, "entry.targets[0]"),
        ("route", {}, "entry.targets"),
        ("route", {"targets": ["sandbox/echo"], "defaults": {"model": "x"}}, "entry.defaults.model"),
    ],
)
async def test_what_is_wrong_is_told_by_field_and_not_stored(api: World, kind: str, entry: dict[str, Any], field: str) -> None:
    answer = await make(api, kind, "lab", entry)
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, [field])
    assert b"hush" not in answer.body
    assert [item for item in (await api.ask("GET", f"/{kind}s", api.operator)).json["items"] if item["source"] == "database"] == []


async def test_what_the_file_defines_is_read_only_and_goes_first(api: World) -> None:
    api.services = msgspec.structs.replace(api.services, configuration=Served(FILE))
    api.rebuilt()
    for kind, name, entry in (("provider", "own", LAB), ("route", "smart", {"targets": ["sandbox/echo"]})):
        taken = await make(api, kind, name, entry)
        assert taken.status == 409
        assert "is defined by tidegate.yaml" in taken.json["detail"]
        shown = next(item for item in (await api.ask("GET", f"/{kind}s", api.operator)).json["items"] if item["name"] == name)
        assert (shown["source"], shown["id"]) == ("file", None)
        assert "sk-in-the-file" not in str(shown)
    assert (await make(api, "route", "mixed", {"targets": ["own/x", "sandbox/echo"]})).status == 201


async def test_a_name_is_taken_once(each: World) -> None:
    assert (await make(each, "route", "team/*", {"targets": ["sandbox/*"]})).status == 201
    assert (await make(each, "route", "team/*", {"targets": ["sandbox/*"]})).status == 409

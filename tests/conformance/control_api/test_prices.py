"""Prices of the database: made, edited and deleted version by version, and what may not be one."""

from typing import Any

import msgspec
import pytest
from tests.support.control import Served, World

GPT: dict[str, Any] = {"name": "sandbox/echo", "entry": {"input": 1.25, "output": "10"}}


async def test_versions_are_made_listed_edited_and_deleted(each: World) -> None:
    first = await each.ask("POST", "/prices", each.operator, GPT)
    assert (first.status, first.json["from"], first.json["entry"]) == (201, None, {"input": 1.25, "output": "10"})
    later = {**GPT, "from": "2027-01-01", "read_at": "https://example/prices", "entry": {"input": 1, "output": 8}}
    second = (await each.ask("POST", "/prices", each.operator, later)).json
    assert (await each.ask("POST", "/prices", each.operator, later)).status == 409
    listed = (await each.ask("GET", "/prices", each.operator)).json["items"]
    assert [(item["id"], item["from"], item["source"]) for item in listed] == [
        (first.json["id"], None, "database"),
        (second["id"], "2027-01-01", "database"),
    ]
    path, edit = f"/prices/{second['id']}", {"entry": {"input": 1, "output": 7, "above": {"tokens": 1000, "input": 2}}}
    assert (await each.ask("PATCH", path, each.operator, edit)).status == 428
    edited = await each.ask("PATCH", path, each.operator, edit, headers={"if-match": '"1"'})
    assert (edited.status, edited.json["revision"], edited.json["entry"]) == (200, 2, edit["entry"])
    assert edited.json["read_at"] == "https://example/prices"
    assert (await each.ask("PATCH", path, each.operator, edit, headers={"if-match": '"1"'})).status == 412
    assert (await each.ask("DELETE", path, each.operator)).status == 204
    assert (await each.ask("GET", path, each.operator)).status == 404
    events = (await each.ask("GET", "/orgs/default/audit-events", each.operator)).json["items"]
    assert [event["action"] for event in events][:4] == ["price.delete", "price.update", "price.create", "price.create"]
    assert (events[1]["before"]["price"]["output"], events[1]["after"]["price"]["output"]) == (8, 7)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "gpt-5"}, "name"),
        ({"name": "labb/x"}, "name"),
        ({"name": "sandbox/a*b"}, "name"),
        ({"from": "2027-13-01"}, "from"),
        ({"from": "1066-10-14"}, "from"),
        ({"entry": {}}, "entry"),
        ({"entry": {"input": -1}}, "entry.input"),
        ({"entry": {"input": "1e999999999"}}, "entry.input"),
        ({"entry": {"input": 1e-300}}, "entry.input"),
        ({"entry": {"inptu": 1}}, "entry.inptu"),
        ({"entry": {"input": 1, "from": "2027-01-01"}}, "entry.from"),
        ({"entry": {"input": 1, "tiers": {"batch": {"input": "free"}}}}, "entry.tiers.batch.input"),
        ({"entry": {"input": 1, "above": {"tokens": 0}}}, "entry.above.tokens"),
        ({"entry": {"input": [1]}}, "entry.input"),
    ],
)
async def test_what_is_wrong_is_told_by_field_and_not_stored(api: World, change: dict[str, Any], field: str) -> None:
    answer = await api.ask("POST", "/prices", api.operator, {**GPT, **change})
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, [field])
    assert (await api.ask("GET", "/prices", api.operator)).json["items"] == []


async def test_what_the_file_prices_is_read_only_and_goes_first(api: World) -> None:
    await api.ask("POST", "/prices", api.operator, GPT)
    file = "prices: {sandbox/echo: [{input: 3, output: 4}, {from: 2027-01-01, input: 2, output: 3}]}"
    api.services = msgspec.structs.replace(api.services, configuration=Served(file))
    api.rebuilt()
    listed = (await api.ask("GET", "/prices", api.operator)).json["items"]
    assert [(item["id"], item["source"], item["from"], item["entry"]["input"]) for item in listed] == [
        (None, "file", None, 3),
        (None, "file", "2027-01-01", 2),
    ]
    taken = await api.ask("POST", "/prices", api.operator, {**GPT, "from": "2028-01-01"})
    assert (taken.status, "gateway's own file" in taken.json["detail"]) == (409, True)


async def test_only_who_may_sets_prices(api: World) -> None:
    """Prices are the operator's: no role on an organisation reaches them."""
    for role in ("owner", "billing"):
        assert (await api.ask("POST", "/prices", await api.admin("a", role), GPT)).status == 403
    assert (await api.ask("POST", "/prices", await api.admin("default", "admin", "gateway"), GPT)).status == 403
    assert (await api.ask("POST", "/prices", await api.admin("default", "billing", "gateway"), GPT)).status == 201

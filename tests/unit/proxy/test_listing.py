from typing import Any

import pytest
from tests.unit.proxy.values import CLAUDE, GPT, Memory

ANTHROPIC = {"anthropic-version": "2023-06-01"}


async def listed(query: str = "", **headers: str) -> Any:
    got = await Memory().call(f"/v1/models{query}", headers=headers, method="GET")
    return got.status, got.json()


async def test_shapes() -> None:
    status, body = await listed()
    assert (status, body["object"]) == (200, "list")
    plain = [{name: value for name, value in model.items() if name != "tidegate"} for model in body["data"]]
    assert {"id": GPT, "object": "model", "created": 0, "owned_by": "openai"} in plain
    status, body = await listed(**ANTHROPIC)
    assert (status, body["has_more"], body["first_id"]) == (200, False, body["data"][0]["id"])
    assert {"type": "model", "id": CLAUDE, "display_name": CLAUDE, "created_at": "1970-01-01T00:00:00Z", "max_input_tokens": 1000} in body[
        "data"
    ]


async def test_pages_cover_the_list_without_a_gap_in_both_directions() -> None:
    names = [model["id"] for model in (await listed(**ANTHROPIC))[1]["data"]]
    seen: list[str] = []
    query = "?limit=2"
    while True:
        _, page = await listed(query, **ANTHROPIC)
        seen += [model["id"] for model in page["data"]]
        if not page["has_more"]:
            break
        query = f"?limit=2&after_id={page['last_id']}"
    assert seen == names
    _, page = await listed(f"?limit=2&before_id={names[3]}", **ANTHROPIC)
    assert [model["id"] for model in page["data"]] == names[1:3]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?limit=x", "?after_id=nobody", "?before_id=nobody"])
async def test_bad_pages(query: str) -> None:
    status, body = await listed(query, **ANTHROPIC)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("name", [GPT, "openai%2Fgpt-9", "gpt-9", "two", "openai/of-tomorrow"])
async def test_one_model(name: str) -> None:
    got = await Memory().call(f"/v1/models/{name}", method="GET")
    assert (got.status, got.json()["id"]) == (200, name.replace("%2F", "/"))


async def test_no_model() -> None:
    got = await Memory().call("/v1/models/gpt-99", method="GET")
    assert (got.status, got.json()["error"]["code"]) == (404, "model_not_found")
    assert "gpt-9" in got.json()["error"]["message"]

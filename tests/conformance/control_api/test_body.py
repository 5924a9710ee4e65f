"""A body that says a field twice, or not at all, is refused with the field's name."""

import pytest
from tests.support.control import World


@pytest.mark.parametrize("raw", [b"{}", b'{"name": "a", "name": "b"}', b'{"n\\u0061me": "a", "name": "b"}'])
async def test_a_field_stands_there_once(api: World, raw: bytes) -> None:
    answer = await api.ask("POST", "/orgs/a/teams", api.operator, raw=raw)
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, ["name"])


async def test_fields_inside_stand_there_once_too(api: World) -> None:
    raw = b'{"name": "k", "times": [{"from": "08:00", "to": "09:00", "to": "18:00"}]}'
    answer = await api.ask("POST", "/orgs/a/keys", api.operator, raw=raw)
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, ["to"])

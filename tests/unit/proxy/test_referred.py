import json
from typing import Any

import msgspec
import pytest
from tests.unit.proxy.test_responses import ask, claude, openai, said, speaking
from tests.unit.proxy.values import CLAUDE, GPT, Memory

from tidegate.policy.route import Planner
from tidegate.policy.snapshot import ServerSettings
from tidegate.ports.kept import Kept
from tidegate.proxy.referred import goes_on


class Digits:
    """The `Random` port, with ids as long as real ones."""

    def __init__(self) -> None:
        self._last = 0

    def request_id(self) -> str:
        self._last += 1
        return f"{self._last:032x}"


def made(*given: Any) -> Memory:
    memory = speaking(*given)
    memory.app = msgspec.structs.replace(memory.app, random=Digits())
    memory.gateway = type(memory.gateway)(memory.app)
    return memory


def asked(*ids: str) -> list[Any]:
    return [{"role": "user", "content": "Hi"}, *({"type": "item_reference", "id": id} for id in ids), {"role": "user", "content": "And?"}]


async def test_what_was_answered_stands_in_place_of_its_id() -> None:
    memory = made(claude("one"), claude("two"), claude("three"))
    first = (await ask(memory)).json()
    second = (await ask(memory, input=asked(first["output"][0]["id"]))).json()
    assert said(memory) == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "And?"},
    ]
    assert (await ask(memory, previous_response_id=second["id"], input="So?")).status == 200
    assert [turn["content"] for turn in said(memory)] == ["Hi", "one", "And?", "two", "So?"]


@pytest.mark.parametrize("id", ["msg_nobody", "msg_" + 32 * "0" + "0", "nothing", "another's"])
async def test_what_is_not_held_is_404_where_the_provider_does_not_have_it_either(id: str) -> None:
    memory = made(claude("one"))
    first = (await ask(memory)).json()
    if id == "another's":
        id = first["output"][0]["id"]
        await memory.app.conversations.flush()  # pyright: ignore
        memory.kept.rows["other", first["id"]] = msgspec.structs.replace(memory.kept.rows.pop(("default", first["id"])), org="other")
    got = await ask(memory, input=asked(id))
    assert (got.status, got.json()["error"]["message"]) == (404, f"Item with id '{id}' not found.")
    assert len(memory.provider.sent) == 1


async def test_a_provider_that_keeps_items_gets_the_id() -> None:
    memory = made(openai(), openai())
    body = asked("msg_1")
    assert (await ask(memory, GPT, input=body)).status == 404, "nobody was answered that"
    assert (await ask(memory, GPT)).status == 200
    assert (await ask(memory, GPT, input=body)).status == 200
    assert json.loads(memory.provider.sent[-1].body)["input"] == body
    got = await ask(memory, input=body)
    assert (got.status, got.json()["error"]["param"]) == (404, "input"), "another provider does not have it"
    await memory.app.conversations.flush()  # pyright: ignore
    memory.kept.rows["other", "msg_1"] = msgspec.structs.replace(memory.kept.rows.pop(("default", "msg_1")), org="other")
    assert (await ask(memory, GPT, input=body)).status == 404


@pytest.mark.parametrize("reference", ['{"id": "%s"}', '{"id": "%s", "type": null}', r'{"\u0069d": "%s", "type": "item\u005freference"}'])
async def test_a_reference_may_be_written_in_other_ways(reference: str) -> None:
    memory = made(claude("one"), claude("two"), claude("three"))
    first = (await ask(memory)).json()
    body = '{"model": "%s", "input": [%s, {"role": "user", "content": "And?"}]}'
    got = await memory.call("/v1/responses", (body % (CLAUDE, reference % first["output"][0]["id"])).encode())
    assert got.status == 200
    assert [turn["content"] for turn in said(memory)][-2:] == ["one", "And?"]
    page = (await memory.call(f"/v1/responses/{first['id']}/input_items", method="GET")).json()
    got = await memory.call("/v1/responses", (body % (CLAUDE, reference % page["data"][0]["id"])).encode())
    assert got.status == 200, "what the client said itself has an id too"
    assert (await memory.call("/v1/responses", (body % (GPT, reference % "msg_nobody")).encode())).status == 404


async def test_an_image_that_is_named_by_its_id_must_be_ones_own() -> None:
    memory = made(openai(), openai(), openai())
    image = {"type": "image_generation_call", "id": "ig_1"}
    said = [{"role": "user", "content": "Hi"}, image]
    assert (await ask(memory, GPT, input=said)).status == 404
    memory.kept.rows["default", "ig_1"] = Kept(org="default", id="ig_1", key="k", kind="item", upstream="openai", at=0, expires=None)
    assert (await ask(memory, GPT, input=said)).status == 200
    memory.kept.rows.clear()
    assert (await ask(memory, GPT, input=[said[0], {**image, "result": "iVBORw0K"}])).status == 200


@pytest.mark.parametrize(
    "item", [{"id": "msg_1"}, {"type": "item_reference", "id": "msg_1"}, {"type": "reasoning", "id": "msg_1", "summary": []}]
)
async def test_what_is_anothers_is_not_made_short(item: Any) -> None:
    memory = made(openai())
    memory.kept.rows["other", "msg_1"] = Kept(org="other", id="msg_1", key="k", kind="item", upstream="openai", at=0, expires=None)
    got = await memory.call("/v1/responses/compact", {"model": GPT, "input": [{"role": "user", "content": "Hi"}, item]})
    assert got.status == 404
    assert memory.provider.sent == []


async def test_reasoning_of_another_is_not_read_by_its_id() -> None:
    memory = made(openai(), openai())
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    row = Kept(org="other", id="rs_1", key="k", kind="item", upstream="openai", at=0, expires=None)
    memory.kept.rows["other", "rs_1"] = row
    said = [{"role": "user", "content": "Hi"}, thought, {"role": "user", "content": "And?"}]
    assert (await ask(memory, GPT, input=said)).status == 404
    thought["encrypted_content"] = "all of it"
    assert (await ask(memory, GPT, input=said)).status == 200
    memory.kept.rows.clear()
    del thought["encrypted_content"]
    assert (await ask(memory, GPT, input=said)).status == 200


async def test_what_was_made_beside_the_gateway_is_named_where_the_operator_lets_it() -> None:
    for allowed in (False, True):
        memory = made(openai(), openai())
        memory.app.live.current = Planner(msgspec.structs.replace(memory.app.live.snapshot, server=ServerSettings(outside_ids=allowed)))
        assert (await ask(memory, GPT, input=asked("msg_outside"))).status == (200 if allowed else 404)
        assert (await ask(memory, GPT, prompt={"id": "pmpt_1"})).status == (200 if allowed else 404)


async def test_words_about_it_are_no_reference() -> None:
    memory = made(claude())
    assert (await ask(memory, input='what is an "item_reference"?')).status == 200
    assert (await ask(memory, input={"type": "item_reference"})).status == 400


@pytest.mark.parametrize(
    ("body", "does"),
    [
        ({"input": "Hi"}, False),
        ({"input": [{"type": "message", "id": "msg_1", "role": "user", "content": "Hi"}]}, False),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "all of it"}]}, False),
        ({"input": "Hi", "previous_response_id": "resp_1"}, True),
        ({"input": "Hi", "conversation": {"id": "conv_1"}}, True),
        ({"input": [{"id": "msg_1"}]}, True),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, True),
        ({"input": [{"type": "image_generation_call", "id": "ig_1", "result": 7}, {"id": "msg_1", "type": None}]}, True),
    ],
)
def test_a_line_that_goes_on_from_what_is_kept_is_no_providers_batch(body: Any, does: bool) -> None:
    assert goes_on(body) == does

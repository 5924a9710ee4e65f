"""Requests that name files and other things by their ids: whose they are decides, and where they are."""

import json
from typing import Any

import msgspec
import pytest
from tests.unit.proxy.test_operate_form import form, send
from tests.unit.proxy.test_responses import ask, claude
from tests.unit.proxy.values import CLAUDE, GPT, WHOLE, Given, Got, Memory

from tidegate.policy.route import Planner, Route
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, ServerSettings
from tidegate.ports import StorageUnavailable
from tidegate.ports.kept import Kept

AT_OPENAI = {"x-tidegate-provider": "openai"}
PDF, URL = b"%PDF", "data:application/pdf;base64,JVBERg=="


async def held(memory: Memory, name: str = "a.pdf", data: bytes = PDF) -> str:
    body = form(("file", data, name), ("purpose", b"user_data", "")).replace(b"audio/wav", b"application/octet-stream")
    return str((await send(memory, body, "files")).json()["id"])


def kept(memory: Memory, id: str = "file-theirs", org: str = "default", **more: Any) -> str:
    facts = {"filename": "a.pdf", "purpose": "user_data", "bytes": 4, "created": 1, "media": "application/pdf"}
    row = Kept(
        org=org, id=id, key="k", kind="file", upstream="openai", at=1, expires=None, body=json.dumps(facts).encode(), state="user_data"
    )
    memory.kept.rows[org, id] = msgspec.structs.replace(row, **more)
    return id


async def chat(memory: Memory, id: str, model: str = GPT) -> Got:
    content = [{"type": "file", "file": {"file_id": id}}, {"type": "text", "text": "Sum up."}]
    return await memory.chat(model, messages=[{"role": "user", "content": content}])


async def message(memory: Memory, id: str, model: str = CLAUDE) -> Got:
    content = [{"type": "document", "source": {"type": "file", "file_id": id}}, {"type": "text", "text": "Sum up."}]
    return await memory.message(model, messages=[{"role": "user", "content": content}])


def sent(memory: Memory) -> Any:
    return json.loads(memory.provider.sent[-1].body)


async def test_a_held_file_is_put_into_the_request_of_any_model() -> None:
    memory = Memory(Given(WHOLE), claude(), claude(), Given(WHOLE))
    id = await held(memory)
    got = await chat(memory, id)
    assert (got.status, got.headers["x-tidegate-receipt"]) == (200, "emulated:messages[0].content[0].file.file_id")
    assert sent(memory)["messages"][0]["content"][0] == {"type": "file", "file": {"filename": "a.pdf", "file_data": URL}}
    assert (await chat(memory, id, CLAUDE)).status == 200
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    assert sent(memory)["messages"][0]["content"][0]["source"] == source
    assert (await message(memory, id)).status == 200
    assert sent(memory)["messages"][0]["content"][0]["source"] == source
    assert (await message(memory, id, GPT)).status == 200
    assert sent(memory)["messages"][0]["content"][0]["file"]["file_data"] == URL


async def test_a_chain_of_responses_holds_the_id_and_not_the_bytes() -> None:
    memory = Memory(claude("one"), claude("two"))
    id = await held(memory)
    asked = [{"role": "user", "content": [{"type": "input_file", "file_id": id}]}]
    first = (await ask(memory, input=asked)).json()
    assert (await ask(memory, previous_response_id=first["id"], input="And?")).status == 200
    assert sent(memory)["messages"][0]["content"][0]["source"]["data"] == "JVBERg=="
    await memory.app.conversations.get("default", first["id"])
    assert all(b"JVBERg" not in row.body for row in memory.kept.rows.values())


async def test_what_a_provider_keeps_goes_there_as_it_is() -> None:
    memory = Memory(Given(WHOLE))
    id = kept(memory)
    got = await chat(memory, id, "two")
    assert (got.status, got.headers["x-tidegate-target"], got.headers["x-tidegate-receipt"]) == (200, GPT, "identity")
    assert sent(memory)["messages"][0]["content"][0]["file"] == {"file_id": id}


async def test_a_route_goes_to_the_target_that_has_it() -> None:
    memory = Memory(Given(WHOLE))
    id = kept(memory, upstream="second")
    assert (await chat(memory, id, "two")).headers["x-tidegate-target"] == "second/gpt-9"


async def test_what_a_provider_gives_back_is_put_into_the_request_of_another() -> None:
    memory = Memory(Given(PDF), claude())
    id = kept(memory)
    assert (await chat(memory, id, CLAUDE)).status == 200
    assert [one.url.rpartition("/v1")[2] for one in memory.provider.sent] == [f"/files/{id}/content", "/messages"]
    assert sent(memory)["messages"][0]["content"][0]["source"]["data"] == "JVBERg=="


async def test_what_it_does_not_give_back_is_said() -> None:
    memory = Memory(Given(b'{"error":{"message":"Not allowed to download files of purpose: user_data"}}', status=400))
    got = await chat(memory, kept(memory), CLAUDE)
    assert (got.status, got.json()["error"]["param"]) == (400, "messages[0].content[0].file.file_id")
    assert "kept by `openai`" in got.json()["error"]["message"]


@pytest.mark.parametrize("whose", ["another's", "nobody's", "unfinished", "a response"])
async def test_any_other_id_is_the_same_404(whose: str) -> None:
    memory = Memory()
    if whose == "another's":
        kept(memory, org="other")
    if whose == "unfinished":
        kept(memory, state="uploading")
    if whose == "a response":
        kept(memory, kind="response")
    for got in (await chat(memory, "file-theirs", "two"), await message(memory, "file-theirs", GPT)):
        assert got.status == 404
        assert "File with id 'file-theirs' not found." in got.json()["error"]["message"]
    assert memory.provider.sent == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "container": "container_1"}),
        ("/v1/responses", {"model": GPT, "input": "x", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
        ("/v1/messages/count_tokens", {"model": CLAUDE, "messages": [{"content": [{"type": "container_upload", "file_id": "f"}]}]}),
        ("/v1beta/models/openai%2Fgpt-9:generateContent", {"contents": [{"parts": [{"text": "x"}]}], "cachedContent": "cachedContents/1"}),
    ],
)  # fmt: skip
async def test_so_are_other_things_that_providers_keep(path: str, body: Any) -> None:
    memory = Memory()
    assert (await memory.call(path, body)).status == 404
    assert memory.provider.sent == []


async def test_what_is_read_with_the_gateways_own_rights_is_refused() -> None:
    body = {"contents": [{"parts": [{"fileData": {"fileUri": "gs://secrets/a"}}]}]}
    assert (await Memory().call("/v1beta/models/openai%2Fgpt-9:generateContent", body)).status == 400


async def test_the_operator_may_allow_what_was_made_elsewhere() -> None:
    memory = Memory(Given(WHOLE), server=ServerSettings(outside_ids=True))
    assert (await chat(memory, "file-elsewhere")).status == 200
    assert b'"file-elsewhere"' in memory.provider.sent[-1].body
    kept(memory, org="other")
    assert (await chat(memory, "file-theirs")).status == 404


async def test_a_credential_of_its_own_may_name_what_it_likes() -> None:
    memory = Memory(Given(WHOLE))
    snapshot = memory.app.live.snapshot
    own = {"default": {"second": (Account(id="a", name="a", secret=Secret("own-secret")),)}}
    memory.app.live.current = Planner(msgspec.structs.replace(snapshot, own=own))
    got = await chat(memory, "file-elsewhere", "two")
    assert (got.status, got.headers["x-tidegate-target"]) == (200, "second/gpt-9")


async def test_so_may_a_caller_with_a_key_of_its_own() -> None:
    memory = Memory(Given(WHOLE))
    snapshot = memory.app.live.snapshot
    route = Route(name="bring", targets=(("openai", "gpt-9"),), caller_keys=True)
    memory.app.live.current = Planner(msgspec.structs.replace(snapshot, routes={"bring": route}))
    content = [{"type": "file", "file": {"file_id": "f"}}]
    body = {"model": "bring", "messages": [{"role": "user", "content": content}]}
    assert (await memory.call("/v1/chat/completions", body)).status == 404
    assert (await memory.call("/v1/chat/completions", body, {"x-tidegate-provider-key": "sk-own"})).status == 200


async def test_a_tool_that_has_such_an_argument_is_none_of_this() -> None:
    memory = Memory(claude())
    memory.kept.fails = StorageUnavailable("nobody is asked")
    use = {"type": "tool_use", "id": "t1", "name": "read", "input": {"file_id": "x"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "y"}
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    assert (await memory.message(messages=messages)).status == 200


async def test_a_database_that_is_away() -> None:
    memory = Memory()
    memory.kept.fails = StorageUnavailable("away")
    assert (await chat(memory, "file-x")).status == 503


@pytest.mark.parametrize("size", [50_000, 90_000])
async def test_a_request_that_becomes_too_long(size: int) -> None:
    memory = Memory(server=ServerSettings(body_limit=65_000))
    got = await chat(memory, await held(memory, data=b"x" * size))
    assert (got.status, memory.provider.sent) == (413, [])


@pytest.mark.parametrize("where", ["container", "image"])
async def test_where_bytes_cannot_stand(where: str) -> None:
    memory = Memory()
    id = await held(memory)
    tool = {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [id]}}]}
    image = {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": id}]}]}
    got = await ask(memory, GPT, **(tool if where == "container" else image))
    assert (got.status, memory.provider.sent) == (400, [])
    assert "x-tidegate-provider" in got.json()["error"]["message"]


async def test_too_many() -> None:
    memory = Memory()
    content = [{"type": "file", "file": {"file_id": f"file-{number}"}} for number in range(101)]
    assert (await memory.chat(messages=[{"role": "user", "content": content}])).status == 400

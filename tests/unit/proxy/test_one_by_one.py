import json
from typing import Any

import msgspec
import pytest
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import KEY, Given, Got, Memory, silence

from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.providers.spec import OperationRow


def titan(*numbers: float) -> list[Given]:
    return [Given(json.dumps({"embedding": [number], "inputTextTokenCount": 3}).encode()) for number in numbers]


def memory(*given: Given | Exception) -> Memory:
    made = Memory(*given)
    base = upstream("openai")
    spec = msgspec.structs.replace(base.spec, operations={"embeddings": (OperationRow(shape="titan"),)})
    cloud = msgspec.structs.replace(base, name="cloud", spec=spec)
    routes = (Route(name="both", targets=(("cloud", "c"), ("openai", "e"))),)
    made.app.live.current = Planner(snapshot(base, cloud, routes=routes, keys=(key("tests", token=KEY),)))
    return made


async def embed(made: Memory, texts: Any, **fields: Any) -> Got:
    return await made.call("/v1/embeddings", {"model": "cloud/c", "input": texts, **fields})


async def test_each_text_is_a_call_and_the_client_gets_one_answer() -> None:
    made = memory(*titan(0.1, 0.2, 0.3))
    got = await embed(made, ["a", "b", "c"], dimensions=1)
    body = got.json()
    assert [(one["index"], one["embedding"]) for one in body["data"]] == [(0, [0.1]), (1, [0.2]), (2, [0.3])]
    assert (body["object"], body["model"], body["usage"]) == ("list", "c", {"prompt_tokens": 9, "total_tokens": 9})
    assert [json.loads(sent.body)["inputText"] for sent in made.provider.sent] == ["a", "b", "c"]
    assert (got.headers["x-tidegate-receipt"], got.headers["x-tidegate-target"]) == ("emulated:input", "cloud/c")
    assert len({event.request_id for event in made.ledger.events}) == 3
    assert all(event.usage is not None and event.usage["input"] == 3 for event in made.ledger.events)


async def test_one_text_is_one_call() -> None:
    made = memory(*titan(0.1))
    got = await embed(made, ["a"])
    assert (got.status, len(made.provider.sent), "input" in got.headers["x-tidegate-receipt"]) == (200, 1, False)


async def test_one_that_fails_fails_all() -> None:
    made = memory(Given(b'{"message":"no"}', status=400), *titan(*[0.1] * 30))
    got = await embed(made, [str(number) for number in range(30)])
    assert (got.status, got.json()["error"]["type"]) == (400, "invalid_request_error")
    assert len(made.provider.sent) < 30


async def test_no_vectors_of_two_models() -> None:
    made = memory(silence("connect"), *titan(0.1))
    got = await made.call("/v1/embeddings", {"model": "both", "input": ["a", "b"]})
    assert got.status == 502
    assert {sent.provider for sent in made.provider.sent} == {"cloud"}


@pytest.mark.parametrize("texts", [["x"] * 2049, [[1, 2], [3]], ["a", 5]])
async def test_what_is_no_list_of_texts(texts: Any) -> None:
    made = memory()
    assert ((await embed(made, texts)).status, made.provider.sent) == (400, [])


async def test_googles_batch_is_a_call_for_each_text_too() -> None:
    made = memory(*titan(0.1, 0.2))
    requests = [{"content": {"parts": [{"text": text}]}, "taskType": "CLUSTERING"} for text in ("a", "b")]
    got = await made.call("/v1beta/models/cloud/c:batchEmbedContents", {"requests": requests})
    assert got.json() == {"embeddings": [{"values": [0.1]}, {"values": [0.2]}], "usageMetadata": {"promptTokenCount": 6}}
    assert "emulated:input" in got.headers["x-tidegate-receipt"]
    assert "taskType" in got.headers["x-tidegate-receipt"]
    made = memory(Given(b'{"message":"no"}', status=400), *titan(0.1))
    got = await made.call("/v1beta/models/cloud/c:batchEmbedContents", {"requests": requests})
    assert (got.status, got.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")

import json
from typing import Any

import msgspec
import pytest
from tests.unit.policy.values import key, snapshot, spec, upstream
from tests.unit.proxy.values import JSON, KEY, SSE, Given, Memory, silence

from tidegate.control.catalogue import read_catalogue
from tidegate.dialects.operations.table import OPERATIONS
from tidegate.policy.limits.rules import Limit
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.providers.spec import OperationRow
from tidegate.proxy.operate import row_of, url_of

LIST = json.dumps(
    {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "model": "e",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }
).encode()
WAV = {"content-type": "audio/wav"}


def memory(*given: Given | Exception, **operations: OperationRow) -> Memory:
    """`openai` as it is, and `cloud` with `operations` of its own behind a route with both."""
    made = Memory(*given)
    rows = {name: (row,) for name, row in operations.items()}
    cloud = msgspec.structs.replace(upstream("openai"), name="cloud", spec=spec("cloud", "gemini", operations=rows))
    routes = (Route(name="both", targets=(("cloud", "c"), ("openai", "e"))),)
    made.app.live.current = Planner(
        snapshot(upstream("openai"), upstream("anthropic"), cloud, routes=routes, keys=(key("tests", token=KEY),))
    )
    return made


async def embed(made: Memory, model: str = "openai/e", **fields: Any):
    return await made.call("/v1/embeddings", {"model": model, "input": "a", **fields})


async def test_an_operation_passes_but_for_the_model():
    made = memory(Given(LIST, headers=JSON))
    got = await made.call("/v1/embeddings", b'{ "input" : ["a"], "model":"openai/e", "new_field":[1, 2] }')
    sent = made.provider.sent[0]
    assert sent.url == "https://api.openai.example/v1/embeddings"
    assert sent.body == b'{ "input" : ["a"], "model":"e", "new_field":[1, 2] }'
    assert (got.status, got.body) == (200, LIST)
    event = made.ledger.events[0]
    assert (event.surface, event.usage, event.estimated) == ("embeddings", {"input": 2}, None)


async def test_another_shape_both_ways():
    made = memory(Given(b'{"embeddings": [{"values": [0.5]}]}', headers=JSON), embeddings=OperationRow(shape="gemini"))
    got = await embed(made, "cloud/c/1")
    assert made.provider.sent[0].url.endswith("/models/c%2F1:batchEmbedContents")
    assert got.json()["data"][0]["embedding"] == [0.5]


async def test_a_path_of_its_own_at_the_origin():
    made = memory(Given(b'{"results": []}', headers=JSON), rerank=OperationRow(path="/v9/{model}/rank", origin=True))
    got = await made.call("/v1/rerank", {"model": "cloud/c", "query": "q", "documents": ["a"]})
    assert made.provider.sent[0].url == "https://api.openai.example/v9/c/rank"
    assert "model" not in json.loads(made.provider.sent[0].body)
    assert got.status == 200


async def test_a_provider_without_the_operation_is_said():
    got = await embed(memory(), "anthropic/claude-big")
    assert (got.status, got.json()["error"]["code"]) == (400, "unsupported_operation")
    assert "has no embeddings" in got.json()["error"]["message"]


async def test_the_next_target_is_tried():
    made = memory(silence("connect"), Given(LIST, headers=JSON), embeddings=OperationRow(shape="gemini"))
    got = await embed(made, "both")
    assert (got.status, got.headers["x-tidegate-target"]) == (200, "openai/e")
    assert [event.status for event in made.ledger.events] == [502, 200]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"model": 5}', 400), (b'{"input": "a"}', 400), (b'{"model": "nobody/x"}', 404), (b'{"model":"a","model":"b"}', 400)],
)
async def test_bad_bodies(body: bytes, status: int):
    assert (await memory().call("/v1/embeddings", body)).status == status


async def test_the_providers_refusal_passes():
    refusal = b'{"error": {"message": "too long", "type": "invalid_request_error"}}'
    got = await embed(memory(Given(refusal, status=400, headers=JSON)))
    assert (got.status, got.json()["error"]["message"]) == (400, "too long")


async def test_a_status_of_200_with_an_error_is_no_answer():
    got = await embed(memory(Given(b'{"error": {"message": "no credit", "code": 402}}', headers=JSON)))
    assert b"no credit" in got.body


async def test_streamed_completions_pass_as_they_come():
    events = [
        b'data: {"model":"e","choices":[{"text":"a","finish_reason":null}]}\n\n',
        b'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n',
    ]
    made = memory(Given(*events, b"data: [DONE]\n\n", headers=SSE))
    got = await made.call("/v1/completions", {"model": "openai/e", "prompt": "p", "stream": True})
    assert got.complete
    assert got.body == b"".join(events) + b"data: [DONE]\n\n"


async def test_speech_passes_as_bytes_of_its_type():
    made = memory(Given(b"RIFF", b"\x00\xff", headers=WAV))
    got = await made.call("/v1/audio/speech", {"model": "openai/e", "input": "hi", "voice": "alloy"})
    assert (got.status, got.headers["content-type"], got.body, got.complete) == (200, "audio/wav", b"RIFF\x00\xff", True)
    assert made.ledger.events[0].status == 200


async def test_speech_that_breaks_off_does_not_look_complete():
    made = memory(Given(b"RIFF", silence("body"), headers=WAV))
    got = await made.call("/v1/audio/speech", {"model": "openai/e", "input": "hi", "voice": "alloy"})
    assert (got.status, got.body, got.complete) == (200, b"RIFF", False)
    assert made.ledger.events[0].error is not None


async def test_speech_that_never_began_is_an_error():
    made = memory(Given(silence("body"), headers=WAV))
    got = await made.call("/v1/audio/speech", {"model": "openai/e", "input": "hi", "voice": "alloy"})
    assert got.status in (502, 504)


async def test_a_hard_budget_reserves_input_only_and_injects_nothing():
    made = memory(Given(LIST, headers=JSON))
    limit = Limit(id="b", kind="key", what="spend", per="day", amount=10**9)
    holder = msgspec.structs.replace(key("tests", token=KEY), limits=(limit,))
    made.app.live.current = Planner(snapshot(upstream("openai"), keys=(holder,)))
    got = await embed(made, "openai/gpt-9")
    assert got.status == 200
    assert set(json.loads(made.provider.sent[0].body)) == {"model", "input"}


@pytest.mark.parametrize(
    ("operation", "model", "shape", "path"),
    [
        ("embeddings", "amazon.titan-embed-text-v2:0", "titan", "/model/amazon.titan-embed-text-v2%3A0/invoke"),
        ("embeddings", "cohere.embed-v4:0", "cohere", "/model/cohere.embed-v4%3A0/invoke"),
        ("embeddings", "us.cohere.embed-v4:0", "cohere", "/model/us.cohere.embed-v4%3A0/invoke"),
        ("rerank", "cohere.rerank-v3-5:0", "bedrock_cohere", "/model/cohere.rerank-v3-5%3A0/invoke"),
        ("rerank", "amazon.rerank-v1:0", "bedrock", "/model/amazon.rerank-v1%3A0/invoke"),
    ],
)
def test_what_models_of_bedrock_have(operation: str, model: str, shape: str, path: str):
    found = read_catalogue().providers["bedrock"]
    made = msgspec.structs.replace(upstream("openai"), name="bedrock", spec=found, base_url="https://bedrock.example")
    target = Planner(snapshot(made)).target("bedrock", model)
    assert target is not None
    row = row_of(OPERATIONS[operation], target)
    assert row.shape == shape
    assert url_of(OPERATIONS[operation], OPERATIONS[operation].shapes[shape], row, target) == f"https://bedrock.example{path}"

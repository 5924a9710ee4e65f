import json

from tests.unit.proxy.test_operate import LIST, memory
from tests.unit.proxy.values import JSON, Given

from tidegate.providers.spec import OperationRow

TEXT = {"content": {"parts": [{"text": "tide"}]}}
GOOGLE = b'{"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 1}}'


async def test_any_provider_answers_in_googles_shape() -> None:
    made = memory(Given(LIST, headers=JSON))
    got = await made.call("/v1beta/models/openai/e:embedContent", {**TEXT, "outputDimensionality": 4, "title": "T"})
    assert json.loads(made.provider.sent[0].body) == {"model": "e", "input": ["tide"], "dimensions": 4}
    assert (got.status, got.json()) == (200, {"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 2}})
    assert "title" in got.headers["x-tidegate-receipt"]
    event = made.ledger.events[0]
    assert (event.surface, event.usage) == ("embed_content", {"input": 2})


async def test_google_gets_and_gives_its_own_words() -> None:
    made = memory(Given(GOOGLE, headers=JSON), embeddings=OperationRow(shape="gemini"))
    got = await made.call("/v1beta/models/cloud/c:batchEmbedContents", {"requests": [{**TEXT, "model": "models/cloud/c", "title": "T"}]})
    assert made.provider.sent[0].url.endswith("/models/c:batchEmbedContents")
    assert json.loads(made.provider.sent[0].body) == {"requests": [{**TEXT, "model": "models/c", "title": "T"}]}
    assert (got.status, got.body, got.headers["x-tidegate-receipt"]) == (200, GOOGLE, "identity")


async def test_one_text_at_google() -> None:
    made = memory(Given(GOOGLE, headers=JSON), embeddings=OperationRow(shape="gemini"))
    got = await made.call("/v1beta/models/cloud/c:embedContent", TEXT)
    assert got.json() == {"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 1}}


async def test_errors_are_in_googles_shape() -> None:
    refused = Given(b'{"error": {"message": "bad size", "type": "invalid_request_error"}}', status=400, headers=JSON)
    got = await memory(refused).call("/v1beta/models/openai/e:embedContent", TEXT)
    assert (got.status, got.json()["error"]["status"], got.json()["error"]["message"]) == (400, "INVALID_ARGUMENT", "bad size")
    got = await memory().call("/v1beta/models/anthropic/claude-big:embedContent", TEXT)
    assert (got.status, got.json()["error"]["code"]) == (400, 400)
    got = await memory().call("/v1beta/models/openai/e:embedContent", {"content": {}})
    assert got.status == 400

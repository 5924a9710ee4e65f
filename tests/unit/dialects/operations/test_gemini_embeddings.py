import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.laws.mutation import SLOW, mutated

from tidegate.dialects.operations.gemini_embeddings import Asked, decode, decode_own, encode, encode_own, read
from tidegate.ir.errors import ErrorKind, GatewayError

ONE: dict[str, Any] = {"model": "models/e", "content": {"role": "user", "parts": [{"text": "tide"}, {"text": "gate"}]}}
ANSWER = b'{"data":[{"embedding":[0.5,1]},{"embedding":[2]}],"usage":{"prompt_tokens":3}}'


def asked(body: dict[str, Any], *, batch: bool = False) -> Asked:
    return read(json.dumps(body).encode(), batch=batch)


def test_one_text_of_several_parts() -> None:
    body, losses = encode(asked({**ONE, "output_dimensionality": 8, "taskType": "RETRIEVAL_QUERY"}), "m", "cohere")
    assert json.loads(body) == {"model": "m", "input": ["tidegate"], "dimensions": 8, "input_type": "search_query"}
    assert [(loss.kind, loss.field) for loss in losses] == [("mapped", "taskType")]


def test_a_batch() -> None:
    requests = [
        {**ONE, "embedContentConfig": {"outputDimensionality": 4}},
        {"content": {"parts": [{"text": "b"}]}, "outputDimensionality": 4},
    ]
    body, losses = encode(asked({"requests": requests}, batch=True), "m", "")
    assert (json.loads(body), losses) == ({"model": "m", "input": ["tidegate", "b"], "dimensions": 4}, [])


def test_what_only_google_has_is_on_the_receipt() -> None:
    found = asked({"requests": [{**ONE, "title": "T", "taskType": "SEMANTIC_SIMILARITY", "x": 1}]}, batch=True)
    _, losses = encode(found, "m", "")
    told = [("dropped", "requests[0].title"), ("dropped", "requests[0].x"), ("dropped", "taskType")]
    assert [(loss.kind, loss.field) for loss in losses] == told


def test_google_gets_the_clients_own_words() -> None:
    found = asked({**ONE, "title": "T"})
    assert json.loads(encode_own(found, "e-1")) == {"requests": [{**ONE, "title": "T", "model": "models/e-1"}]}
    assert json.loads(decode_own(b'{"embeddings":[{"values":[1]}],"usageMetadata":{}}')) == {
        "embedding": {"values": [1]},
        "usageMetadata": {},
    }


def test_answers() -> None:
    assert json.loads(decode(ANSWER, batch=True)) == {
        "embeddings": [{"values": [0.5, 1]}, {"values": [2]}],
        "usageMetadata": {"promptTokenCount": 3},
    }
    assert json.loads(decode(ANSWER, batch=False))["embedding"] == {"values": [0.5, 1]}


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data":[]}', b'{"data":[{"embedding":"AA=="}]}', b"x"])
def test_an_answer_that_is_none(body: bytes) -> None:
    with pytest.raises(GatewayError) as raised:
        decode(body, batch=False)
    assert raised.value.error.kind is ErrorKind.UPSTREAM


@pytest.mark.parametrize(
    ("body", "batch", "param"),
    [
        ({}, False, "content"),
        ({"content": {"parts": []}}, False, "content.parts[0].text"),
        ({"content": {"parts": [{"inlineData": {}}]}}, False, "content.parts[0]"),
        ({"content": "tide"}, False, "content"),
        ({"requests": []}, True, "requests"),
        ({"requests": [ONE, {"content": {}}]}, True, "requests[1].content.parts[0].text"),
        ({"requests": [ONE, {**ONE, "taskType": "CLUSTERING"}]}, True, "requests[1]"),
        ({**ONE, "outputDimensionality": "8"}, False, "outputDimensionality"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], batch: bool, param: str) -> None:
    with pytest.raises(GatewayError) as raised:
        asked(body, batch=batch)
    assert raised.value.error.param == param


@SLOW
@given(st.data())
def test_mutated_requests_raise_only_gateway_errors(data: st.DataObject) -> None:
    batch = data.draw(st.booleans())
    body = mutated(data, {"requests": [ONE, {**ONE, "title": "T"}]} if batch else {**ONE, "outputDimensionality": 8})
    try:
        found = asked(body, batch=batch)
    except GatewayError as refused:
        assert refused.error.kind in (ErrorKind.BAD_REQUEST, ErrorKind.UNSUPPORTED)
        return
    assert json.loads(encode(found, "m", "voyage")[0])["input"] == found.texts
    assert len(json.loads(encode_own(found, "m"))["requests"]) == len(found.requests)

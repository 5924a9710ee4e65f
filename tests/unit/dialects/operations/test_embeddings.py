import json
import struct
from base64 import b64decode
from typing import Any

import pytest

from tidegate.dialects.operations.embeddings import SHAPES
from tidegate.ir.errors import GatewayError
from tidegate.wire.splice import Fields, scan


def asked(**fields: Any) -> Fields:
    return scan(json.dumps({"model": "route", "input": "a", **fields}).encode())


def sent(shape: str, **fields: Any) -> tuple[Any, list[str]]:
    encoded = SHAPES[shape].encode(asked(**fields), "big")
    return json.loads(encoded.body), [f"{loss.kind}:{loss.field}" for loss in encoded.losses]


def answered(shape: str, answer: Any, **fields: Any) -> Any:
    return json.loads(SHAPES[shape].decode(json.dumps(answer).encode(), asked(**fields), "big"))


def test_gemini_gets_a_request_for_each_text():
    body, losses = sent("gemini", input=["a", "b"], dimensions=8, user="u", encoding_format="float")
    assert body == {
        "requests": [
            {"model": "models/big", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8},
            {"model": "models/big", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 8},
        ]
    }
    assert losses == ["dropped:user"]


def test_geminis_vectors_come_back_in_their_order():
    answer = answered("gemini", {"embeddings": [{"values": [0.5, 1]}, {"values": [2]}]}, input=["a", "b"])
    assert [(one["index"], one["embedding"]) for one in answer["data"]] == [(0, [0.5, 1]), (1, [2])]
    assert answer["model"] == "big"
    assert answer["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_base64_is_made_where_the_client_asked_for_it():
    answer = answered("gemini", {"embeddings": [{"values": [0.5, -1.25]}]}, encoding_format="base64")
    assert struct.unpack("<2f", b64decode(answer["data"][0]["embedding"])) == (0.5, -1.25)


def test_cohere_needs_to_know_the_kind_of_input():
    body, losses = sent("cohere", input="a", dimensions=256)
    assert body == {"texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 256}
    assert losses == ["mapped:input_type"]
    assert sent("cohere", input="a", input_type="search_query")[1] == []


@pytest.mark.parametrize("embeddings", [{"float": [[1.0]]}, [[1.0]]])
def test_coheres_vectors_by_type_or_plain(embeddings: Any):
    answer = answered("cohere", {"embeddings": embeddings, "meta": {"billed_units": {"input_tokens": 7}}})
    assert answer["data"][0]["embedding"] == [1.0]
    assert answer["usage"]["prompt_tokens"] == 7


def test_titan_takes_one_text():
    assert sent("titan", input=["a"], dimensions=256) == ({"inputText": "a", "dimensions": 256}, [])
    with pytest.raises(GatewayError, match="one text in each call"):
        sent("titan", input=["a", "b"])
    assert answered("titan", {"embedding": [1.5], "inputTextTokenCount": 3})["usage"]["total_tokens"] == 3


def test_voyage_has_other_names():
    body, losses = sent("voyage", dimensions=256, encoding_format="float", user="u")
    assert body == {"model": "big", "input": "a", "output_dimension": 256}
    assert losses == ["dropped:user"]
    assert sent("voyage", encoding_format="base64")[0]["encoding_format"] == "base64"
    assert answered("voyage", {"data": [], "usage": {"total_tokens": 5}})["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


@pytest.mark.parametrize("shape", ["gemini", "cohere", "titan"])
@pytest.mark.parametrize("value", [[1, 2], [[1]], "", [], None, {"a": 1}, 5])
def test_input_that_only_openai_reads_is_refused(shape: str, value: Any):
    with pytest.raises(GatewayError) as raised:
        sent(shape, input=value)
    assert raised.value.error.param == "input"
    assert raised.value.error.http_status == 400


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("body", [b"", b"[]", b"<html>"])
def test_answers_of_another_form_are_the_providers_fault(shape: str, body: bytes):
    with pytest.raises(GatewayError) as raised:
        SHAPES[shape].decode(body, asked(), "big")
    assert raised.value.error.http_status == 502


@pytest.mark.parametrize("answer", [{}, {"embeddings": [{"values": "x"}]}, {"embeddings": 5}, {"embedding": None}])
@pytest.mark.parametrize("shape", ["gemini", "cohere", "titan"])
def test_answers_without_vectors_are_the_providers_fault(shape: str, answer: Any):
    with pytest.raises(GatewayError) as raised:
        answered(shape, answer)
    assert raised.value.error.http_status == 502

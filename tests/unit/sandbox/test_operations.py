import base64
import json
import struct
from typing import Any

import pytest

from tidegate.sandbox.engine import Request
from tidegate.sandbox.operations import SIZE, operate, vector


def asked(name: str, body: Any) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps({"model": "m", **body}).encode()
    outcome = operate(name, Request("req_1", {}, raw))
    return outcome.status, json.loads(outcome.body)


def likeness(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(vector(one, SIZE), vector(other, SIZE), strict=True))


def test_embeddings_in_both_forms_are_the_same_numbers():
    status, plain = asked("embeddings", {"input": ["a b", "c"]})
    _, packed = asked("embeddings", {"input": ["a b", "c"], "encoding_format": "base64"})
    assert status == 200
    for one, other in zip(plain["data"], packed["data"], strict=True):
        assert struct.unpack(f"<{SIZE}f", base64.b64decode(other["embedding"])) == pytest.approx(one["embedding"])
    assert plain["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


def test_texts_that_share_words_are_alike():
    assert likeness("the cat sat", "the cat sat") == pytest.approx(1)
    assert likeness("the cat sat", "the cat ran") > likeness("the cat sat", "rain in Spain")


def test_dimensions():
    assert len(asked("embeddings", {"input": "a", "dimensions": 7})[1]["data"][0]["embedding"]) == 7


def test_rerank_puts_the_likest_first():
    body = {"query": "capital of France", "documents": ["rain", "Paris is the capital of France"], "top_n": 1, "return_documents": True}
    _, answer = asked("rerank", body)
    assert [(one["index"], one["document"]["text"]) for one in answer["results"]] == [(1, "Paris is the capital of France")]


def test_moderation_flags_one_word():
    _, answer = asked("moderations", {"input": ["peace", "no violence here"]})
    assert [one["flagged"] for one in answer["results"]] == [False, True]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("embeddings", b"["),
        ("embeddings", b"[]"),
        ("embeddings", {}),
        ("embeddings", {"input": ""}),
        ("embeddings", {"input": [5, "a"]}),
        ("embeddings", {"input": "a", "dimensions": 0}),
        ("embeddings", {"input": "a", "encoding_format": "int8"}),
        ("rerank", {"documents": ["a"]}),
        ("rerank", {"query": "a", "documents": []}),
        ("moderations", {"input": None}),
    ],
)
def test_bad_requests(name: str, body: Any):
    status, answer = asked(name, body)
    assert status == 400
    assert answer["error"]["message"]

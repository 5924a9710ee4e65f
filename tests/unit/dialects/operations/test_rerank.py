import json

from tidegate.dialects.operations.rerank import BEDROCK, BEDROCK_COHERE, VOYAGE
from tidegate.wire.splice import scan


def test_voyage_has_other_names_both_ways():
    asked = scan(b'{"model": "route", "query": "q", "documents": ["a", "b"], "top_n": 1}')
    assert json.loads(VOYAGE.encode(asked, "rerank-2").body) == {"model": "rerank-2", "query": "q", "documents": ["a", "b"], "top_k": 1}
    answer = {"object": "list", "data": [{"relevance_score": 0.7, "index": 1, "document": "b"}], "usage": {"total_tokens": 4}}
    assert json.loads(VOYAGE.decode(json.dumps(answer).encode(), asked, "rerank-2")) == {
        "model": "rerank-2",
        "results": [{"relevance_score": 0.7, "index": 1, "document": {"text": "b"}}],
        "usage": {"total_tokens": 4},
    }


def test_bedrock_has_fewer_fields():
    asked = scan(b'{"model": "route", "query": "q", "documents": ["a", "b"], "top_n": 1, "return_documents": true}')
    encoded = BEDROCK.encode(asked, "amazon.rerank-v1:0")
    assert json.loads(encoded.body) == {"query": "q", "documents": ["a", "b"], "top_n": 1}
    assert [(loss.kind, loss.field) for loss in encoded.losses] == [("dropped", "return_documents")]
    assert json.loads(BEDROCK_COHERE.encode(asked, "m").body)["api_version"] == 2
    results = [{"index": 1, "relevance_score": 0.7}]
    answer = json.loads(BEDROCK.decode(json.dumps({"results": results}).encode(), asked, "m"))
    assert answer == {"model": "m", "results": results, "usage": {}}

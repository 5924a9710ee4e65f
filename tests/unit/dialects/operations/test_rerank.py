import json

from tidegate.dialects.operations.rerank import VOYAGE
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

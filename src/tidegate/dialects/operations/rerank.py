"""`rerank`. OpenAI has none; Cohere's and Jina's request is what the field took over: `model`, `query`, `documents`, `top_n`,
`return_documents`, and an answer with `results`. Voyage has other names."""

from tidegate.dialects.base import Encoded
from tidegate.dialects.operations.answers import answer_of, odd_answer
from tidegate.dialects.operations.base import Shape
from tidegate.dialects.operations.taps import read_whole
from tidegate.dialects.values import dump, object_or_empty
from tidegate.ir.json import Json
from tidegate.wire.splice import Fields, splice


def _voyage_encode(fields: Fields, model: str) -> Encoded:
    """https://docs.voyageai.com/reference/reranker-api."""
    return Encoded(splice(fields, {"model": dump(model)}, rename={"top_n": "top_k"}), [])


def _voyage_decode(body: bytes, _fields: Fields, model: str) -> bytes:
    answer = answer_of(body)
    data = answer.get("data")
    if type(data) is not list:
        raise odd_answer("`data`")
    results: list[Json] = []
    for one in data:
        found = object_or_empty(one)
        document = found.get("document")
        if type(document) is str:
            found["document"] = {"text": document}
        results.append(found)
    return dump({"model": answer.get("model") or model, "results": results, "usage": answer.get("usage") or {}})


VOYAGE = Shape(path="/rerank", encode=_voyage_encode, decode=_voyage_decode, read=read_whole)
SHAPES = {"voyage": VOYAGE}

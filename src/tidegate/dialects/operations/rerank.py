"""`rerank`. OpenAI has none; Cohere's and Jina's request is what the field took over: `model`, `query`, `documents`, `top_n`,
`return_documents`, and an answer with `results`. Voyage has other names, and models on Bedrock fewer."""

from tidegate.dialects.base import Encoded
from tidegate.dialects.operations.answers import answer_of, field, odd_answer
from tidegate.dialects.operations.base import Shape
from tidegate.dialects.operations.taps import read_whole
from tidegate.dialects.values import dump, object_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
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


def _bedrock_encode(fields: Fields, _model: str) -> Encoded:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-rerank.html: Amazon's model, which is told no version."""
    body: JsonObject = {name: field(fields, name) for name in ("query", "documents", "top_n") if fields.get(name) not in (None, b"null")}
    losses = [Loss("dropped", name, "not known to Bedrock's rerank") for name in fields.spans if name not in (*body, "model")]
    return Encoded(dump(body), losses)


def _cohere_encode(fields: Fields, model: str) -> Encoded:
    encoded = _bedrock_encode(fields, model)
    return Encoded(dump({**answer_of(encoded.body), "api_version": 2}), encoded.losses)


def _bedrock_decode(body: bytes, _fields: Fields, model: str) -> bytes:
    results = answer_of(body).get("results")
    if type(results) is not list:
        raise odd_answer("`results`")
    return dump({"model": model, "results": results, "usage": {}})


VOYAGE = Shape(path="/rerank", encode=_voyage_encode, decode=_voyage_decode, read=read_whole)
BEDROCK_COHERE = Shape(path="/model/{model}/invoke", encode=_cohere_encode, decode=_bedrock_decode, read=read_whole)
BEDROCK = Shape(path="/model/{model}/invoke", encode=_bedrock_encode, decode=_bedrock_decode, read=read_whole)
SHAPES = {"voyage": VOYAGE, "bedrock": BEDROCK, "bedrock_cohere": BEDROCK_COHERE}

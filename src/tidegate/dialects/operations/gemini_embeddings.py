"""Google's `embedContent` and `batchEmbedContents` as a client sends them: read into the embeddings operation, whose own wire is OpenAI's,
and its answer written in Google's shape. https://ai.google.dev/api/embeddings
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import msgspec

from tidegate.dialects.gemini.names import camel
from tidegate.dialects.operations.answers import answer_of, numbers_of, odd_answer
from tidegate.dialects.operations.taps import read_whole
from tidegate.dialects.reading import as_object, join, missing, take_int, take_list, take_object, take_opt_str
from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import bad_request, unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss

_KINDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "cohere": {
            "RETRIEVAL_QUERY": "search_query",
            "QUESTION_ANSWERING": "search_query",
            "FACT_VERIFICATION": "search_query",
            "CODE_RETRIEVAL_QUERY": "search_query",
            "RETRIEVAL_DOCUMENT": "search_document",
            "CLASSIFICATION": "classification",
            "CLUSTERING": "clustering",
        },
        "voyage": {"RETRIEVAL_QUERY": "query", "CODE_RETRIEVAL_QUERY": "query", "RETRIEVAL_DOCUMENT": "document"},
    }
)
"""By the shape of the provider's embeddings: its word for what the vectors are for (`input_type`)."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked: a text for each vector, and how they are to be. `requests` are its own words, one unless it sent a `batch`;
    `others` are the fields that only Google knows."""

    texts: list[str]
    dimensions: int | None
    task: str | None
    batch: bool
    requests: list[JsonObject]
    others: tuple[str, ...]


def read(body: bytes, *, batch: bool) -> Asked:
    """Raises `GatewayError` (BAD_REQUEST) with the field that is not as Google documents it, UNSUPPORTED for what is no text."""
    try:
        whole = as_object(parse(body), "")
    except ValueError:
        raise bad_request("The body is not JSON.", None) from None
    items = take_list(camel(dict(whole)), "requests", "") if batch else [cast("Json", whole)]
    if not items:
        raise missing("requests")
    places = [f"requests[{index}]" if batch else "" for index in range(len(items))]
    requests = [as_object(item, place or "body") for item, place in zip(items, places, strict=True)]
    found = [_one(request, place) for request, place in zip(requests, places, strict=True)]
    first = found[0]
    for one, place in zip(found, places, strict=True):
        if (one.dimensions, one.task) != (first.dimensions, first.task):
            raise unsupported("All requests of a batch must be for the same task and of the same size.", place)
    others = tuple(dict.fromkeys(name for one in found for name in one.others))
    texts = [text for one in found for text in one.texts]
    return Asked(texts=texts, dimensions=first.dimensions, task=first.task, batch=batch, requests=requests, others=others)


def _one(request: JsonObject, place: str) -> Asked:
    raw = camel(dict(request))
    raw.pop("model", None)
    raw |= camel(dict(take_object(raw, "embedContentConfig", place) or {}))
    content = take_object(raw, "content", place)
    where = join(place, "content")
    if content is None:
        raise missing(where)
    pieces: list[str] = []
    for index, part in enumerate(take_list(dict(content), "parts", where) or []):
        text = as_object(part, f"{where}.parts[{index}]").get("text")
        if type(text) is not str:
            raise unsupported("Embeddings are made of texts here.", f"{where}.parts[{index}]")
        pieces.append(text)
    if not "".join(pieces):
        raise missing(f"{where}.parts[0].text")
    task, dimensions = take_opt_str(raw, "taskType", place), take_int(raw, "outputDimensionality", place)
    others = tuple(join(place, name) for name in raw)
    return Asked(texts=["".join(pieces)], dimensions=dimensions, task=task, batch=False, requests=[request], others=others)


def encode(asked: Asked, model: str, shape: str) -> tuple[bytes, list[Loss]]:
    """The call on OpenAI's wire, for a provider whose row names `shape` (empty where it is OpenAI's)."""
    body: JsonObject = {"model": model, "input": cast("list[Json]", asked.texts)}
    if asked.dimensions is not None:
        body["dimensions"] = asked.dimensions
    losses = [Loss("dropped", name, "only Google's embeddings have it") for name in asked.others]
    if asked.task is not None:
        kind = _KINDS.get(shape, {}).get(asked.task)
        if kind is None:
            losses.append(Loss("dropped", "taskType", "the model has no word for this task"))
        else:
            body["input_type"] = kind
            losses.append(Loss("mapped", "taskType", f"said as `{kind}`"))
    return dump(body), losses


def encode_own(asked: Asked, model: str) -> bytes:
    """The same for Google, in the client's own words."""
    name = model if model.startswith("models/") else f"models/{model}"
    return dump({"requests": [{**request, "model": name} for request in asked.requests]})


def decode_own(body: bytes) -> bytes:
    """Google's answer to a batch of one, as that to a single request."""
    answer = answer_of(body)
    embeddings = answer.pop("embeddings", None)
    if type(embeddings) is not list or not embeddings:
        raise odd_answer("`embeddings`")
    return dump({"embedding": embeddings[0], **answer})


def decode(body: bytes, *, batch: bool) -> bytes:
    """OpenAI's answer as Google gives it. Raises `GatewayError` (UPSTREAM) where it is none."""
    data = answer_of(body).get("data")
    if type(data) is not list or not data:
        raise odd_answer("`data`")
    vectors: list[JsonObject] = [{"values": cast("list[Json]", numbers_of(object_or_empty(one).get("embedding")))} for one in data]
    usage = read_whole(body).usage
    answer: JsonObject = {"embeddings": cast("list[Json]", vectors)} if batch else {"embedding": vectors[0]}
    if usage is not None:
        answer["usageMetadata"] = {"promptTokenCount": usage.prompt}
    return dump(answer)

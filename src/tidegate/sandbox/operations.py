"""The sandbox's embeddings, rerank and moderation: the same answer for the same text, similar ones for similar texts. `app` calls it."""

import base64
import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from tidegate.sandbox.engine import Outcome, Request, refuse
from tidegate.sandbox.openai import OPENAI
from tidegate.sandbox.values import Json, Obj, RequestRefused, as_text, names, token_estimate

SIZE = 64
"""Numbers of a vector that the client does not ask another size for."""
_MOST = 4096
_WORD = 8
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_Operation: TypeAlias = Callable[[Obj], Obj]


def operate(name: str, request: Request) -> Outcome:
    """The outcome of one request; never raises for what a client sends."""
    try:
        body = _body(request.body)
        answer = OPERATIONS[name](body)
    except RequestRefused as error:
        return refuse(OPENAI, request.id, error)
    usage = answer.get("usage")
    headers = [(b"content-type", b"application/json"), (OPENAI.request_id_header.encode(), request.id.encode())]
    tokens = token_estimate(body.get("input") or [body.get("query"), body.get("documents")])
    return Outcome(
        200,
        headers,
        body=_encode(answer),
        model=as_text(body.get("model")),
        input_tokens=tokens,
        usage=usage if isinstance(usage, dict) else None,
    )


def _body(raw: bytes) -> Obj:
    try:
        body: Json = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise RequestRefused("The request body must be a JSON object.")
    return body


def _texts(body: Obj, name: str) -> list[str]:
    """Texts, or lists of token ids, each as one text."""
    value = body.get(name)
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list) and value:
        if all(isinstance(item, int) for item in value):
            return [str(value)]
        if all(isinstance(item, str | list | dict) and item for item in value):
            return [item if isinstance(item, str) else _encode(item).decode() for item in value]
    raise RequestRefused(f"`{name}` must be a text or a list of texts that are not empty.", name)


def vector(text: str, size: int) -> list[float]:
    """A vector of length 1 from the words of a text: texts that share words point the same way."""
    sums = [0.0] * size
    for word in sorted(names(text.lower())) or [text]:
        seed = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        for index in range(size):
            sums[index] += hashlib.blake2b(index.to_bytes(2), key=seed, digest_size=1).digest()[0] / 127.5 - 1
    length = math.sqrt(sum(value * value for value in sums)) or 1.0
    return [value / length for value in sums]


def _embeddings(body: Obj) -> Obj:
    texts = _texts(body, "input")
    size = body.get("dimensions", SIZE)
    if not isinstance(size, int) or not 1 <= size <= _MOST:
        raise RequestRefused(f"`dimensions` must be a number from 1 to {_MOST}.", "dimensions")
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise RequestRefused("`encoding_format` must be `float` or `base64`.", "encoding_format")
    data: list[Json] = []
    for index, text in enumerate(texts):
        numbers = vector(text, size)
        shown: Json = base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode() if form == "base64" else [*numbers]
        data.append({"object": "embedding", "index": index, "embedding": shown})
    tokens = token_estimate([*texts])
    return {"object": "list", "data": data, "model": body.get("model"), "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _rerank(body: Obj) -> Obj:
    query = as_text(body.get("query"))
    if not query:
        raise RequestRefused("`query` must be a text that is not empty.", "query")
    documents = _texts(body, "documents")
    asked = vector(query, SIZE)
    scored = [
        (sum(one * other for one, other in zip(asked, vector(text, SIZE), strict=True)), index) for index, text in enumerate(documents)
    ]
    most = body.get("top_n")
    best = sorted(scored, key=lambda found: (-found[0], found[1]))[: most if isinstance(most, int) and most > 0 else None]
    results: list[Json] = []
    for score, index in best:
        found: Obj = {"index": index, "relevance_score": round((score + 1) / 2, 6)}
        if body.get("return_documents") is True:
            found["document"] = {"text": documents[index]}
        results.append(found)
    return {"model": body.get("model"), "results": results, "usage": {"total_tokens": token_estimate([query, *documents])}}


def _moderations(body: Obj) -> Obj:
    """Flags the word `violence` and nothing else."""
    results: list[Json] = []
    for text in _texts(body, "input"):
        flagged = "violence" in names(text.lower())
        results.append(
            {"flagged": flagged, "categories": {"violence": flagged}, "category_scores": {"violence": 0.99 if flagged else 0.01}}
        )
    return {"id": "modr-sandbox", "model": body.get("model") or "moderator", "results": results}


OPERATIONS: Mapping[str, _Operation] = MappingProxyType({"embeddings": _embeddings, "rerank": _rerank, "moderations": _moderations})
"""By the last part of their path."""

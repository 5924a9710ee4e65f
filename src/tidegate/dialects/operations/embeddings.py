"""`embeddings` in the shapes that are not OpenAI's: Gemini's batch, Cohere's, Voyage's, and on Bedrock Titan's and Cohere's."""

from tidegate.dialects.base import Encoded, Whole
from tidegate.dialects.openai_chat.usage import count
from tidegate.dialects.operations.answers import answer_of, base64_floats, field, numbers_of, odd_answer, texts_of
from tidegate.dialects.operations.base import Shape
from tidegate.dialects.operations.taps import read_whole, usage_of
from tidegate.dialects.values import dump, object_or_empty
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage
from tidegate.wire.splice import Fields, splice

_HINTS = ("user",)
_GEMINI = frozenset(("model", "input", "dimensions", "encoding_format", "task_type"))
_READ = frozenset(("model", "input", "dimensions", "encoding_format", "input_type", "task_type", "truncate", "truncation"))


def _losses(fields: Fields, taken: frozenset[str]) -> list[Loss]:
    """What the shape has no place for: hints are dropped, everything else too, but said."""
    return [
        Loss("dropped", name, "not known to this provider's embeddings")
        for name in fields.spans
        if name not in taken and fields.get(name) != b"null"
    ]


def _answer(vectors: list[list[float]], fields: Fields, model: str, usage: Usage | None) -> bytes:
    base64 = field(fields, "encoding_format") == "base64"
    tokens = 0 if usage is None else usage.prompt
    data: list[Json] = [
        {"object": "embedding", "index": index, "embedding": base64_floats(vector) if base64 else [*vector]}
        for index, vector in enumerate(vectors)
    ]
    return dump({"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def _gemini_encode(fields: Fields, model: str) -> Encoded:
    """https://ai.google.dev/api/embeddings: one request for each text; `dimensions` is `outputDimensionality`."""
    rest: JsonObject = {}
    dimensions, task = field(fields, "dimensions"), field(fields, "task_type")
    if dimensions is not None:
        rest["outputDimensionality"] = dimensions
    if task is not None:
        rest["taskType"] = task
    name = model if model.startswith("models/") else f"models/{model}"
    requests = [{"model": name, "content": {"parts": [{"text": text}]}, **rest} for text in texts_of(fields, "input")]
    return Encoded(dump({"requests": requests}), _losses(fields, _GEMINI))


def _gemini_decode(body: bytes, fields: Fields, model: str) -> bytes:
    embeddings = answer_of(body).get("embeddings")
    if type(embeddings) is not list:
        raise odd_answer("`embeddings`")
    vectors = [numbers_of(object_or_empty(one).get("values")) for one in embeddings]
    return _answer(vectors, fields, model, _gemini_read(body).usage)


def _gemini_read(body: bytes) -> Whole:
    """Only newer models count: `usageMetadata.promptTokenCount`."""
    tokens = count(object_or_empty(answer_of(body).get("usageMetadata")).get("promptTokenCount"))
    return Whole(None, None if tokens is None else Usage(input=tokens, output=0))


def _cohere_encode(fields: Fields, _model: str) -> Encoded:
    """https://docs.cohere.com/reference/embed; also Cohere's models on Bedrock. The kind of input is required, and a
    client that does not say it indexes documents more often than it asks."""
    kind = field(fields, "input_type")
    losses = _losses(fields, _READ)
    if kind is None:
        kind = "search_document"
        losses.append(Loss("mapped", "input_type", "required by Cohere: taken as `search_document`; send `input_type` for another"))
    body: JsonObject = {"texts": [*texts_of(fields, "input")], "input_type": kind, "embedding_types": ["float"]}
    dimensions, truncate = field(fields, "dimensions"), field(fields, "truncate")
    if dimensions is not None:
        body["output_dimension"] = dimensions
    if truncate is not None:
        body["truncate"] = truncate
    return Encoded(dump(body), losses)


def _cohere_decode(body: bytes, fields: Fields, model: str) -> bytes:
    embeddings = answer_of(body).get("embeddings")
    found = embeddings.get("float") if isinstance(embeddings, dict) else embeddings
    if type(found) is not list:
        raise odd_answer("`embeddings`")
    return _answer([numbers_of(one) for one in found], fields, model, read_whole(body).usage)


def _titan_encode(fields: Fields, _model: str) -> Encoded:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html: one text for each call."""
    texts = texts_of(fields, "input")
    if len(texts) > 1:
        raise unsupported("This model embeds one text in each call: send `input` as one string, or name the model alone.", "input")
    body: JsonObject = {"inputText": texts[0]}
    dimensions = field(fields, "dimensions")
    if dimensions is not None:
        body["dimensions"] = dimensions
    return Encoded(dump(body), _losses(fields, _READ))


def _titan_decode(body: bytes, fields: Fields, model: str) -> bytes:
    return _answer([numbers_of(answer_of(body).get("embedding"))], fields, model, _titan_read(body).usage)


def _titan_read(body: bytes) -> Whole:
    tokens = count(answer_of(body).get("inputTextTokenCount"))
    return Whole(None, None if tokens is None else Usage(input=tokens, output=0))


def _voyage_encode(fields: Fields, model: str) -> Encoded:
    """https://docs.voyageai.com/reference/embeddings-api: OpenAI's wire but for names, and `float` is said by leaving the format out."""
    drop = [name for name in (*_HINTS, "encoding_format") if name in fields.spans]
    if field(fields, "encoding_format") == "base64":
        drop.remove("encoding_format")
    losses = [Loss("dropped", name, "not known to Voyage") for name in drop if name in _HINTS]
    return Encoded(splice(fields, {"model": dump(model)}, rename={"dimensions": "output_dimension"}, drop=drop), losses)


def _voyage_decode(body: bytes, _fields: Fields, _model: str) -> bytes:
    """Voyage has no `prompt_tokens`, which OpenAI's clients want."""
    answer = answer_of(body)
    usage = object_or_empty(answer.get("usage"))
    answer["usage"] = {"prompt_tokens": usage_of(usage).prompt, **usage}
    return dump(answer)


GEMINI = Shape(path="/models/{model}:batchEmbedContents", encode=_gemini_encode, decode=_gemini_decode, read=_gemini_read)
COHERE = Shape(path="/v2/embed", encode=_cohere_encode, decode=_cohere_decode, read=read_whole)
TITAN = Shape(path="/model/{model}/invoke", encode=_titan_encode, decode=_titan_decode, read=_titan_read, single="input")
VOYAGE = Shape(path="/embeddings", encode=_voyage_encode, decode=_voyage_decode, read=read_whole)
SHAPES = {"gemini": GEMINI, "cohere": COHERE, "titan": TITAN, "voyage": VOYAGE}

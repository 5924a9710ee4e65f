"""The taps of operations: usage, model, commit and end of answers that pass through untouched."""

from typing import Any

import msgspec

from tidegate.dialects.base import Whole
from tidegate.dialects.openai_chat.usage import count, decode_usage
from tidegate.dialects.openai_errors import error_of
from tidegate.dialects.values import object_or_empty, parse
from tidegate.ir.content import Origin
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.json import JsonObject
from tidegate.ir.response import Response, Stop
from tidegate.ir.usage import Usage

_ENDS = (".done", ".completed")
"""How the last event of a streamed image, transcript or speech is named: `image_generation.completed`, `transcript.text.done`."""


class _Answer(msgspec.Struct):
    model: Any = None
    usage: Any = None
    meta: Any = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Answer)
_TOKENS = frozenset(("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"))
NO_ANSWER = Error(kind=ErrorKind.UPSTREAM, message="the provider's answer is no JSON object", code="upstream_invalid_response")


def usage_of(raw: JsonObject) -> Usage:
    """`usage` of an operation: by the names of chat completions, or `input_tokens` and `output_tokens` (images, transcripts), or
    `total_tokens` alone (Voyage, Jina), which is then all input. Seconds of audio are kept as they are."""
    if not _TOKENS & raw.keys():
        return Usage(extras=raw)
    if "input_tokens" not in raw and "output_tokens" not in raw:
        if "prompt_tokens" not in raw and "total_tokens" in raw:
            raw = {**raw, "prompt_tokens": raw["total_tokens"]}
        return decode_usage(raw)
    details = object_or_empty(raw.get("input_token_details") or raw.get("input_tokens_details"))
    known = ("input_tokens", "output_tokens", "total_tokens")
    return Usage(
        input=count(raw.get("input_tokens")),
        output=count(raw.get("output_tokens")),
        audio_input=count(details.get("audio_tokens")),
        extras={name: value for name, value in raw.items() if name not in known},
    )


def read_whole(body: bytes) -> Whole:
    """What a whole answer says of itself; nothing for a body that is none."""
    try:
        answer = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Whole(None, None)
    told = object_or_empty(answer.usage)
    usage = usage_of(told) if told else _billed(answer.meta)
    return Whole(answer.model if type(answer.model) is str else None, usage)


def _billed(meta: Any) -> Usage | None:
    """Cohere's `meta.billed_units`: tokens of embeddings, search units of rerank."""
    billed = object_or_empty(object_or_empty(meta).get("billed_units"))
    if not billed:
        return None
    tokens = count(billed.get("input_tokens"))
    rest = {name: value for name, value in billed.items() if name != "input_tokens"}
    return Usage(input=tokens, output=None if tokens is None else 0, extras=rest)


def refuse_errors(body: bytes, _origin: Origin) -> Response:
    """For answers that do not say their model: an error with status 200 is one all the same. Raises `GatewayError`."""
    try:
        answer = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise GatewayError(NO_ANSWER) from None
    if answer.error:
        raise GatewayError(error_of(object_or_empty(msgspec.json.decode(body))))
    return Response(dialect="openai_chat", id="", model="", blocks=[], stop=Stop("end"))


class OperationTap:
    """See `dialects.base.Tap`. The first event that carries anything commits."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.committed = False
        self.model: str | None = None
        self.error: Error | None = None

    def feed(self, event: str, data: bytes) -> bool:
        if data.strip() == b"[DONE]":
            self.finished = True
            return False
        try:
            value = parse(data)
        except ValueError:
            return False
        if type(value) is not dict:
            return False
        if value.get("error") or event == "error" or value.get("type") == "error":
            self.error = error_of(value)
            return False
        self._read(value)
        return False

    def _read(self, value: JsonObject) -> None:
        self.committed = True
        usage, model, kind = value.get("usage"), value.get("model"), value.get("type")
        if type(usage) is dict:
            self.usage = usage_of(usage)
        if type(model) is str and model:
            self.model = model
        if type(kind) is str and kind.endswith(_ENDS):
            self.finished = True
        choices = value.get("choices")
        if type(choices) is list and any(object_or_empty(choice).get("finish_reason") for choice in choices):
            self.finished = True

"""Writes OpenAI chat completions: the whole answer, the stream and the errors. Pure; used by `engine` through the `OPENAI` record.

Format: https://platform.openai.com/docs/api-reference/chat (and /chat-streaming).
"""

from collections.abc import Iterator

import msgspec

from tidegate.sandbox.answer import Answer, Call, Redacted, Search, Text, Thinking
from tidegate.sandbox.dialect import Dialect, Frame, Made
from tidegate.sandbox.openai_request import read
from tidegate.sandbox.values import Json, Obj, digest
from tidegate.wire.sse import frame

_STOPS = {"end": "stop", "length": "length", "tool": "tool_calls", "stop_sequence": "stop", "refusal": "stop"}
_KINDS = {401: "invalid_request_error", 403: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_encode = msgspec.json.Encoder().encode


def usage(made: Made) -> Obj:
    """The usage object as the answer reports it."""
    script = made.script
    reasoning = sum(answer.reasoning_tokens for answer in made.answers)
    numbers: Obj = {
        "prompt_tokens": made.input_tokens,
        "completion_tokens": made.output_tokens,
        "total_tokens": made.input_tokens + made.output_tokens,
        "prompt_tokens_details": {"cached_tokens": script.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if script.mode == "zero_usage":
        numbers = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {**numbers, **script.usage}


def whole(made: Made) -> bytes:
    """The body of an answer that is not streamed."""
    choices: list[Json] = []
    for index, answer in enumerate(made.answers):
        message, logprobs = _message(made, answer, index)
        choices.append({"index": index, "message": message, "logprobs": logprobs, "finish_reason": _finish(answer)})
    body: Obj = {**_head(made, "chat.completion"), "choices": choices}
    if made.reports_usage:
        body["usage"] = usage(made)
    return _encode(body)


def events(made: Made) -> Iterator[Frame]:
    """The stream: for each choice the role, the deltas and the finish; then usage if it was asked for, and `[DONE]`."""
    reports = made.turn.include_usage and made.reports_usage
    for index, answer in enumerate(made.answers):
        chunk = _Chunks(made, index, b',"usage":null}\n\n' if reports else b"}\n\n")
        first: Obj = {
            "role": "assistant",
            "content": None if isinstance(answer.parts[0] if answer.parts else None, Call) else "",
            "refusal": None,
        }
        yield chunk.any(first), 0
        for _ in range(made.script.pings if index == 0 else 0):
            yield b": keep-alive\n\n", 0
        yield from _deltas(made, answer, index, chunk)
        yield chunk.any({}, _finish(answer)), 0
    if reports:
        yield frame(_encode({**_head(made, "chat.completion.chunk"), "choices": [], "usage": usage(made)})), 0
    for _ in range(2 if made.script.mode == "dup_done" else 1):
        yield b"data: [DONE]\n\n", 0


def error(status: int, kind: str | None, message: str, param: str | None, code: str | None, _request_id: str) -> bytes:
    """The body of an error."""
    kind = kind or _KINDS.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code or _CODES.get(status)}})


def error_event(detail: Json) -> bytes:
    """The event that breaks a stream off: `detail` is an error object, its type, or true."""
    fields: Obj = {"message": "The server had an error while processing your request.", "type": "server_error", "param": None, "code": None}
    if isinstance(detail, dict):
        fields |= detail
    elif isinstance(detail, str):
        fields["type"] = detail
    return frame(_encode({"error": fields}))


class _Chunks:
    """Writes the chunks of one choice: what does not change in a stream is encoded once."""

    def __init__(self, made: Made, index: int, tail: bytes) -> None:
        head = _encode({**_head(made, "chat.completion.chunk"), "choices": []})
        self._head = b"data: " + head.removesuffix(b"]}") + b'{"index":' + str(index).encode() + b',"delta":'
        self._tail = b"}]" + tail
        self._logprobs = made.turn.logprobs
        self._rest = b',"logprobs":null,"finish_reason":null' + self._tail

    def text(self, field: bytes, piece: str) -> bytes:
        if self._logprobs and field == b"content":
            rest = b',"logprobs":' + _encode({"content": [_logprob(piece)], "refusal": None}) + b',"finish_reason":null' + self._tail
        else:
            rest = self._rest
        return self._head + b'{"' + field + b'":' + _encode(piece) + b"}" + rest

    def any(self, delta: Obj, finish: str | None = None) -> bytes:
        return self._head + _encode(delta) + b',"logprobs":null,"finish_reason":' + _encode(finish) + self._tail


def _deltas(made: Made, answer: Answer, choice: int, chunk: _Chunks) -> Iterator[Frame]:
    calls: list[Iterator[Frame]] = []
    for part in answer.parts:
        if isinstance(part, Call):
            calls.append(_call_deltas(made, part, choice, len(calls), chunk))
        else:
            yield from _part_deltas(made, part, chunk, refused=answer.refused)
    if not made.script.interleave:
        for call in calls:
            yield from call
        return
    while calls:
        for call in list(calls):
            event = next(call, None)
            if event is None:
                calls.remove(call)
            else:
                yield event


def _part_deltas(made: Made, part: Text | Thinking | Redacted | Search, chunk: _Chunks, *, refused: bool) -> Iterator[Frame]:
    if isinstance(part, Text | Thinking):
        field = made.script.reasoning_field if isinstance(part, Thinking) else "refusal" if refused else "content"
        if field != "none":
            for piece in part.pieces:
                yield chunk.text(field.encode(), piece), 1
            return
    if isinstance(part, Search):
        yield chunk.any({"annotations": [_annotation(part)]}), 1
        return
    # Reasoning that is not shown still takes its time: a comment carries its tokens.
    yield b": reasoning\n\n", len(part.pieces) if isinstance(part, Text | Thinking) else 1


def _call_deltas(made: Made, call: Call, choice: int, index: int, chunk: _Chunks) -> Iterator[Frame]:
    function: Obj = {"name": call.name, "arguments": ""}
    yield (
        chunk.any({"tool_calls": [{"index": index, "id": _call_id(made, call, choice, index), "type": "function", "function": function}]}),
        0,
    )
    for piece in call.pieces:
        yield chunk.any({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}), 1


def _message(made: Made, answer: Answer, choice: int) -> tuple[Obj, Json]:
    text = [piece for part in answer.parts if isinstance(part, Text) for piece in part.pieces]
    thinking = "".join(piece for part in answer.parts if isinstance(part, Thinking) for piece in part.pieces)
    calls = [part for part in answer.parts if isinstance(part, Call)]
    joined = "".join(text) if text or not calls else None
    message: Obj = {"role": "assistant", "content": None if answer.refused else joined, "refusal": joined if answer.refused else None}
    message["annotations"] = [_annotation(part) for part in answer.parts if isinstance(part, Search)]
    if thinking and made.script.reasoning_field != "none":
        message[made.script.reasoning_field] = thinking
    if calls:
        message["tool_calls"] = [
            {
                "id": _call_id(made, call, choice, index),
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.pieces)},
            }
            for index, call in enumerate(calls)
        ]
    return message, {"content": [_logprob(piece) for piece in text], "refusal": None} if made.turn.logprobs else None


def _head(made: Made, kind: str) -> Obj:
    return {
        "id": f"chatcmpl-{made.stem[:29]}",
        "object": kind,
        "created": made.created,
        "model": made.turn.model,
        "service_tier": "default",
        "system_fingerprint": "fp_tidegate_sandbox",
    }


def _finish(answer: Answer) -> str:
    return _STOPS.get(answer.stop, answer.stop)


def _call_id(made: Made, call: Call, choice: int, index: int) -> str:
    return call.id or f"call_{digest(made.stem, choice, index)[:24]}"


def _annotation(search: Search) -> Obj:
    cited: Obj = {"url": "https://example.com/", "title": f"About {search.query}", "start_index": 0, "end_index": 0}
    return {"type": "url_citation", "url_citation": cited}


def _logprob(piece: str) -> Obj:
    return {"token": piece, "logprob": -0.25, "bytes": list(piece.encode()), "top_logprobs": []}


OPENAI = Dialect(
    name="openai_chat",
    read=read,
    whole=whole,
    events=events,
    usage=usage,
    error=error,
    error_event=error_event,
    garbage=b'data: {"choices":[{"del\xff\xfe\x00<html>not an event\n\n',
    request_id_header="x-request-id",
    headers=[
        (b"openai-version", b"2020-10-01"),
        (b"openai-processing-ms", b"7"),
        (b"x-ratelimit-limit-requests", b"10000"),
        (b"x-ratelimit-remaining-requests", b"9999"),
        (b"x-ratelimit-limit-tokens", b"2000000"),
        (b"x-ratelimit-remaining-tokens", b"1999900"),
        (b"x-ratelimit-reset-requests", b"6ms"),
        (b"x-ratelimit-reset-tokens", b"3ms"),
    ],
)

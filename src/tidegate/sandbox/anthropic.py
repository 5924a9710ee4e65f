"""Writes Anthropic messages: the whole answer, the stream and the errors. Pure; used by `engine` through the `ANTHROPIC` record.

Format: https://docs.claude.com/en/api/messages and /docs/en/build-with-claude/streaming.
"""

from collections.abc import Iterator

import msgspec

from tidegate.sandbox.answer import Answer, Call, Redacted, Search, Text, Thinking
from tidegate.sandbox.anthropic_history import redacted_data, signature
from tidegate.sandbox.anthropic_request import read
from tidegate.sandbox.dialect import Dialect, Frame, Made
from tidegate.sandbox.values import Json, Obj, as_object, digest
from tidegate.wire.sse import frame

_STOPS = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use", "pause": "pause_turn"}
_KINDS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_encode = msgspec.json.Encoder().encode
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def usage(made: Made) -> Obj:
    """The usage object as the whole answer reports it."""
    return _with_overrides(made, {**_input_usage(made), "output_tokens": made.output_tokens}, made.script.usage)


def whole(made: Made) -> bytes:
    """The body of an answer that is not streamed."""
    answer = made.answers[0]
    content: list[Json] = []
    for index, part in enumerate(answer.parts):
        content += _blocks(made, part, index)
    body: Obj = {**_head(made), "content": content, "stop_reason": _stop(answer), "stop_sequence": answer.stop_sequence}
    if made.reports_usage:
        body["usage"] = usage(made)
    return _encode(body)


def events(made: Made) -> Iterator[Frame]:
    """The stream: `message_start`, a ping, each block with its deltas, `message_delta` with the final usage, `message_stop`."""
    answer = made.answers[0]
    message: Obj = {**_head(made), "content": [], "stop_reason": None, "stop_sequence": None}
    if made.reports_usage:
        message["usage"] = _with_overrides(made, {**_input_usage(made), "output_tokens": 1}, made.script.usage_start)
    yield _event({"type": "message_start", "message": message}), 0
    for at in range(1 + made.script.pings):
        if at or answer.parts:
            yield _PING, 0
    index = 0
    for at, part in enumerate(answer.parts):
        yield from _block_events(made, part, at, index)
        index += 2 if isinstance(part, Search) else 1
    last: Obj = {"type": "message_delta", "delta": {"stop_reason": _stop(answer), "stop_sequence": answer.stop_sequence}}
    if made.reports_usage:
        numbers: Obj = {
            "input_tokens": _input_usage(made)["input_tokens"],
            "cache_creation_input_tokens": made.script.cache_write,
            "cache_read_input_tokens": made.script.cached,
            "output_tokens": made.output_tokens,
        }
        last["usage"] = _with_overrides(made, numbers, made.script.usage)
    yield _event(last), 0
    for _ in range(2 if made.script.mode == "dup_done" else 1):
        yield _event({"type": "message_stop"}), 0


def error(status: int, kind: str | None, message: str, _param: str | None, _code: str | None, request_id: str) -> bytes:
    """The body of an error."""
    kind = kind or _KINDS.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    return _encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})


def error_event(detail: Json) -> bytes:
    """The event that breaks a stream off: `detail` is an error object, its type, or true."""
    fields: Obj = {"type": "overloaded_error", "message": "Overloaded"}
    if isinstance(detail, dict):
        fields |= detail
    elif isinstance(detail, str):
        fields["type"] = detail
    return _event({"type": "error", "error": fields})


def _event(value: Obj) -> bytes:
    return frame(_encode(value), str(value["type"]))


def _block_events(made: Made, part: Text | Thinking | Redacted | Call | Search, at: int, index: int) -> Iterator[Frame]:
    blocks = _blocks(made, part, at)
    if isinstance(part, Text | Thinking | Call):
        yield _event({"type": "content_block_start", "index": index, "content_block": _opened(blocks[0])}), 0
        yield from _deltas(part, index)
        yield _event({"type": "content_block_stop", "index": index}), 0
        return
    for offset, block in enumerate(blocks):
        yield _event({"type": "content_block_start", "index": index + offset, "content_block": block}), 0 if offset else 1
        yield _event({"type": "content_block_stop", "index": index + offset}), 0


def _deltas(part: Text | Thinking | Call, index: int) -> Iterator[Frame]:
    """The delta events of a block. What is the same in all of them is written once."""
    kind, field = {Text: ("text_delta", "text"), Thinking: ("thinking_delta", "thinking"), Call: ("input_json_delta", "partial_json")}[
        type(part)
    ]
    head = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{field}":'.encode()
    if isinstance(part, Call):
        yield head + b'""}}\n\n', 0
    for piece in part.pieces:
        # Claude sends nothing but the empty delta for a call without arguments.
        yield head + (b'""' if piece == "{}" and isinstance(part, Call) else _encode(piece)) + b"}}\n\n", 1
    if isinstance(part, Thinking):
        delta: Obj = {"type": "signature_delta", "signature": signature("".join(part.pieces))}
        yield _event({"type": "content_block_delta", "index": index, "delta": delta}), 0


def _opened(block: Obj) -> Obj:
    """A block as it stands in its start event: without what its deltas will bring."""
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case _:
            return {**block, "input": {}}


def _blocks(made: Made, part: Text | Thinking | Redacted | Call | Search, at: int) -> list[Obj]:
    match part:
        case Text():
            return [{"type": "text", "text": "".join(part.pieces)}]
        case Thinking():
            text = "".join(part.pieces)
            return [{"type": "thinking", "thinking": text, "signature": signature(text)}]
        case Redacted():
            return [{"type": "redacted_thinking", "data": redacted_data(part.data[:24])}]
        case Call():
            return [
                {"type": "tool_use", "id": part.id or f"toolu_{digest(made.stem, at)[:24]}", "name": part.name, "input": _arguments(part)}
            ]
        case Search():
            name = f"srvtoolu_{digest(made.stem, at)[:24]}"
            found: Obj = {"type": "web_search_result", "url": "https://example.com/", "title": f"About {part.query}", "page_age": None}
            found["encrypted_content"] = redacted_data(digest(part.query)[:24])
            return [
                {"type": "server_tool_use", "id": name, "name": "web_search", "input": {"query": part.query}},
                {"type": "web_search_tool_result", "tool_use_id": name, "content": [found]},
            ]


def _arguments(call: Call) -> Obj:
    """The arguments as an object; arguments that a script or a limit broke cannot stand in a whole answer and are left out."""
    try:
        return as_object(msgspec.json.decode("".join(call.pieces)))
    except msgspec.DecodeError:
        return {}


def _head(made: Made) -> Obj:
    return {"id": f"msg_{made.stem[:24]}", "type": "message", "role": "assistant", "model": made.turn.model}


def _stop(answer: Answer) -> str:
    return _STOPS.get(answer.stop, answer.stop)


def _input_usage(made: Made) -> Obj:
    script = made.script
    return {
        "input_tokens": made.input_tokens - script.cached - script.cache_write,
        "cache_creation_input_tokens": script.cache_write,
        "cache_read_input_tokens": script.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": script.cache_write, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }


def _with_overrides(made: Made, numbers: Obj, overrides: Obj) -> Obj:
    if made.script.mode == "zero_usage":
        numbers = {name: 0 if isinstance(value, int) else value for name, value in numbers.items()}
        numbers.pop("cache_creation", None)
    return {**numbers, **overrides}


ANTHROPIC = Dialect(
    name="anthropic",
    read=read,
    whole=whole,
    events=events,
    usage=usage,
    error=error,
    error_event=error_event,
    garbage=b'event: content_block_delta\ndata: {"type":"content_bl\xff\xfe\x00<html>not an event\n\n',
    request_id_header="request-id",
    headers=[
        (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000"),
        (b"anthropic-ratelimit-requests-limit", b"4000"),
        (b"anthropic-ratelimit-requests-remaining", b"3999"),
        (b"anthropic-ratelimit-requests-reset", b"2025-01-31T12:00:00Z"),
        (b"anthropic-ratelimit-tokens-limit", b"400000"),
        (b"anthropic-ratelimit-tokens-remaining", b"399000"),
        (b"anthropic-ratelimit-tokens-reset", b"2025-01-31T12:00:00Z"),
    ],
)

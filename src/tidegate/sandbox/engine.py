"""From the bytes of a request to what shall be sent, in either wire format. Pure; `app` calls it and `deliver` sends the outcome.

One engine serves both users: the sandbox on its own port and the gateway's built-in provider.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from tidegate.sandbox import anthropic_request
from tidegate.sandbox.answer import compose
from tidegate.sandbox.dialect import Dialect, Frame, Made
from tidegate.sandbox.script import PLAIN, Script, ScriptError, for_target, order
from tidegate.sandbox.values import Json, Obj, RequestRefused, as_text, digest

CREATED = 1_735_689_600
"""The `created` of every answer, so that equal requests give equal bytes."""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Request(msgspec.Struct, frozen=True):
    """A request for a generation. `id` is unique; `prefix` is the first segment of its path (`p1` of `/p1/v1/messages`)."""

    id: str
    headers: Mapping[str, str]
    body: bytes
    prefix: str = ""


class Rules(msgspec.Struct, frozen=True):
    """What the server decides: the seed of all answers, whether unknown fields pass, and `spend`, which says of a script with `times`
    whether its fault still happens."""

    seed: int
    lenient: bool
    spend: Callable[[str, int], bool]


class Outcome(msgspec.Struct):
    """What to send. Either `body` or `frames`; `tokens` is what the whole answer has. `usage` is None where none will be reported."""

    status: int
    headers: list[tuple[bytes, bytes]]
    script: Script = PLAIN
    body: bytes = b""
    frames: Iterator[Frame] | None = None
    model: str = ""
    stream: bool = False
    input_tokens: int = 0
    tokens: int = 0
    usage: Obj | None = None
    answer_id: str = ""
    problem: str = ""
    error_event: Callable[[Json], bytes] | None = None
    garbage: bytes = b""


def respond(dialect: Dialect, request: Request, rules: Rules) -> Outcome:
    """The outcome of one generation request; never raises for what a client sends."""
    try:
        body = _object(request.body)
        model = as_text(body.get("model"))
        script = for_target(order(body.get("messages")), model, model.rpartition("/")[2], request.prefix)
        if script.times is not None and not rules.spend(digest(model, request.prefix, _encode(script).hex()), script.times):
            script = script.without_faults()
        if script.failure is not None:
            return _failed(dialect, request, script, model, body.get("stream") is True)
        return _answered(dialect, request, rules, script, body)
    except ScriptError as error:
        return refuse(dialect, request.id, RequestRefused(str(error), "messages", "sandbox_script"))
    except RequestRefused as error:
        return refuse(dialect, request.id, error)
    except RecursionError:
        return refuse(dialect, request.id, RequestRefused("The request is nested too deeply."))


def count_tokens(dialect: Dialect, request: Request, rules: Rules) -> Outcome:
    """The outcome of Anthropic's count_tokens; scripts can make it fail too."""
    try:
        body = _object(request.body)
        script = order(body.get("messages"))
        if script.failure is not None:
            return _failed(dialect, request, script, as_text(body.get("model")), False)
        turn = anthropic_request.read_count(body, request.headers, rules.lenient or script.lenient)
    except ScriptError as error:
        return refuse(dialect, request.id, RequestRefused(str(error)))
    except RequestRefused as error:
        return refuse(dialect, request.id, error)
    count = turn.input_tokens if script.input_tokens is None else script.input_tokens
    return Outcome(200, _headers(dialect, request.id, b"application/json"), body=_encode({"input_tokens": count}), model=turn.model)


def refuse(dialect: Dialect, request_id: str, error: RequestRefused) -> Outcome:
    """The outcome of a request that the provider refuses."""
    body = dialect.error(error.status, error.kind, error.message, error.param, error.code, request_id)
    return Outcome(error.status, _headers(dialect, request_id, b"application/json"), body=body, problem=error.message)


def _object(body: bytes) -> Obj:
    try:
        value: Json = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestRefused(f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(value, dict):
        raise RequestRefused("The body of the request must be a JSON object.")
    return value


def _failed(dialect: Dialect, request: Request, script: Script, model: str, stream: bool) -> Outcome:
    status = script.failure or 500
    headers = _headers(dialect, request.id, b"application/json", script)
    if script.retry_after is not None or (script.mode or "").endswith("+retry_after"):
        wait = 1 if script.retry_after is None else script.retry_after
        headers.append((b"retry-after", f"{wait:g}".encode() if isinstance(wait, float) else str(wait).encode()))
    body = _given(script.body)
    if body is None:
        body = dialect.error(status, None, f"[tidegate sandbox] scripted {status}", None, None, request.id)
    return Outcome(status, headers, script, body, model=model, stream=stream, problem=f"scripted {status}")


def _answered(dialect: Dialect, request: Request, rules: Rules, script: Script, body: Obj) -> Outcome:
    turn = dialect.read(body, request.headers, rules.lenient or script.lenient)
    messages = body.get("messages")
    seed = int(digest(rules.seed, script.seed, turn.text)[:12], 16) if not script.seed else script.seed + rules.seed
    stem = digest(seed, turn.model, turn.text, len(messages) if isinstance(messages, list) else 0)
    answers = [compose(turn, script, seed + choice) for choice in range(turn.choices)]
    made = Made(turn, script, answers, stem, CREATED)
    kind = b"text/event-stream; charset=utf-8" if turn.stream else b"application/json"
    reported = made.reports_usage and (turn.include_usage or not turn.stream)
    outcome = Outcome(
        script.status or 200,
        _headers(dialect, request.id, kind, script),
        script,
        model=turn.model,
        stream=turn.stream,
        input_tokens=made.input_tokens,
        tokens=made.output_tokens,
        usage=dialect.usage(made) if reported else None,
        answer_id=stem,
        error_event=dialect.error_event,
        garbage=dialect.garbage if turn.stream else b'{"id": "half a body", \xff\xfe<html>',
    )
    given = _given(script.body)
    if given is not None:
        outcome.body, outcome.usage, outcome.tokens = given, None, 0
    elif turn.stream:
        outcome.frames = dialect.events(made)
    else:
        outcome.body = dialect.whole(made)
    return outcome


def _given(body: Obj | str | None) -> bytes | None:
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else _encode(body)


def _headers(dialect: Dialect, request_id: str, content_type: bytes, script: Script = PLAIN) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", content_type),
        (dialect.request_id_header.encode(), request_id.encode()),
        (b"x-sandbox", b"tidegate"),
        *dialect.headers,
    ]
    if script.headers:
        extra = [(name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in script.headers.items()]
        names = {name for name, _ in extra}
        headers = [pair for pair in headers if pair[0] not in names] + extra
    return headers

"""The sandbox as an ASGI application: routes, the record of what was received, the counters and the truth log.

`create_app` makes one; it holds no globals, so that several can live in one process. The gateway's built-in provider calls it in process,
`server` puts it on a port.
"""

import base64
import time
from collections import Counter, deque
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec

from tidegate.sandbox.answer import HELP, LABEL, MODELS
from tidegate.sandbox.anthropic import ANTHROPIC
from tidegate.sandbox.deliver import Attempt, Delivery, Receive, Scope, Send, Wire
from tidegate.sandbox.dialect import Dialect
from tidegate.sandbox.engine import CREATED, Outcome, Request, Rules, count_tokens, refuse, respond
from tidegate.sandbox.openai import OPENAI
from tidegate.sandbox.operations import OPERATIONS, operate
from tidegate.sandbox.truth import TruthLog, fingerprint, key_of, without_secrets
from tidegate.sandbox.values import Json, Obj, RequestRefused

EXTENSION = "tidegate.sandbox"
"""The name in `scope["extensions"]` under which a server offers the connection as a `Wire`."""
_MOST_SCRIPTS = 10_000
_MOST_KEPT_BYTES = 64 << 20
_OWN = frozenset({"stats", "requests", "attempts"})
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a sandbox behaves. `keep` is how many received requests (with keys and bodies) and attempts it remembers for its own
    endpoints; `lenient` lets fields pass that the real providers would refuse; `log_headers` adds the request headers, keys as
    fingerprints, to the truth log."""

    truth_log: Path | None = None
    fsync: bool = True
    log_headers: bool = False
    seed: int = 0
    lenient: bool = False
    keep: int = 200


class Stats(msgspec.Struct):
    """Counters since the start. Connections and `bytes_in` are counted by the server, so they stay 0 in process."""

    connections: int = 0
    connections_open: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    requests: int = 0
    open: int = 0
    tokens: int = 0
    ended: dict[str, int] = {}


class _Received(msgspec.Struct, frozen=True):
    """A request as it was received, kept for `/sandbox/requests`."""

    id: str
    method: str
    path: str
    query: str
    connection: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def shown(self) -> Obj:
        pairs: list[Json] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in self.headers]
        try:
            body: Json = _decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        return {
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "connection": self.connection,
            "headers": pairs,
            "body": body,
            "body_base64": base64.b64encode(self.body).decode(),
        }


class Sandbox:
    """The application. `stats` may be read at any time; `close` ends the truth log."""

    def __init__(self, settings: Settings) -> None:
        self.stats = Stats()
        self._settings = settings
        self._truth = TruthLog(settings.truth_log, fsync=settings.fsync) if settings.truth_log else None
        self._requests: deque[_Received] = deque()
        self._kept_bytes = 0
        self._attempts: deque[Obj] = deque(maxlen=settings.keep)
        self._spent: Counter[str] = Counter()
        self._rules = Rules(settings.seed, settings.lenient, self._spend)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    def close(self) -> None:
        """Ends the truth log. May be called twice."""
        if self._truth:
            self._truth.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                self.close()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.rpartition("/sandbox/")[2] in _OWN:
            body, status = self._own(scope)
            await _answer(send, status, _encode(body))
            return
        body = await _body(receive)
        if body is None:
            return
        self.stats.requests += 1
        wire = _wire(scope)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = f"req_sandbox_{self.stats.requests:08d}"
        self._remember(scope, request_id, wire, body)
        started = time.time()
        dialect, outcome = self._outcome(scope["method"], path, Request(request_id, headers, body, path.strip("/").partition("/")[0]))
        if outcome is None:
            await _answer(send, 200, _encode(_models(path, headers)), [(dialect.request_id_header.encode(), request_id.encode())])
            return
        clock = time.perf_counter()

        def finished(attempt: Attempt) -> None:
            record: Obj = {
                "id": request_id,
                "time": round(started, 6),
                "path": path,
                "dialect": dialect.name,
                "model": outcome.model,
                "stream": outcome.stream,
                "key": fingerprint(key_of(headers)),
                "connection": wire.id if wire else 0,
                "status": outcome.status,
                "end": attempt.end,
                "input_tokens": outcome.input_tokens,
                "tokens": attempt.tokens,
                "planned_tokens": outcome.tokens,
                "usage": outcome.usage if attempt.end == "complete" else None,
                "received_bytes": len(body),
                "sent_bytes": attempt.sent,
                "ms": round((time.perf_counter() - clock) * 1000, 3),
                "answer": outcome.answer_id[:24],
                "problem": outcome.problem,
            }
            self._record(record, headers)

        self.stats.open += 1
        try:
            await Delivery(outcome, receive, send, wire, finished).run()
        finally:
            self.stats.open -= 1

    def _outcome(self, method: str, path: str, request: Request) -> tuple[Dialect, Outcome | None]:
        """The dialect that a path speaks, and the outcome; None stands for the list of models."""
        dialect = ANTHROPIC if "anthropic-version" in request.headers or "/messages" in path else OPENAI
        if method == "GET" and ("/models" in path or path == "/"):
            return dialect, None
        if method == "POST" and path.endswith("/chat/completions"):
            return OPENAI, respond(OPENAI, request, self._rules)
        if method == "POST" and path.endswith("/messages"):
            return ANTHROPIC, respond(ANTHROPIC, request, self._rules)
        if method == "POST" and path.endswith("/messages/count_tokens"):
            return ANTHROPIC, count_tokens(ANTHROPIC, request, self._rules)
        operation = path.rpartition("/")[2]
        if method == "POST" and operation in OPERATIONS:
            return OPENAI, operate(operation, request)
        there = f"POST /v1/chat/completions, /v1/messages, /v1/messages/count_tokens, /v1/{', /v1/'.join(OPERATIONS)} and GET /v1/models"
        message = f"{LABEL} There is no {method} {path}: there are {there}."
        return dialect, refuse(dialect, request.id, RequestRefused(message, code="unknown_url", status=404))

    def _own(self, scope: Scope) -> tuple[Json, int]:
        """The sandbox's own endpoints: what it received and did. A DELETE forgets the requests and attempts."""
        what: str = scope["path"].rpartition("/sandbox/")[2]
        if what == "stats":
            return cast("Obj", msgspec.to_builtins(self.stats)), 200
        if scope["method"] == "DELETE":
            self._requests.clear()
            self._attempts.clear()
            self._kept_bytes = 0
            return {"forgotten": True}, 200
        wanted = scope["query_string"].decode("latin-1").partition("n=")[2].partition("&")[0]
        count = int(wanted) if wanted.isdigit() else self._settings.keep
        skipped = max(0, len(self._requests if what == "requests" else self._attempts) - count)
        if what == "requests":
            return {what: [kept.shown() for kept in islice(self._requests, skipped, None)]}, 200
        return {what: list(islice(self._attempts, skipped, None))}, 200

    def _remember(self, scope: Scope, request_id: str, wire: Wire | None, body: bytes) -> None:
        if not self._settings.keep:
            return
        query = scope["query_string"].decode("latin-1")
        received = _Received(request_id, scope["method"], scope["path"], query, wire.id if wire else 0, list(scope["headers"]), body)
        self._requests.append(received)
        self._kept_bytes += len(body)
        while len(self._requests) > self._settings.keep or (self._kept_bytes > _MOST_KEPT_BYTES and len(self._requests) > 1):
            self._kept_bytes -= len(self._requests.popleft().body)

    def _record(self, record: Obj, headers: dict[str, str]) -> None:
        stats, end, tokens, sent = self.stats, str(record["end"]), record["tokens"], record["sent_bytes"]
        stats.ended[end] = stats.ended.get(end, 0) + 1
        stats.tokens += tokens if isinstance(tokens, int) else 0
        stats.bytes_out += sent if isinstance(sent, int) else 0
        self._attempts.append(record)
        if self._truth:
            self._truth.write({**record, "headers": without_secrets(headers)} if self._settings.log_headers else record)

    def _spend(self, script: str, times: int) -> bool:
        if len(self._spent) > _MOST_SCRIPTS:
            self._spent.clear()
        self._spent[script] += 1
        return self._spent[script] <= times


def create_app(settings: Settings | None = None) -> Sandbox:
    """A sandbox as an ASGI application."""
    return Sandbox(settings or Settings())


def _wire(scope: Scope) -> Wire | None:
    extensions: dict[str, Any] = scope.get("extensions") or {}
    return cast("Wire | None", extensions.get(EXTENSION))


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when the client went before it was complete."""
    pieces: list[bytes] = []
    while True:
        message: dict[str, Any] = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    base = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*base, *(headers or [])]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _models(path: str, headers: dict[str, str]) -> Json:
    """The list of models, or one of them, in the shape of the dialect that the headers speak; the root says what this is."""
    if path == "/":
        return {"sandbox": "tidegate", "models": list(MODELS), "help": HELP}
    wanted = path.rpartition("/models")[2].strip("/").removeprefix("sandbox/")
    if "anthropic-version" in headers:
        rows: list[Json] = [
            {"type": "model", "id": name, "display_name": f"Sandbox {name}", "created_at": "2025-01-01T00:00:00Z"}
            for name in ([wanted] if wanted else MODELS)
        ]
        return rows[0] if wanted else {"data": rows, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
    rows = [
        {"id": name, "object": "model", "created": CREATED, "owned_by": "tidegate-sandbox"} for name in ([wanted] if wanted else MODELS)
    ]
    return rows[0] if wanted else {"object": "list", "data": rows}

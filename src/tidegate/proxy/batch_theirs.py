"""A batch that its provider runs, at the provider's rate for batches: handed over once, looked after, and its answers fetched as lines of
our own. Only where all lines are of one model of one provider that has an API for batches of this dialect, and no limit has to be kept line
by line; everything else is run by the gateway.
"""

from collections.abc import AsyncGenerator, Callable
from urllib.parse import quote

import msgspec

from tidegate.dialects.base import Whole
from tidegate.dialects.operations.taps import read_whole
from tidegate.dialects.table import DIALECTS
from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.errors import GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.credentials import with_account
from tidegate.policy.snapshot import Target, Upstream
from tidegate.ports import Upload, UpstreamAnswer, UpstreamFailure
from tidegate.ports.kept import Kept
from tidegate.proxy.app import App
from tidegate.proxy.batch import Batch
from tidegate.proxy.batch_lines import Line
from tidegate.proxy.headers import without_secrets
from tidegate.proxy.provider_kept import own_headers

Lines = Callable[[], AsyncGenerator[Line]]
_TAPS: dict[str, Callable[[bytes], Whole]] = {
    "/v1/chat/completions": DIALECTS["openai_chat"].tap_whole,
    "/v1/responses": DIALECTS["openai_responses"].tap_whole,
    "/v1/messages": DIALECTS["anthropic"].tap_whole,
}
_OURS = {"message_batch": "anthropic", "batch": "openai_chat"}
_ENDED = frozenset(("completed", "failed", "expired", "cancelled"))
_LIMIT = 32 << 20
_BOUNDARY = "tidegate-batch-0f5b1d1c9a7e4c8fb6a2"


class Refused(Exception):
    """The provider does not take the batch. The message is its own, without secrets."""


class State(msgspec.Struct, frozen=True):
    """How a batch is at its provider. `results` are paths of lines, once it has `ended`."""

    ended: bool
    status: str
    completed: int
    failed: int
    results: tuple[str, ...] = ()
    flaw: str = ""


class Answered(msgspec.Struct, frozen=True):
    """One line of the provider's answers: as it came, and what it says of itself."""

    id: str
    raw: bytes
    status: int
    read: Whole


def chosen(app: App, row: Kept, batch: Batch, models: set[str]) -> Target | None:
    """The one place that all lines may be handed to together; None where there is none."""
    if len(models) != 1:
        return None
    planner = app.live.current
    try:
        key = planner.callers.named(row.key, row.org, app.clock.now())
        plan = planner.plan(key, next(iter(models)))
    except GatewayError:
        return None
    target, own = plan.targets[0], _OURS[row.kind]
    alone = all(other.name == target.name for other in plan.targets) and not plan.defaults
    spec = target.upstream.spec
    if not alone or not spec.batch_percent or spec.dialect != own or plan.on_loss == "refuse":
        return None
    if batch.endpoint == "/v1/responses" and "openai_responses" not in spec.also:
        return None
    charges = app.live.rows.charges(planner.limits, key, plan.route if plan.by_route else "", target.name, "")
    return None if charges or (target.account is not None and target.account.limits) else target


class Theirs:
    """The batch at its provider. All functions raise `UpstreamFailure` where it cannot be reached, and `Refused`."""

    def __init__(self, app: App, row: Kept, batch: Batch) -> None:
        self._app = app
        self._batch = batch
        self._is_messages = row.kind == "message_batch"
        self._org = row.org

    def _upstream(self) -> Upstream:
        found = with_account(self._app.live.snapshot, self._org, self._batch.provider, self._batch.account)
        if found is None:
            raise Refused(f"The credential of {self._batch.provider} that the batch was made with is gone.")
        return found

    async def upload(self, lines: Lines) -> str:
        """Hands over the file of the lines; its id there. Nothing for message batches, which have none."""
        if self._is_messages:
            return ""
        part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{_BOUNDARY}\r\n'
        part += 'Content-Disposition: form-data; name="file"; filename="batch.jsonl"\r\ncontent-type: application/jsonl\r\n\r\n'
        body = _Sent(part.encode(), lines, self._line, b"", f"\r\n--{_BOUNDARY}--\r\n".encode())
        await body.measure()
        told = await self._told("POST", "/files", body, f"multipart/form-data; boundary={_BOUNDARY}")
        return text_or_empty(told.get("id"))

    async def begin(self, file: str, lines: Lines) -> str:
        """Begins the batch; its id there. To be called once: it costs money."""
        if self._is_messages:
            body = _Sent(b'{"requests":[', lines, self._request, b",", b"]}")
            await body.measure()
            return text_or_empty((await self._told("POST", _messages(), body)).get("id"))
        asked: JsonObject = {"input_file_id": file, "endpoint": self._batch.endpoint, "completion_window": "24h"}
        return text_or_empty((await self._told("POST", "/batches", dump(asked))).get("id"))

    def _line(self, line: Line) -> bytes:
        body = {**line.body, "model": self._batch.model}
        return dump({"custom_id": line.id, "method": "POST", "url": line.url, "body": body}) + b"\n"

    def _request(self, line: Line) -> bytes:
        return dump({"custom_id": line.id, "params": {**line.body, "model": self._batch.model}})

    async def look(self) -> State:
        told = await self._told("GET", self._path())
        counts = object_or_empty(told.get("request_counts"))
        if self._is_messages:
            ended = told.get("processing_status") == "ended"
            done, failed = _count(counts.get("succeeded")), _count(counts.get("errored"))
            return State(ended, "ended" if ended else "", done, failed, (self._path("/results"),) if ended else ())
        status = text_or_empty(told.get("status"))
        files = [text_or_empty(told.get(name)) for name in ("output_file_id", "error_file_id")]
        results = tuple(f"/files/{quote(file, safe='')}/content" for file in files if file)
        flaws = object_or_empty(told.get("errors")).get("data")
        flaw = text_or_empty(object_or_empty(flaws[0]).get("message")) if type(flaws) is list and flaws else ""
        return State(status in _ENDED, status, _count(counts.get("completed")), _count(counts.get("failed")), results, flaw)

    async def cancel(self) -> None:
        await self._told("POST", self._path("/cancel"), b"")

    async def answers(self, path: str) -> AsyncGenerator[Answered]:
        answer = await self._asked("GET", path)
        try:
            if answer.status != 200:
                raise Refused(self._message(await answer.read(1 << 20)))
            rest = b""
            while piece := await answer.piece():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield self._answered(line)
                if len(rest) > _LIMIT:
                    raise Refused("A line of its answers is longer than any answer may be.")
            if rest.strip():
                yield self._answered(rest)
        finally:
            answer.close()

    def _answered(self, raw: bytes) -> Answered:
        found = object_or_empty(parse(raw))
        if self._is_messages:
            result = object_or_empty(found.get("result"))
            body, status = result.get("message"), 200 if result.get("type") == "succeeded" else 0
        else:
            response = object_or_empty(found.get("response"))
            body, status = response.get("body"), _count(response.get("status_code"))
        read = _TAPS.get(self._batch.endpoint, read_whole)(dump(body)) if status == 200 else Whole(None, None)
        return Answered(text_or_empty(found.get("custom_id")), raw + b"\n", status, read)

    def _path(self, suffix: str = "") -> str:
        return f"{_messages() if self._is_messages else '/batches'}/{quote(self._batch.theirs, safe='')}{suffix}"

    async def _told(self, method: str, path: str, body: bytes | Upload = b"", content_type: str = "application/json") -> JsonObject:
        answer = await self._asked(method, path, body, content_type)
        try:
            found = await answer.read(1 << 20)
        finally:
            answer.close()
        if not 200 <= answer.status < 300:
            if answer.status in (408, 429) or answer.status >= 500:
                raise UpstreamFailure("headers", f"status {answer.status}")
            raise Refused(self._message(found))
        try:
            return object_or_empty(parse(found))
        except ValueError:
            raise UpstreamFailure("body", "the answer is no JSON") from None

    async def _asked(self, method: str, path: str, body: bytes | Upload = b"", content_type: str = "application/json") -> UpstreamAnswer:
        upstream = self._upstream()
        dialect = DIALECTS["anthropic" if self._is_messages else "openai_chat"]
        headers = {**dialect.headers, **own_headers(upstream), "content-type": content_type}
        # A batch that is made twice is paid twice.
        return await self._app.upstream.open(
            upstream, upstream.base_url + path, headers, body, stream=False, method=method, may_repeat=lambda: method == "GET"
        )

    def _message(self, body: bytes) -> str:
        """Some providers repeat the key that they refuse."""
        try:
            error = object_or_empty(object_or_empty(parse(without_secrets(body, own_headers(self._upstream())))).get("error"))
        except ValueError:
            error = {}
        return text_or_empty(error.get("message"))[:500] or "The provider refused the batch."


class _Sent:
    """The port `Upload`: the lines between `head` and `tail`, with `between` between two. `measure` finds its length first."""

    def __init__(self, head: bytes, lines: Lines, encode: Callable[[Line], bytes], between: bytes, tail: bytes) -> None:
        self._head, self._tail = head, tail
        self._lines, self._encode, self._between = lines, encode, between
        self.length: int | None = None

    async def measure(self) -> None:
        self.length = sum([len(piece) async for piece in self.pieces()])

    async def pieces(self) -> AsyncGenerator[bytes]:
        yield self._head
        first = True
        async for line in self._lines():
            yield self._encode(line) if first else self._between + self._encode(line)
            first = False
        yield self._tail


def _messages() -> str:
    return DIALECTS["anthropic"].path + "/batches"


def _count(value: Json) -> int:
    return value if type(value) is int else 0

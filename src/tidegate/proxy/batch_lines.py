"""The lines of a batch: read, checked, and what becomes of each, in the shape of either API."""

from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from tidegate.dialects.references import mentions
from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ports.kept import Kept, KeptStore, Kind
from tidegate.proxy.batch import Batch, Flaw
from tidegate.proxy.file_parts import read
from tidegate.proxy.inside import Told
from tidegate.proxy.referred import goes_on
from tidegate.records import Tenant
from tidegate.wire.splice import scan

MOST = 50_000
"""Lines, as OpenAI has it."""
_DIALECTS = {"/v1/responses": "openai_responses"}
_SHOWN = 20
"""Flaws that are told."""


class Line(msgspec.Struct, frozen=True):
    """One request: `body` for the path `url`. `place` is its number from 0 on."""

    place: int
    id: str
    url: str
    body: JsonObject


class BadLine(ValueError):
    """A line is no request of this batch. `code` is OpenAI's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def lines_of(store: KeptStore, row: Kept, batch: Batch, limit: int) -> AsyncGenerator[Line]:
    """All lines of a batch that was checked."""
    async for place, raw in _raw(store, row, batch, limit):
        yield _line(row.kind, batch, place, raw)


class Checked(msgspec.Struct):
    """What was found in the lines of a batch: how many, the first of what is wrong with them, the models that they name, and whether one
    may name files or other things by their ids, whose they are is asked line by line."""

    count: int = 0
    flaws: list[Flaw] = []
    models: set[str] = set()
    names_ids: bool = False


async def checked(store: KeptStore, row: Kept, batch: Batch, limit: int) -> Checked:
    """Reads all lines."""
    found = Checked()
    dialect = "anthropic" if row.kind == "message_batch" else _DIALECTS.get(batch.endpoint, "openai_chat")
    seen: set[str] = set()
    try:
        async for place, raw in _raw(store, row, batch, limit):
            found.count += 1
            try:
                line = _line(row.kind, batch, place, raw)
                if line.id in seen:
                    raise BadLine("duplicate_custom_id", "The `custom_id` stands in the batch twice.")
                seen.add(line.id)
                found.models.add(text_or_empty(line.body.get("model")))
                body = dump(line.body)
                on = dialect == "openai_responses" and goes_on(line.body)
                found.names_ids = found.names_ids or on or mentions(scan(body), dialect)
            except BadLine as wrong:
                if len(found.flaws) < _SHOWN:
                    found.flaws.append(Flaw(place + 1, wrong.code, str(wrong)))
            if found.count > MOST and row.kind == "batch":
                raise BadLine("too_many_tasks", f"A batch has at most {MOST} lines.")
    except BadLine as wrong:
        found.flaws.append(Flaw(0, wrong.code, str(wrong)))
    if not found.count and not found.flaws:
        found.flaws.append(Flaw(0, "empty_file", "The input file has no lines, or is gone."))
    return found


async def _raw(store: KeptStore, row: Kept, batch: Batch, limit: int) -> AsyncGenerator[tuple[int, bytes]]:
    if row.kind == "message_batch":
        place = 0
        async for data in read(store, row):
            yield place, data
            place += 1
        return
    source = await store.get(Tenant(row.org), batch.input)
    if source is None:
        return
    rest, place = b"", 0
    async for data in read(store, source):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                yield place, line
                place += 1
        if len(rest) > limit:
            raise BadLine("line_too_long", f"Line {place + 1} is longer than {limit} bytes.")
    if rest.strip():
        yield place, rest


def _line(kind: Kind, batch: Batch, place: int, raw: bytes) -> Line:
    """Raises `BadLine`."""
    try:
        found = object_or_empty(parse(raw))
    except ValueError:
        found = {}
    if not found:
        raise BadLine("invalid_json_line", "This line is not parseable as a JSON object.")
    id, url, method, body = (found.get(name) for name in ("custom_id", "url", "method", "body"))
    if kind == "message_batch":
        url, method, body = batch.endpoint, "POST", found.get("params")
    if type(id) is not str or not id:
        raise BadLine("missing_required_parameter", "`custom_id` is missing, or no string.")
    if method != "POST" or url != batch.endpoint:
        raise BadLine("invalid_url", f"A line of this batch is a POST to {batch.endpoint}.")
    if type(body) is not dict:
        raise BadLine("missing_required_parameter", "The request of the line is missing, or no object.")
    if body.get("stream"):
        raise BadLine("invalid_request", "A line of a batch cannot be streamed.")
    return Line(place, id, batch.endpoint, body)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a line. `status` is None where it was not run; then `why` says what came instead."""

    status: int | None
    request_id: str
    why: Literal["", "cancelled", "expired"] = ""
    body: bytes = b""

    @classmethod
    def of(cls, told: Told) -> "Outcome":
        return cls(told.status, told.request_id, "", told.body)

    @property
    def is_good(self) -> bool:
        return self.status == 200

    def told(self, kind: Kind, line: Line) -> bytes:
        """The line of the answers."""
        body = _json(self.body)
        if kind == "message_batch":
            result: JsonObject = {"type": "canceled" if self.why == "cancelled" else self.why}
            if self.is_good:
                result = {"type": "succeeded", "message": body}
            elif not self.why:
                result = {"type": "errored", "error": body}
            return dump({"custom_id": line.id, "result": result}) + b"\n"
        response: Json = None
        error: Json = None
        if self.why:
            error = {"code": f"batch_{self.why}", "message": f"This request was not run: the batch was {self.why} before."}
        else:
            response = {"status_code": self.status, "request_id": self.request_id, "body": body}
        id = f"batch_req_{self.request_id or line.place}"
        return dump({"id": id, "custom_id": line.id, "response": response, "error": error}) + b"\n"


def answered(kind: Kind, data: bytes) -> bool:
    """Whether a stored line is a good answer."""
    found = object_or_empty(parse(data))
    if kind == "message_batch":
        return object_or_empty(found.get("result")).get("type") == "succeeded"
    return object_or_empty(found.get("response")).get("status_code") == 200


def _json(body: bytes) -> Json:
    try:
        return parse(body)
    except ValueError:
        return body.decode("utf-8", "replace")

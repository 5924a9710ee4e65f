"""A batch as Tidegate holds it, and as clients see it: OpenAI's batches and Anthropic's message batches. Values only."""

import time
from typing import Any, Literal

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.json import Json, JsonObject
from tidegate.ports.kept import Kept

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
ENDED = frozenset(("failed", "completed", "expired", "cancelled"))
WINDOW = 86_400
"""Seconds until what is not answered expires: both APIs have a day."""
_STAMPS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with a line (from 1 on) of the input, or (line 0) with all of it."""

    line: int
    code: str
    message: str


class Batch(msgspec.Struct):
    """`input` is the file of the lines; those of a message batch are its own parts. `output` and `failures` are the files of the answers, a
    part for each line. A batch that its provider runs says which (`provider`, with the credential `account`), as which `model` there and
    by which `route`, and its id there (`theirs`); `is_handed_over` is written before it is. `stamps` are when a status began, all times in
    Unix seconds."""

    endpoint: str
    created: int
    expires: int
    output: str
    failures: str = ""
    input: str = ""
    metadata: Any = None
    status: Status = "validating"
    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    stamps: dict[str, int] = {}
    flaws: list[Flaw] = []
    provider: str = ""
    account: str = ""
    model: str = ""
    route: str = ""
    theirs: str = ""
    is_handed_over: bool = False

    def become(self, status: Status, now: float) -> None:
        self.status = status
        self.stamps = {**self.stamps, status: int(now)}


def batch_of(row: Kept) -> Batch:
    return msgspec.convert(object_or_empty(parse(row.body)), Batch)


def stored(row: Kept, batch: Batch) -> Kept:
    """The row with this batch in it, which is work as long as it has not ended."""
    return msgspec.structs.replace(row, body=dump(msgspec.to_builtins(batch)), state="done" if batch.status in ENDED else "active")


def openai(row: Kept) -> JsonObject:
    """https://platform.openai.com/docs/api-reference/batch/object"""
    batch = batch_of(row)
    ended = batch.status in ("completed", "expired", "cancelled")
    flaws: list[Json] = [{"code": flaw.code, "line": flaw.line or None, "message": flaw.message, "param": None} for flaw in batch.flaws]
    told: JsonObject = {
        "id": row.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": flaws} if flaws else None,
        "input_file_id": batch.input,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output if ended and batch.completed else None,
        "error_file_id": batch.failures if ended and batch.failed + batch.expired else None,
        "created_at": batch.created,
        "expires_at": batch.expires,
    }
    told |= {f"{name}_at": batch.stamps.get(name) for name in _STAMPS}
    counts: JsonObject = {"total": batch.total, "completed": batch.completed, "failed": batch.failed + batch.expired}
    return {**told, "request_counts": counts, "metadata": batch.metadata}


def anthropic(row: Kept) -> JsonObject:
    """https://docs.anthropic.com/en/api/creating-message-batches. The address of the results is one of this gateway, without its host."""
    batch = batch_of(row)
    ended = batch.status in ENDED
    told: JsonObject = {
        "id": row.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "canceling" if batch.status == "cancelling" else "in_progress",
        "request_counts": {
            "processing": 0 if ended else batch.total,
            "succeeded": batch.completed if ended else 0,
            "errored": batch.failed if ended else 0,
            "canceled": batch.cancelled if ended else 0,
            "expired": batch.expired if ended else 0,
        },
        "ended_at": _date(max(batch.stamps.get(name, 0) for name in ENDED)) if ended else None,
        "created_at": _date(batch.created),
        "expires_at": _date(batch.expires),
        "archived_at": None,
        "cancel_initiated_at": _date(batch.stamps["cancelling"]) if "cancelling" in batch.stamps else None,
        "results_url": f"/v1/messages/batches/{row.id}/results" if ended else None,
    }
    return told


def _date(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))

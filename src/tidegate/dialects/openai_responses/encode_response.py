"""A whole answer, from the neutral model to a response object, for clients of this dialect."""

from tidegate.dialects.base import Encoded, Stamp
from tidegate.dialects.openai_responses.answer import AnswerItems, echo, tier_of
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.openai_responses.status import encode_stop
from tidegate.dialects.openai_responses.usage import encode_usage
from tidegate.dialects.reading import merge
from tidegate.dialects.unread import note_unread
from tidegate.dialects.values import dump
from tidegate.ir.content import Text, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss, unmodelled
from tidegate.ir.request import Request
from tidegate.ir.response import Response

_NO_FIELD = "a response has no such field"


def encode_response(response: Response, stamp: Stamp, request: Request) -> Encoded:
    """The body of a response, and what it could not carry. An answer of another dialect gets the id `resp_<stem>`."""
    own = response.dialect == NAME
    losses: list[Loss] = []
    items = AnswerItems(stamp, request, losses, own=own)
    output: list[JsonObject] = []
    before = 0
    for index, block in enumerate(response.blocks):
        if isinstance(block, ToolUse) and not block.arguments and block.kind == "function":
            item = items.call(block, items.ids.take(block.id), "{}", index)
        else:
            item = items.item(block, index, before)
        if item is not None:
            output.append(item)
        before += len(block.text) if isinstance(block, Text) else 0
    status, details = encode_stop(response.stop)
    if status == "incomplete" and output and "status" in output[-1] and output[-1].get("type") in ("message", "function_call"):
        output[-1]["status"] = status
    body = frame_of(response.id if own else "", response.model, response.created, response.service_tier, stamp, request)
    body |= {"status": status, "incomplete_details": details, "output": [*output]}
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage, own=own)
    if own:
        merge(body, response.extras)
    else:
        losses += unmodelled(response, "output", _NO_FIELD)
    note_unread(losses, response)
    return Encoded(dump(body), losses)


def frame_of(own_id: str, model: str, created: int | None, tier: str | None, stamp: Stamp, request: Request) -> JsonObject:
    """What all states of a response share."""
    at: Json = stamp.created if created is None else created
    return {
        "id": own_id or f"resp_{stamp.stem}",
        "object": "response",
        "created_at": at,
        "completed_at": None,
        "error": None,
        "model": model,
        "service_tier": tier_of(tier),
        **echo(request),
    }

"""`status` and `incomplete_details`: the provider's words to a neutral stop, and a neutral stop to OpenAI's. For answers and streams."""

from tidegate.dialects.openai_responses.fields import DONE
from tidegate.dialects.values import object_or_empty, text_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.response import Stop, StopReason

_INCOMPLETE: dict[str, StopReason] = {"max_output_tokens": "length", "max_tokens": "length", "content_filter": "content_filter"}
_REASONS: dict[StopReason, str] = {"length": "max_output_tokens", "content_filter": "content_filter", "refusal": "content_filter"}


def decode_stop(response: JsonObject, *, calls: bool) -> Stop:
    """`calls` says that the answer has tool calls, for whose results it waits. A status that is no end (a response in the background)
    is `unknown`."""
    status = text_or_empty(response.get("status"))
    if status == "incomplete":
        reason = text_or_empty(object_or_empty(response.get("incomplete_details")).get("reason"))
        return Stop(_INCOMPLETE.get(reason, "unknown"), f"{status}:{reason}" if reason else status)
    # xAI's and Open Responses' servers leave the status out, and one says `complete`.
    if status in ("", DONE, "complete"):
        return Stop("tool_calls" if calls else "end", status or None)
    return Stop("unknown", status)


_UNFINISHED = ("queued", "in_progress", "cancelled")
"""Of a response in the background, told as a whole."""


def encode_stop(stop: Stop) -> tuple[str, Json]:
    """`status` and `incomplete_details`."""
    if stop.raw in _UNFINISHED:
        return stop.raw, None
    reason = _REASONS.get(stop.reason)
    return (DONE, None) if reason is None else ("incomplete", {"reason": reason})

"""Gemini's finish reasons and the neutral ones, both ways. Some clients ask for enumerations as numbers: those are read too."""

from tidegate.ir.json import Json
from tidegate.ir.response import Stop, StopReason

_REASONS: dict[str, StopReason] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "OTHER": "unknown",
    "MALFORMED_FUNCTION_CALL": "unknown",
    "UNEXPECTED_TOOL_CALL": "unknown",
    "TOO_MANY_TOOL_CALLS": "unknown",
    "MISSING_THOUGHT_SIGNATURE": "unknown",
    "MALFORMED_RESPONSE": "unknown",
    "NO_IMAGE": "unknown",
    "IMAGE_OTHER": "unknown",
}
# The numbers of google.ai.generativelanguage.v1beta.Candidate.FinishReason. Vertex counts differently from 6 on, where all are filters.
_NUMBERS: dict[int, str] = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
_FILTERS = range(6, 10)
_WORDS: dict[StopReason, str] = {
    "end": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "STOP",
    "unknown": "OTHER",
}


def decode_finish(word: Json, *, calls: bool) -> Stop | None:
    """None where the answer has not ended. An answer that simply ends with calls of tools waits for their results."""
    if type(word) is int:
        if word == 0:
            return None
        named = _NUMBERS.get(word)
        reason: StopReason = _REASONS[named] if named else ("content_filter" if word in _FILTERS else "unknown")
        raw = str(word)
    elif type(word) is str and word not in ("", "FINISH_REASON_UNSPECIFIED"):
        reason, raw = _REASONS.get(word, "unknown"), word
    else:
        return None
    return Stop("tool_calls" if calls and reason == "end" else reason, raw)


def blocked(word: Json) -> Stop:
    """The prompt itself was refused: there is no candidate."""
    return Stop("content_filter", word if type(word) is str else None)


def encode_finish(stop: Stop, *, own: bool, refused: bool) -> Json:
    """Gemini's own word as it came; for others the nearest. `refused` = the model's own words of refusal are in the answer."""
    if own and stop.raw is not None:
        return int(stop.raw) if stop.raw.isdecimal() else stop.raw
    if refused and stop.reason in ("end", "unknown"):
        return "SAFETY"
    return "STOP" if stop.reason == "unknown" and stop.raw is None else _WORDS[stop.reason]

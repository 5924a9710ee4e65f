"""Anthropic's stop reasons and the neutral ones, both ways."""

from tidegate.ir.response import Stop, StopReason

_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
}
_WORDS: dict[StopReason, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "unknown": "end_turn",
}


def decode_stop(word: object, sequence: object) -> Stop:
    """A word that nobody knows, or none at all, is `unknown`."""
    raw = word if type(word) is str else None
    return Stop(_REASONS.get(raw or "", "unknown"), raw, sequence if type(sequence) is str else None)


def encode_stop(stop: Stop, *, tool_calls: bool, refused: bool) -> str:
    """The word for clients. Where the answer came from this dialect its own word stands. Otherwise an answer with tool calls says
    `tool_use` also where the provider called it an ordinary end (clients run tools on this word alone), and a refusal in the
    model's own words says so."""
    if stop.raw is not None and _REASONS.get(stop.raw) == stop.reason:
        return stop.raw
    if stop.reason in ("end", "unknown"):
        if tool_calls:
            return "tool_use"
        if refused:
            return "refusal"
    return _WORDS[stop.reason]

"""Converse's stop reasons and the neutral ones, both ways."""

from tidegate.ir.response import Stop, StopReason

_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "unknown",
    "malformed_tool_use": "unknown",
    # Claude's words, which Bedrock does not list but may pass on.
    "refusal": "refusal",
    "pause_turn": "pause",
}
_WORDS: dict[StopReason, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
    "pause": "end_turn",
    "unknown": "end_turn",
}


def decode_stop(word: object, sequence: object) -> Stop:
    """A word that nobody knows, or none at all, is `unknown`."""
    raw = word if isinstance(word, str) else None
    hit = sequence if isinstance(sequence, str) else None
    return Stop(_REASONS.get(raw, "unknown") if raw is not None else "unknown", raw, hit)


def encode_stop(stop: Stop, *, own: bool, tool_calls: bool, refused: bool) -> str:
    """The word for clients: the provider's own where it is of this dialect. Otherwise an answer with tool calls says `tool_use` also where
    the provider called it an ordinary end (clients run tools on this word alone), and a refusal in the model's own words says so."""
    if own and stop.raw:
        return stop.raw
    if stop.reason in ("end", "unknown"):
        if tool_calls:
            return "tool_use"
        if refused:
            return "content_filtered"
    return _WORDS[stop.reason]

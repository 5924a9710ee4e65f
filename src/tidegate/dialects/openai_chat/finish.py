"""`finish_reason`: the provider's word to a neutral stop, and a neutral stop to OpenAI's words. Used for whole answers and streams."""

from tidegate.ir.response import Stop, StopReason

_REASONS: dict[str, StopReason] = {
    "stop": "end",
    "eos": "end",
    "end": "end",
    "end_turn": "end",
    "stop_sequence": "stop_sequence",
    "completed": "end",
    "complete": "end",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "recitation": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
}
"""Besides OpenAI's own: Together's `eos`, Mistral's `model_length`, Z.ai's `sensitive`, and the words of Anthropic, Bedrock and Gemini that
compatible endpoints let through."""

_ENDS = frozenset(("end", "stop_sequence", "unknown", "pause"))
_WORDS: dict[StopReason, str] = {
    "end": "stop",
    "stop_sequence": "stop",
    "pause": "stop",
    "unknown": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def decode_finish(word: str | None, *, calls: bool) -> Stop:
    """`calls` says that the answer has tool calls: an answer that simply ends then waits for their results (Gemini's and Mistral's
    compatible endpoints, and forced tool choices on OpenAI's, say `stop`)."""
    reason: StopReason = "unknown" if word is None else _REASONS.get(word.lower(), "unknown")
    if calls and reason in _ENDS:
        reason = "tool_calls"
    return Stop(reason, word)


def encode_finish(stop: Stop, *, calls: bool, legacy: bool) -> str:
    """OpenAI's word; `calls` as above, `legacy` for clients that know `function_call`."""
    word = "tool_calls" if calls and stop.reason in _ENDS else _WORDS[stop.reason]
    return "function_call" if legacy and word == "tool_calls" else word

"""The bytes of the benchmark: what clients send and what the upstream answers, in each dialect.

Every answer carries the same text, so that a gateway's answer can be checked. Used by the upstream (answers), the scenarios (requests) and
the probe (what must come back).
"""

import json
from collections.abc import Iterator
from typing import Any

CLAUDE = "claude-sonnet-4-5"
GPT = "gpt-4o-mini"
GEMINI = "gemini-2.5-flash"
EMBEDDING = "text-embedding-3-small"
TOKENS = 200
"""Token events in one streamed answer."""

TEXT = "The tide comes in twice a day because the water follows the moon, and the shore turns under it. " * 2
PIECES = [f" tide{number:03d}" for number in range(TOKENS)]
STREAMED = "".join(PIECES)

VECTOR = [(number * 37 % 1001 - 500) / 8192 for number in range(1536)]
"""What an embedding is, as long as OpenAI's small model makes it."""

_SYSTEM = "You are a careful assistant. Answer in plain English, in at most two sentences, and say so when you do not know."
_QUESTION = "Why does the tide come in twice a day, and not once, although the moon passes over a place on the shore only once a day? "
_USAGE_IN = 113

Json = dict[str, Any]


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def chat_request(model: str, *, stream: bool = False, prompt_bytes: int = 0) -> bytes:
    """An OpenAI chat request of 0.5 kB, or with a prompt of about `prompt_bytes`."""
    body: Json = {
        "model": model,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _prompt(prompt_bytes)}],
        "max_tokens": 400,
        "temperature": 0.7,
    }
    return compact(body | ({"stream": True} if stream else {}))


def messages_request(model: str, *, stream: bool = False) -> bytes:
    """The same request as an Anthropic client sends it."""
    body: Json = {
        "model": model,
        "max_tokens": 400,
        "temperature": 0.7,
        "system": _SYSTEM,
        "messages": [{"role": "user", "content": _prompt(0)}],
    }
    return compact(body | ({"stream": True} if stream else {}))


def responses_request(model: str) -> bytes:
    """The same request as a client of the Responses API sends it."""
    return compact(
        {"model": model, "instructions": _SYSTEM, "input": _prompt(0), "max_output_tokens": 400, "temperature": 0.7, "store": False}
    )


def gemini_request() -> bytes:
    """The same request as a Gemini client sends it; the model stands in the path."""
    return compact(
        {
            "systemInstruction": {"parts": [{"text": _SYSTEM}]},
            "contents": [{"role": "user", "parts": [{"text": _prompt(0)}]}],
            "generationConfig": {"maxOutputTokens": 400, "temperature": 0.7},
        }
    )


def embeddings_request(model: str) -> bytes:
    """One text, for a vector of floats."""
    return compact({"model": model, "input": _prompt(0), "encoding_format": "float"})


def _prompt(size: int) -> str:
    return _QUESTION * max(2, size // len(_QUESTION))


def anthropic_answer() -> bytes:
    usage = {"input_tokens": _USAGE_IN, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 44}
    content = [{"type": "text", "text": TEXT}]
    return compact(_anthropic_message() | {"content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})


def openai_answer() -> bytes:
    message = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    usage = {"prompt_tokens": _USAGE_IN, "completion_tokens": 44, "total_tokens": _USAGE_IN + 44}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return compact(_openai_head("chat.completion") | {"choices": [choice], "usage": usage, "system_fingerprint": "fp_tide"})


def responses_answer() -> bytes:
    part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
    message = {"id": "msg_TideTideTideTide", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    usage = {
        "input_tokens": _USAGE_IN,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 44,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": _USAGE_IN + 44,
    }
    head = {"id": "resp_TideTideTideTideTide", "object": "response", "created_at": 1_790_000_000, "status": "completed", "model": GPT}
    return compact(head | {"error": None, "incomplete_details": None, "output": [message], "tools": [], "usage": usage})


def gemini_answer() -> bytes:
    candidate = {"content": {"parts": [{"text": TEXT}], "role": "model"}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": _USAGE_IN, "candidatesTokenCount": 44, "totalTokenCount": _USAGE_IN + 44}
    return compact({"candidates": [candidate], "usageMetadata": usage, "modelVersion": GEMINI, "responseId": "TideTideTideTide"})


def embeddings_answer() -> bytes:
    row = {"object": "embedding", "index": 0, "embedding": VECTOR}
    usage = {"prompt_tokens": _USAGE_IN, "total_tokens": _USAGE_IN}
    return compact({"object": "list", "data": [row], "model": EMBEDDING, "usage": usage})


def anthropic_events() -> list[bytes]:
    """The stream as one frame for each event; frames 2 to 2 + TOKENS - 1 are the tokens."""
    usage = {"input_tokens": _USAGE_IN, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    message = _anthropic_message() | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[Json] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in PIECES),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": TOKENS}},
        {"type": "message_stop"},
    ]
    return [b"event: %s\ndata: %s\n\n" % (event["type"].encode(), compact(event)) for event in events]


def openai_events() -> list[bytes]:
    """As `anthropic_events`, in OpenAI's chunks; a usage chunk is there, as every gateway asks for one."""
    head = _openai_head("chat.completion.chunk") | {"system_fingerprint": "fp_tide"}
    usage = {"prompt_tokens": _USAGE_IN, "completion_tokens": TOKENS, "total_tokens": _USAGE_IN + TOKENS}

    def chunk(delta: Json, finish: str | None = None) -> Json:
        return head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], "usage": None}

    events = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece}) for piece in PIECES),
        chunk({}, "stop"),
        head | {"choices": [], "usage": usage},
    ]
    return [*(b"data: %s\n\n" % compact(event) for event in events), b"data: [DONE]\n\n"]


def text_of(body: bytes) -> str:
    """The answer's text out of what a gateway sent back: whole or streamed, in any dialect; of an embedding its first
    numbers. Raises `ValueError` elsewhere."""
    if body.lstrip().startswith(b"{"):
        return _whole_text(json.loads(body))
    return "".join(_deltas(body))


def _whole_text(answer: Json) -> str:
    if "choices" in answer:
        return answer["choices"][0]["message"]["content"]
    if "content" in answer:
        return answer["content"][0]["text"]
    if "candidates" in answer:
        return answer["candidates"][0]["content"]["parts"][0]["text"]
    if "output" in answer:
        return answer["output"][0]["content"][0]["text"]
    if "data" in answer:
        return str(answer["data"][0]["embedding"][:3])
    raise ValueError(f"not an answer: {json.dumps(answer)[:300]}")


def _deltas(body: bytes) -> Iterator[str]:
    for line in body.decode().splitlines():
        if line.startswith("data: {"):
            event = json.loads(line[6:])
            if "choices" in event:
                yield from ((choice["delta"].get("content") or "") for choice in event["choices"])
            elif event.get("type") == "content_block_delta":
                yield event["delta"]["text"]


def _anthropic_message() -> Json:
    return {"id": "msg_01TideTideTideTideTideTide", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929"}


def _openai_head(kind: str) -> Json:
    return {"id": "chatcmpl-TideTideTideTideTideTideTide", "object": kind, "created": 1_790_000_000, "model": "gpt-4o-mini-2024-07-18"}

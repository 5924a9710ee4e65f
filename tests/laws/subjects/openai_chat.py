"""Chat completions under the laws."""

import json
from typing import Any

import msgspec
from tests.laws.openai_normal import normal
from tests.laws.recorded import own_file, profile
from tests.laws.subject import Subject

from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir.content import ToolUse
from tidegate.ir.request import Request
from tidegate.ir.response import Response


def bare(answer: Response) -> Response:
    """An answer without what the gateway stamps, and what only whole answers or only streams have."""
    blocks = [
        msgspec.structs.replace(block, id="", extras={}, arguments=block.arguments or "{}") if isinstance(block, ToolUse) else block
        for block in answer.blocks
    ]
    stop = msgspec.structs.replace(answer.stop, raw=None)
    usage = answer.usage and msgspec.structs.replace(
        answer.usage,
        extras={},
        cost_nano=None,
        web_searches=None,
        cache_read=answer.usage.cache_read or 0,
        reasoning=answer.usage.reasoning or 0,
        input=answer.usage.input or 0,
        output=answer.usage.output or 0,
    )
    return msgspec.structs.replace(answer, id="", created=0, service_tier=None, blocks=blocks, stop=stop, usage=usage, extras={}, unread=[])


def _sent(request: Request) -> Request:
    """Usage is asked for in every stream, and `functions` go out as the `tools` that they have become."""
    return msgspec.structs.replace(
        request, model="target-model", include_usage=request.include_usage or request.stream, legacy_functions=False
    )


def _told(told: Response, whole: Response) -> bool:
    return told == msgspec.structs.replace(whole, extras={}, unread=[])


def _is_usage_only(data: bytes) -> bool:
    chunk = json.loads(data)
    return chunk["choices"] == [] and "usage" in chunk


def _of_anthropic(request: Request) -> Request:
    return msgspec.structs.replace(request, dialect="anthropic")


_SEEDS: tuple[dict[str, Any], ...] = (
    {
        "model": "m",
        "n": 1,
        "logprobs": True,
        "top_logprobs": 2,
        "logit_bias": {"50256": -100},
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "max_tokens": 10,
        "max_completion_tokens": 20,
        "top_k": 5,
        "stop": "END",
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "thinking": {"type": "enabled", "budget_tokens": 1024, "clear_thinking": False},
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "user": "u",
        "safety_identifier": "s",
        "cache_control": {"type": "ephemeral"},
        "response_format": {"type": "json_object"},
        "tool_choice": {"type": "custom", "custom": {"name": "c"}},
        "tools": [
            {"type": "custom", "custom": {"name": "c"}},
            {"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}},
            {"type": "openrouter:web_search", "parameters": {"max_results": 3}},
        ],
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {
                "role": "user",
                "content": [{"type": "document_url", "document_url": "https://example.org/a.pdf"}, {"type": "image_url", "image_url": "x"}],
            },
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "refusal", "refusal": "no"}],
                "refusal": "never",
                "audio": {"id": "audio_1"},
                "reasoning_content": "plain",
                "reasoning_details": [
                    {
                        "type": "reasoning.text",
                        "text": "hm",
                        "signature": "sig",
                        "format": "tidegate/v1",
                        "origin": {"dialect": "anthropic", "provider": "anthropic", "model": "claude"},
                        "index": 0,
                    }
                ],
                "tool_calls": [
                    {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}, "index": 0},
                    {"id": "c2", "type": "custom", "custom": {"name": "c", "input": "x"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "ok", "cache_control": {"type": "ephemeral"}}]},
            {"role": "tool", "tool_call_id": "c2", "content": "ok", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
    },
)

SUBJECT = Subject(
    dialect=DIALECT,
    api="openai.chat",
    least=1500,
    normal=normal,
    bare=bare,
    kept=bare,
    folded=bare,
    told=_told,
    sent=_sent,
    more_seeds=_SEEDS,
    foreign=(_of_anthropic,),
    targets=tuple(profile(thinking=style, sampling=False, structured="none") for style in ("none", "effort")),
    ended=lambda written: written.endswith(b"data: [DONE]\n\n"),
    hides=_is_usage_only,
    own_stream=lambda case: own_file("openai_chat", case, "stream.sse"),
    invalid_requests=frozenset(
        (
            # Azure has the model in the URL.
            "dd-trace-py-e6ad8f28ef4d",
            # No message; OpenAI answered 400 as well.
            "ai-gateway-bede587ad1e8",
        )
    ),
    # Audio of a whole answer is not put into a stream.
    changed_answers=frozenset(("ai-gateway-4d88f9ca36cc",)),
)

"""Anthropic's messages under the laws."""

from typing import Any

import msgspec
from tests.laws.anthropic_normal import normal
from tests.laws.recorded import own_file, profile, with_plain_arguments
from tests.laws.subject import Subject

from tidegate.dialects.anthropic import DIALECT
from tidegate.ir.request import Request
from tidegate.ir.response import Response


def _bare(answer: Response) -> Response:
    """What nobody models of an answer travels in a stream as native events, which a fold does not see."""
    return msgspec.structs.replace(answer, extras={})


def _folded(answer: Response) -> Response:
    """The arguments of a call are an object on the wire, whose blanks are not kept."""
    return with_plain_arguments(_bare(answer))


def _told(told: Response, whole: Response) -> bool:
    return with_plain_arguments(msgspec.structs.replace(told, extras=whole.extras)) == with_plain_arguments(whole)


def _with_a_model(body: dict[str, Any]) -> dict[str, Any]:
    """Bedrock and Vertex have the model in the URL."""
    return {"model": "in-the-url", **body}


def _of_chat(request: Request) -> Request:
    return msgspec.structs.replace(request, dialect="openai_chat")


_SEEDS: tuple[dict[str, Any], ...] = (
    {
        "model": "m",
        "max_tokens": 64,
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}},
        "tool_choice": {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
        "tools": [{"name": "t", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}],
        "container": {"id": "c"},
        "mcp_servers": [{"type": "url", "url": "https://mcp.example.org", "name": "x"}],
        "context_management": {"edits": []},
        "cache_control": {"type": "ephemeral"},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
                    {
                        "type": "search_result",
                        "source": "s",
                        "title": "t",
                        "content": [{"type": "text", "text": "x"}],
                        "citations": {"enabled": True},
                    },
                    {"type": "container_upload", "file_id": "f"},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": "", "signature": "s"}],
            },
            {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "t"}}]},
        ],
    },
)

SUBJECT = Subject(
    dialect=DIALECT,
    api="anthropic.messages",
    least=700,
    normal=normal,
    bare=_bare,
    folded=_folded,
    told=_told,
    recorded_request=_with_a_model,
    more_seeds=_SEEDS,
    foreign=(_of_chat,),
    targets=tuple(profile(thinking=style, max_output=8192) for style in ("none", "budget", "adaptive")),
    ended=lambda written: written.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    own_stream=lambda case: own_file("anthropic", case, "stream.sse"),
    # Its only message is a string; Anthropic answered 400 as well.
    invalid_requests=frozenset(("dd-trace-py-3a25a3f1ecfc",)),
)

"""Google's generateContent under the laws."""

from typing import Any

import msgspec
from tests.laws.gemini_normal import normal
from tests.laws.recorded import own_file, profile
from tests.laws.subject import Subject

from tidegate.dialects.gemini import DIALECT
from tidegate.ir.request import Request
from tidegate.ir.response import Response


def _bare(answer: Response) -> Response:
    """Without what a fold of a stream does not see."""
    return msgspec.structs.replace(answer, extras={}, unread=[])


def _told(told: Response, whole: Response) -> bool:
    return told == _bare(whole)


def _of_chat(request: Request) -> Request:
    return msgspec.structs.replace(request, dialect="openai_chat", instructions=False)


_SEEDS: tuple[dict[str, Any], ...] = (
    {
        "system_instruction": {"parts": {"text": "x"}},
        "contents": {"parts": {"text": "x", "thought": False}},
        "tools": {
            "function_declarations": {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"anyOf": [{"type": "STRING"}]}}}}
        },
        "tool_config": {
            "function_calling_config": {"mode": "VALIDATED", "allowed_function_names": ["f"]},
            "retrievalConfig": {"latLng": {}},
        },
        "generation_config": {
            "candidate_count": 1,
            "response_mime_type": "text/x.enum",
            "response_schema": {"type": "STRING", "enum": ["a"]},
            "response_logprobs": False,
            "presence_penalty": 0.5,
            "thinking_config": {"thinking_budget": 100},
            "speech_config": {"voiceConfig": {}},
        },
    },
)

SUBJECT = Subject(
    dialect=DIALECT,
    api="gemini.generate",
    least=800,
    normal=normal,
    bare=_bare,
    folded=_bare,
    told=_told,
    sent=lambda request: request,
    more_seeds=_SEEDS,
    foreign=(_of_chat,),
    targets=tuple(profile(thinking=style, max_output=8192, signed_calls=True) for style in ("none", "budget", "effort")),
    ended=lambda written: written.endswith(b"\r\n\r\n"),
    own_stream=lambda case: own_file("gemini", case, "stream.sse"),
    # A content of the role `system`; Vertex answered 400 as well.
    invalid_requests=frozenset(("opentelemetry-python-contrib-8fa157186fe7",)),
    arrays=True,
)

"""The Responses API under the laws."""

import json

import msgspec
from tests.laws.recorded import own_file, profile
from tests.laws.responses_normal import normal
from tests.laws.subject import Subject

from tidegate.dialects.openai_responses import DIALECT
from tidegate.ir.content import Block, Text, Thinking, ToolUse
from tidegate.ir.request import Request
from tidegate.ir.response import Response


def bare(answer: Response) -> Response:
    """An answer without what the gateway stamps, what only whole answers have, and with zeros spelled out as the schema wants them."""
    usage = answer.usage and msgspec.structs.replace(
        answer.usage,
        cache_read=answer.usage.cache_read or 0,
        cache_write=answer.usage.cache_write or 0,
        reasoning=answer.usage.reasoning or 0,
        input=answer.usage.input or 0,
        output=answer.usage.output or 0,
        web_searches=None,
    )
    return msgspec.structs.replace(
        answer, blocks=[_bare_block(block) for block in answer.blocks], usage=usage, extras={}, unread=[], service_tier=None
    )


def _bare_block(block: Block) -> Block:
    if isinstance(block, Thinking) and block.signature is not None:
        rest = {name: value for name, value in json.loads(block.signature).items() if name != "id"}
        return msgspec.structs.replace(block, extras={}, signature=json.dumps(rest, sort_keys=True))
    return msgspec.structs.replace(block, extras={}) if isinstance(block, ToolUse | Text | Thinking) else block


def _of_anthropic(request: Request) -> Request:
    return msgspec.structs.replace(request, dialect="anthropic")


SUBJECT = Subject(
    dialect=DIALECT,
    api="openai.responses",
    least=900,
    normal=normal,
    bare=bare,
    kept=bare,
    folded=bare,
    told=lambda told, whole: told == whole,
    foreign=(_of_anthropic,),
    targets=(profile(thinking="effort", sampling=False),),
    ended=lambda written: b"event: response.completed" in written or b"event: response.incomplete" in written,
    own_stream=lambda case: own_file("openai_responses", case, "stream.sse"),
    # No model: a stored prompt names it, and the gateway routes by the model.
    invalid_requests=frozenset(
        ("dd-trace-py-0a37facb7cd9", "dd-trace-py-413ca72e8062", "dd-trace-py-19c6489a6cd0", "dd-trace-py-efacdbd30de9")
    ),
    # OpenRouter says `complete` where OpenAI's own word, the only one that clients know, is `completed`.
    changed_answers=frozenset(
        ("pydantic-ai-04b47d1891fd", "pydantic-ai-c33dc5faf530", "pydantic-ai-031928006076", "pydantic-ai-1ec64db08f7f")
    ),
)

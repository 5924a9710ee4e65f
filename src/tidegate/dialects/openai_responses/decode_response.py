"""A whole answer, from the wire to the neutral model. Wrong types are a provider's slip and are passed over; only an answer that is none
(an error, a failure, no output) raises `GatewayError`."""

from collections.abc import Iterator

from tidegate.dialects.openai_errors import error_of, upstream_error
from tidegate.dialects.openai_responses.answer_items import blocks_of
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.openai_responses.reasoning import ENCRYPTED
from tidegate.dialects.openai_responses.status import decode_stop
from tidegate.dialects.openai_responses.usage import decode_usage
from tidegate.dialects.unread import fresh
from tidegate.dialects.values import object_or_empty, parse, text_or_empty
from tidegate.ir.content import Block, Origin, Text, ToolUse
from tidegate.ir.errors import GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.response import Response

_KNOWN = frozenset(("id", "object", "created_at", "model", "output", "usage", "status", "incomplete_details", "error", "service_tier"))
_REASONING = frozenset(("id", "type", "status", "summary", "content", ENCRYPTED))
_ECHO = frozenset(
    (
        "background",
        "billing",
        "completed_at",
        "conversation",
        "frequency_penalty",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "output_text",
        "parallel_tool_calls",
        "presence_penalty",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tool_usage",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    )
)
"""What an answer repeats of its request, or says of its bookkeeping. The encoder of answers makes these from the request again."""


def decode_response(body: bytes, origin: Origin) -> Response:
    """`origin` is where it was made."""
    try:
        raw = parse(body)
    except ValueError as error:
        raise GatewayError(upstream_error(f"the provider's answer is not JSON: {error}")) from None
    if type(raw) is not dict:
        raise GatewayError(upstream_error("the provider's answer is not a JSON object"))
    if raw.get("error") or raw.get("status") == "failed":
        raise GatewayError(error_of(raw))
    output = raw.get("output")
    if type(output) is not list:
        raise GatewayError(error_of(raw) if "message" in raw else upstream_error("the provider's answer has no output"))
    blocks = _blocks(output, origin)
    tier = raw.get("service_tier")
    return Response(
        dialect=NAME,
        id=text_or_empty(raw.get("id")),
        model=text_or_empty(raw.get("model")),
        blocks=blocks,
        stop=decode_stop(raw, calls=any(type(block) is ToolUse for block in blocks)),
        usage=decode_usage(raw),
        created=created_of(raw),
        service_tier=tier if type(tier) is str else None,
        extras=extras_of(raw),
        unread=[name for at, item in enumerate(output) for name in _unread(object_or_empty(item), f"output[{at}].")],
    )


def extras_of(raw: JsonObject) -> JsonObject:
    """What an answer says besides what is modelled, and what the encoder makes again."""
    return {name: value for name, value in raw.items() if name not in _KNOWN and name not in _ECHO and value is not None}


def _unread(item: JsonObject, path: str) -> Iterator[str]:
    """Of reasoning, whose other fields go with a signature only; all other items keep what is not known."""
    if item.get("type") == "reasoning" and not item.get(ENCRYPTED):
        yield from fresh(item, _REASONING, path)


def _blocks(output: list[Json], origin: Origin) -> list[Block]:
    blocks: list[Block] = []
    before = 0
    for item in output:
        found = blocks_of(object_or_empty(item), origin, before) if item else []
        before += sum(len(block.text) for block in found if isinstance(block, Text))
        blocks += found
    return blocks


def created_of(response: JsonObject) -> int | None:
    value = response.get("created_at")
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 53 else None
